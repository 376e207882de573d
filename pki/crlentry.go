package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"iter"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidReasonCode        = asn1.ObjectIdentifier{2, 5, 29, 21}
	derCertificateIssuer = []byte{0x06, 0x03, 0x55, 0x1d, 0x1d} // 2.5.29.29
)

// Len returns the number of entries. Several entries for one serial are counted separately.
func (c *CRL) Len() int { return c.count }

// Entries yields the entries in their order, each read when it is asked for, with SerialNumber,
// RevocationTime, ReasonCode, Extensions and Raw. An entry that is malformed behind its serial
// comes with an error and with the fields that could be read. The entries after it follow all the
// same: libvirt looks only at the serial, so even a malformed entry revokes.
func (c *CRL) Entries() iter.Seq2[x509.RevocationListEntry, error] {
	return func(yield func(x509.RevocationListEntry, error) bool) {
		n := 0
		for raw := range c.rawEntries() {
			n++
			entry, err := parseEntry(raw)
			if err != nil {
				err = fmt.Errorf("entry %d: %w", n, err)
			}
			if !yield(entry, err) {
				return
			}
		}
	}
}

// Find returns the first entry for a serial and whether there is one. It looks through the whole
// list: some ten milliseconds for a million entries. It also finds an entry that is malformed
// behind its serial.
func (c *CRL) Find(serial *big.Int) (x509.RevocationListEntry, bool) {
	want := integer(serial)
	for raw, got := range c.rawEntries() {
		if bytes.Equal(got, want) {
			entry, _ := parseEntry(raw)
			return entry, true
		}
	}
	return x509.RevocationListEntry{}, false
}

// FindAll returns the first entry for each of some serials that the list has, by
// [math/big.Int.String]. It looks through the list once.
func (c *CRL) FindAll(serials []*big.Int) map[string]x509.RevocationListEntry {
	texts := make(map[string]string, len(serials))
	for _, serial := range serials {
		texts[string(integer(serial))] = serial.String()
	}
	found := make(map[string]x509.RevocationListEntry)
	for raw, got := range c.rawEntries() {
		text, wanted := texts[string(got)]
		if _, have := found[text]; wanted && !have {
			found[text], _ = parseEntry(raw)
		}
	}
	return found
}

// rawEntries yields the encoding and the contents of the serial of each entry.
func (c *CRL) rawEntries() iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		rest := c.entries
		var raw, serial cryptobyte.String
		for cutEntry(&rest, &raw, &serial) {
			if !yield(raw, serial) {
				return
			}
		}
	}
}

// countEntries checks the frame of each entry and sets the count.
func (c *CRL) countEntries() error {
	rest := c.entries
	var raw, serial cryptobyte.String
	for ; !rest.Empty(); c.count++ {
		if !cutEntry(&rest, &raw, &serial) {
			return fmt.Errorf("entry %d is malformed", c.count+1)
		}
	}
	return nil
}

// cutEntry takes the next entry off rest. Its serial must be an INTEGER in the
// shortest form, as DER has it (X.690 section 8.3.2); it may be negative or
// longer than the 20 octets of RFC 5280, as those of some old CAs are.
func cutEntry(rest, raw, serial *cryptobyte.String) bool {
	var fields cryptobyte.String
	if !rest.ReadASN1Element(raw, der.SEQUENCE) {
		return false
	}
	fields = *raw
	return fields.ReadASN1(&fields, der.SEQUENCE) && fields.ReadASN1(serial, der.INTEGER) && isShortest(*serial)
}

// isShortest reports whether the first nine bits of an INTEGER are not all equal.
func isShortest(integer []byte) bool {
	switch {
	case len(integer) < 2:
		return len(integer) == 1
	case integer[0] == 0:
		return integer[1]&0x80 != 0
	case integer[0] == 0xff:
		return integer[1]&0x80 == 0
	}
	return true
}

// integer returns the contents of n as an INTEGER.
func integer(n *big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1BigInt(n)
	element := cryptobyte.String(b.BytesOrPanic())
	element.ReadASN1(&element, der.INTEGER)
	return element
}

// parseEntry reads an entry (section 5.1.2.6). With an error it also returns the fields before the
// flaw.
func parseEntry(raw []byte) (x509.RevocationListEntry, error) {
	entry := x509.RevocationListEntry{Raw: raw, SerialNumber: new(big.Int)}
	fields := cryptobyte.String(raw)
	if !fields.ReadASN1(&fields, der.SEQUENCE) || !fields.ReadASN1Integer(entry.SerialNumber) {
		return entry, errors.New("malformed serial")
	}
	if !readTime(&fields, &entry.RevocationTime) {
		return entry, fmt.Errorf("malformed revocationDate of serial %x", entry.SerialNumber)
	}
	var extensions cryptobyte.String
	if !fields.ReadOptionalASN1(&extensions, nil, der.SEQUENCE) {
		return entry, fmt.Errorf("malformed crlEntryExtensions of serial %x", entry.SerialNumber)
	}
	var ok bool
	if entry.Extensions, ok = readExtensions(extensions); !ok {
		return entry, fmt.Errorf("malformed extension of serial %x", entry.SerialNumber)
	}
	return entry, readReason(&entry)
}

// readReason sets the reason from the entry's extensions (section 5.3.1).
func readReason(entry *x509.RevocationListEntry) error {
	for _, ext := range entry.Extensions {
		value := cryptobyte.String(ext.Value)
		if ext.Id.Equal(oidReasonCode) && !value.ReadASN1Enum(&entry.ReasonCode) {
			return fmt.Errorf("malformed reasonCode of serial %x", entry.SerialNumber)
		}
	}
	return nil
}
