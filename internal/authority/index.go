package authority

import (
	"cmp"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"sort"
	"strings"
	"time"

	"virtpki/dn"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// unknownSubject stands for the subject of a certificate without a record.
const unknownSubject = "/CN=unknown"

// Index lists the records of a CA and the revocations without one, oldest first.
func Index(a *Authority) ([]pki.IndexEntry, error) {
	certs, err := a.signed()
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
	ix := &index{bySerial: make(map[string]*pki.IndexEntry)}
	for _, cert := range certs {
		ix.add(cert)
	}
	for _, r := range gone { // of generations that were dropped, too
		if ix.bySerial[r.Cert.SerialNumber.String()] == nil {
			ix.add(r.Cert)
		}
	}
	for _, list := range a.recalled {
		if err := ix.revoke(list, a.CA.Certificate.NotAfter); err != nil {
			return nil, err
		}
	}
	return sorted(ix.entries), nil
}

// index collects the entries of an index that is being made.
type index struct {
	bySerial map[string]*pki.IndexEntry
	entries  []*pki.IndexEntry
}

func (ix *index) add(cert *x509.Certificate) {
	ix.put(&pki.IndexEntry{Serial: cert.SerialNumber, NotAfter: cert.NotAfter, Subject: slashed(subject.Of(cert))})
}

func (ix *index) put(entry *pki.IndexEntry) {
	ix.bySerial[entry.Serial.String()] = entry
	ix.entries = append(ix.entries, entry)
}

// revoke adds the revocations of a list; those without a record expire at end. Of several
// revocations of one certificate the gravest counts.
func (ix *index) revoke(list *pki.CRL, end time.Time) error {
	for revoked, err := range list.Entries() {
		if err != nil {
			return err
		}
		entry := ix.bySerial[revoked.SerialNumber.String()]
		if entry == nil {
			entry = &pki.IndexEntry{Serial: revoked.SerialNumber, NotAfter: end, Subject: unknownSubject}
			ix.put(entry)
		}
		if reason := pki.Reason(revoked.ReasonCode); entry.Revoked.IsZero() || gravity(reason) > gravity(entry.Reason) {
			entry.Revoked, entry.Reason = revoked.RevocationTime, reason
		}
	}
	return nil
}

func sorted(entries []*pki.IndexEntry) []pki.IndexEntry {
	list := make([]pki.IndexEntry, len(entries))
	for i, entry := range entries {
		list[i] = *entry
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), a.Serial.Cmp(b.Serial)) < 0
	})
	return list
}

// opensslNames holds OpenSSL's names of the attribute types for which it has another name.
var opensslNames = map[string]string{"EMAIL": "emailAddress", "surName": "SN", "givenName": "GN"}

// slashed returns a DN in the form of OpenSSL's index (crypto/x509/x509_obj.c):
// /C=GB/O=Example/OU=a+OU=b/CN=admin, with a backslash before / and + in a value, and \xNN for a
// byte that is not printable ASCII.
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

// contents returns the bytes of a DER value without its header.
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
