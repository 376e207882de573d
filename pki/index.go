package pki

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// IndexEntry is one line of an index.txt, the database of "openssl ca" and of
// easy-rsa (OpenSSL, apps/ca.c and crypto/txt_db).
type IndexEntry struct {
	Serial   *big.Int
	NotAfter time.Time
	Revoked  time.Time // zero unless revoked
	Reason   Reason    // of the revocation
	Subject  string    // in the form /C=GB/O=Example/CN=admin
}

// The columns of a line.
const (
	indexStatus = iota
	indexNotAfter
	indexRevoked
	indexSerial
	indexFile
	indexSubject
	indexColumns
)

// The two forms of a date: with two digits for the year until
// 2049, with four after it.
const (
	indexShortDate = "060102150405Z"
	indexLongDate  = "20060102150405Z"
)

// ParseIndex reads an index.txt. The error names the line.
func ParseIndex(data []byte) ([]IndexEntry, error) {
	var entries []IndexEntry
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			continue
		}
		entry, err := parseIndexLine(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func parseIndexLine(text string) (entry IndexEntry, err error) {
	columns := strings.Split(text, "\t")
	if len(columns) != indexColumns {
		return entry, fmt.Errorf("%d columns, want %d separated by tabs", len(columns), indexColumns)
	}
	if entry.NotAfter, err = parseIndexDate(columns[indexNotAfter]); err != nil {
		return entry, err
	}
	serial, ok := new(big.Int).SetString(columns[indexSerial], 16)
	if !ok {
		return entry, fmt.Errorf("serial %q is not hexadecimal", columns[indexSerial])
	}
	entry.Serial, entry.Subject = serial, columns[indexSubject]
	switch columns[indexStatus] {
	case "V", "E":
		return entry, nil
	case "R":
		entry.Revoked, entry.Reason, err = parseIndexRevocation(columns[indexRevoked])
		return entry, err
	}
	return entry, fmt.Errorf("status %q (V, R or E)", columns[indexStatus])
}

// parseIndexRevocation reads a date and, behind a comma, a reason. What may
// stand behind the reason (an instruction, a time of compromise) is left out.
func parseIndexRevocation(text string) (time.Time, Reason, error) {
	date, rest, _ := strings.Cut(text, ",")
	at, err := parseIndexDate(date)
	if err != nil {
		return at, ReasonUnspecified, err
	}
	name, _, _ := strings.Cut(rest, ",")
	if name == "" {
		return at, ReasonUnspecified, nil
	}
	if reason, ok := indexReasons[name]; ok {
		return at, reason, nil
	}
	reason, err := ParseReason(name)
	return at, reason, err
}

// indexReasons are the words that OpenSSL has beside the names of RFC 5280: each
// is followed by a detail.
var indexReasons = map[string]Reason{
	"holdInstruction": ReasonCertificateHold,
	"keyTime":         ReasonKeyCompromise,
	"CAkeyTime":       ReasonCACompromise,
}

func parseIndexDate(text string) (time.Time, error) {
	form := indexShortDate
	if len(text) == len(indexLongDate) {
		form = indexLongDate
	}
	at, err := time.Parse(form, text)
	if err != nil {
		return at, fmt.Errorf("date %q (want YYMMDDhhmmssZ)", text)
	}
	return at, nil
}

// FormatIndex prints entries as an index.txt. What has expired at now is marked
// so, unless it was revoked.
func FormatIndex(entries []IndexEntry, now time.Time) []byte {
	var out bytes.Buffer
	for _, entry := range entries {
		fmt.Fprintf(&out, "%s\t%s\t%s\t%s\tunknown\t%s\n", entry.status(now), formatIndexDate(entry.NotAfter),
			entry.revocation(), indexSerialText(entry.Serial), entry.Subject)
	}
	return out.Bytes()
}

func (e IndexEntry) status(now time.Time) string {
	switch {
	case !e.Revoked.IsZero():
		return "R"
	case now.After(e.NotAfter):
		return "E"
	}
	return "V"
}

func (e IndexEntry) revocation() string {
	if e.Revoked.IsZero() {
		return ""
	}
	text := formatIndexDate(e.Revoked)
	switch e.Reason {
	case ReasonUnspecified, ReasonPrivilegeWithdrawn, ReasonAACompromise:
		return text // the last two are unknown to OpenSSL's index
	}
	return text + "," + e.Reason.String()
}

func formatIndexDate(at time.Time) string {
	if at = at.UTC(); at.Year() < 2050 {
		return at.Format(indexShortDate)
	}
	return at.Format(indexLongDate)
}

// indexSerialText is a serial in upper-case hexadecimal, whole bytes.
func indexSerialText(serial *big.Int) string {
	text := fmt.Sprintf("%X", serial)
	if len(text)%2 == 1 {
		text = "0" + text
	}
	return text
}
