package pki

import (
	"bytes"
	"fmt"
	"math/big"
	"regexp"
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

// The two forms of a date: with two digits for the years 1950 to 2049, with four
// for the others.
const (
	indexShortDate = "060102150405Z"
	indexLongDate  = "20060102150405Z"
)

// ParseIndex reads an index.txt. It skips empty lines, and those that begin with #, as OpenSSL
// does. The error names the line. A serial may stand on several lines.
func ParseIndex(data []byte) ([]IndexEntry, error) {
	var entries []IndexEntry
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" || text[0] == '#' {
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

// indexSerialForm matches the serials that OpenSSL writes. A minus sign belongs to a serial that
// RFC 5280 does not allow, but that was signed all the same.
var indexSerialForm = regexp.MustCompile(`^-?[0-9A-Fa-f]+$`)

func parseIndexLine(text string) (entry IndexEntry, err error) {
	columns := strings.Split(text, "\t")
	if len(columns) != indexColumns {
		return entry, fmt.Errorf("%d columns, want %d separated by tabs", len(columns), indexColumns)
	}
	if entry.NotAfter, err = parseIndexDate(columns[indexNotAfter]); err != nil {
		return entry, err
	}
	if !indexSerialForm.MatchString(columns[indexSerial]) {
		return entry, fmt.Errorf("serial %q is not hexadecimal", columns[indexSerial])
	}
	entry.Serial, _ = new(big.Int).SetString(columns[indexSerial], 16)
	entry.Subject = columns[indexSubject]
	switch columns[indexStatus] {
	case "V", "E":
		return entry, nil
	case "R":
		entry.Revoked, entry.Reason, err = parseIndexRevocation(columns[indexRevoked])
		return entry, err
	}
	return entry, fmt.Errorf("status %q (V, R or E)", columns[indexStatus])
}

// parseIndexRevocation reads a date and, behind a comma, a reason. It ignores an instruction or a
// time of compromise behind the reason.
func parseIndexRevocation(text string) (time.Time, Reason, error) {
	date, rest, _ := strings.Cut(text, ",")
	at, err := parseIndexDate(date)
	if err != nil {
		return at, ReasonUnspecified, fmt.Errorf("revocation: %w", err)
	}
	name, _, _ := strings.Cut(rest, ",")
	if name == "" {
		return at, ReasonUnspecified, nil
	}
	for word, reason := range indexReasons {
		if strings.EqualFold(word, name) {
			return at, reason, nil
		}
	}
	reason, err := ParseReason(name)
	return at, reason, err
}

// indexReasons holds the words that OpenSSL uses in addition to the names of RFC 5280. A detail
// follows each of them.
var indexReasons = map[string]Reason{
	"holdInstruction": ReasonCertificateHold,
	"keyTime":         ReasonKeyCompromise,
	"CAkeyTime":       ReasonCACompromise,
}

func parseIndexDate(text string) (at time.Time, err error) {
	switch len(text) {
	case len(indexShortDate):
		at, err = time.Parse(indexLongDate, indexCentury(text)+text)
	case len(indexLongDate):
		at, err = time.Parse(indexLongDate, text)
	default:
		err = fmt.Errorf("%d characters", len(text))
	}
	if err != nil || at.IsZero() {
		return at, fmt.Errorf("date %q (want YYMMDDhhmmssZ)", text)
	}
	return at, nil
}

// indexCentury is the century for the two digits of a year (RFC 5280 section 4.1.2.5.1).
func indexCentury(text string) string {
	if text[0] < '5' {
		return "20"
	}
	return "19"
}

// FormatIndex prints entries as an index.txt. It marks entries that have expired at now, unless
// they were revoked. It writes tabs and ends of lines in a subject as OpenSSL does, \x09. OpenSSL
// knows neither privilegeWithdrawn nor aACompromise, so that FormatIndex prints such a revocation
// without its reason.
func FormatIndex(entries []IndexEntry, now time.Time) []byte {
	var out bytes.Buffer
	for _, entry := range entries {
		fmt.Fprintf(&out, "%s\t%s\t%s\t%s\tunknown\t%s\n", entry.status(now), formatIndexDate(entry.NotAfter),
			entry.revocation(), indexSerialText(entry.Serial), indexEscapes.Replace(entry.Subject))
	}
	return out.Bytes()
}

var indexEscapes = strings.NewReplacer("\t", `\x09`, "\n", `\x0A`, "\r", `\x0D`)

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
		return text
	}
	return text + "," + e.Reason.String()
}

func formatIndexDate(at time.Time) string {
	if at = at.UTC(); at.Year() >= 1950 && at.Year() < 2050 {
		return at.Format(indexShortDate)
	}
	return at.Format(indexLongDate)
}

// indexSerialText returns a serial in upper-case hexadecimal, as whole bytes.
func indexSerialText(serial *big.Int) string {
	digits := fmt.Sprintf("%X", new(big.Int).Abs(serial))
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	if serial.Sign() < 0 {
		return "-" + digits
	}
	return digits
}
