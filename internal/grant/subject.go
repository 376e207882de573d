package grant

import (
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Attribute is one attribute of a subject as it stands in the certificate.
type Attribute struct {
	Type asn1.ObjectIdentifier
	Tag  int    // of the value, such as asn1.TagUTF8String
	Text string // the value; #hex of its encoding if it is not a string
}

// oidCommonName is the type of a CN (X.520).
var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// IsCN reports whether the attribute is a CN.
func (a Attribute) IsCN() bool { return a.Type.Equal(oidCommonName) }

var errSubject = errors.New("its subject is malformed")

// Attributes returns the attributes of an encoded subject in their order. It reads strings of every
// type; encoding/asn1 leaves out the rarer types.
func Attributes(rawSubject []byte) ([]Attribute, error) {
	rest, rdns := cryptobyte.String(rawSubject), cryptobyte.String{}
	if !rest.ReadASN1(&rdns, der.SEQUENCE) || !rest.Empty() {
		return nil, errSubject
	}
	var all []Attribute
	for !rdns.Empty() {
		var rdn cryptobyte.String
		if !rdns.ReadASN1(&rdn, der.SET) {
			return all, errSubject
		}
		for !rdn.Empty() {
			a, ok := readAttribute(&rdn)
			if !ok {
				return all, errSubject
			}
			all = append(all, a)
		}
	}
	return all, nil
}

func readAttribute(rdn *cryptobyte.String) (a Attribute, ok bool) {
	var pair, element, content cryptobyte.String
	var tag der.Tag
	if !rdn.ReadASN1(&pair, der.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&a.Type) ||
		!pair.ReadAnyASN1Element(&element, &tag) || !pair.Empty() || !element.ReadAnyASN1(&content, &tag) {
		return a, false
	}
	a.Tag = int(tag)
	if a.Text, ok = decodeString(a.Tag, content); !ok {
		a.Text = "#" + hex.EncodeToString(content)
	}
	return a, true
}

// The string types that encoding/asn1 has no constants for (X.680 section 8.4).
const (
	tagVisibleString   = 26
	tagUniversalString = 28
)

// decodeString reads a string of any of ASN.1's types that text is written in.
func decodeString(tag int, content []byte) (string, bool) {
	switch tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString:
		return string(content), utf8.Valid(content)
	case asn1.TagT61String, asn1.TagGeneralString, tagVisibleString:
		return latin1(content), true
	case asn1.TagBMPString:
		return bmpString(content)
	case tagUniversalString:
		return universalString(content)
	}
	return "", false
}

func latin1(content []byte) string {
	runes := make([]rune, len(content))
	for i, c := range content {
		runes[i] = rune(c)
	}
	return string(runes)
}

func bmpString(content []byte) (string, bool) {
	if len(content)%2 != 0 {
		return "", false
	}
	units := make([]uint16, 0, len(content)/2)
	for i := 0; i < len(content); i += 2 {
		units = append(units, binary.BigEndian.Uint16(content[i:]))
	}
	return string(utf16.Decode(units)), true
}

func universalString(content []byte) (string, bool) {
	if len(content)%4 != 0 {
		return "", false
	}
	runes := make([]rune, 0, len(content)/4)
	for i := 0; i < len(content); i += 4 {
		runes = append(runes, rune(binary.BigEndian.Uint32(content[i:])))
	}
	return string(runes), true
}
