package authority

import (
	"cmp"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"virtpki/dn"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// unknownSubject stands for that of a certificate which there is no record of.
const unknownSubject = "/CN=unknown"

// Index lists the records of a CA and the revocations without one, oldest first.
func Index(a *Authority) ([]pki.IndexEntry, error) {
	certs, err := a.Signed()
	if err != nil {
		return nil, fmt.Errorf("reading the CA's records: %w", err)
	}
	if err := a.LoadCRL(); err != nil {
		return nil, err
	}
	gone, err := a.revokedRecords()
	if err != nil {
		return nil, err
	}
	bySerial := make(map[string]*pki.IndexEntry)
	var entries []*pki.IndexEntry
	add := func(entry pki.IndexEntry) *pki.IndexEntry {
		bySerial[entry.Serial.String()] = &entry
		entries = append(entries, &entry)
		return &entry
	}
	for _, cert := range certs {
		add(pki.IndexEntry{Serial: cert.SerialNumber, NotAfter: cert.NotAfter, Subject: slashed(subject.Of(cert))})
	}
	for _, r := range gone { // of generations that were dropped, too
		if cert := r.Cert; bySerial[cert.SerialNumber.String()] == nil {
			add(pki.IndexEntry{Serial: cert.SerialNumber, NotAfter: cert.NotAfter, Subject: slashed(subject.Of(cert))})
		}
	}
	for _, list := range a.recalled {
		for revoked, err := range list.Entries() {
			if err != nil {
				return nil, err
			}
			entry := bySerial[revoked.SerialNumber.String()]
			if entry == nil {
				entry = add(pki.IndexEntry{Serial: revoked.SerialNumber, NotAfter: a.CA.Certificate.NotAfter, Subject: unknownSubject})
			}
			if reason := pki.Reason(revoked.ReasonCode); entry.Revoked.IsZero() || gravity(reason) > gravity(entry.Reason) {
				entry.Revoked, entry.Reason = revoked.RevocationTime, reason
			}
		}
	}
	return sorted(entries), nil
}

func sorted(entries []*pki.IndexEntry) []pki.IndexEntry {
	list := make([]pki.IndexEntry, len(entries))
	for i, entry := range entries {
		list[i] = *entry
	}
	slices.SortStableFunc(list, func(a, b pki.IndexEntry) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), a.Serial.Cmp(b.Serial))
	})
	return list
}

// opensslNames are the attribute types that OpenSSL calls otherwise.
var opensslNames = map[string]string{"EMAIL": "emailAddress", "surName": "SN", "givenName": "GN"}

// slashed is a DN in the form of OpenSSL's index (crypto/x509/x509_obj.c):
// /C=GB/O=Example/OU=a+OU=b/CN=admin, with a backslash before / and + in a value,
// and \xNN for a byte that is no printable ASCII.
func slashed(text string) string {
	name, err := dn.Parse(text)
	if err != nil {
		return unknownSubject
	}
	var b strings.Builder
	for _, rdn := range name {
		for i, attribute := range rdn {
			b.WriteByte("/+"[min(i, 1)])
			b.WriteString(cmp.Or(opensslNames[attribute.Type], attribute.Type) + "=")
			value := attribute.Value
			if attribute.DER != nil {
				value = string(contents(attribute.DER))
			}
			writeASCII(&b, value)
		}
	}
	return b.String()
}

// contents are the bytes of a DER value without its header.
func contents(der []byte) []byte {
	var value asn1.RawValue
	if _, err := asn1.Unmarshal(der, &value); err != nil {
		return der
	}
	return value.Bytes
}

func writeASCII(b *strings.Builder, value string) {
	for i := range len(value) {
		switch c := value[i]; {
		case c == '/', c == '+':
			b.Write([]byte{'\\', c})
		case c < ' ', c > '~':
			fmt.Fprintf(b, `\x%02X`, c)
		default:
			b.WriteByte(c)
		}
	}
}
