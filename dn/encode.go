package dn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Encode turns a DN text in libvirt's form into a DER RDNSequence
// (RFC 5280 §4.1.2.4), for use as a raw subject.
//
// Attributes stand in the certificate in the order of the text, one RDN each; "+" puts more than
// one into an RDN. Type names may have any case and the common other spellings (emailAddress, E,
// commonName, dotted OIDs). C, serialNumber and GnuTLS's other PrintableString types become
// PrintableString, DC and EMAIL IA5String, the rest UTF8String, so that [FromRDNSequence] of the
// result is the text again in GnuTLS's spelling. A value given as #hex is used unchanged.
//
// Encode refuses an empty name, an empty value, a type that is not known (unless it is a dotted OID
// with a #hex value), characters that the type's string cannot hold, text that is not valid UTF-8,
// and NUL.
func Encode(text string) ([]byte, error) {
	name, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return name.Encode()
}

// Encode is the function [Encode] for a parsed name.
func (n Name) Encode() ([]byte, error) {
	if n.Attributes() == 0 {
		return nil, errors.New("empty DN")
	}
	var body []byte
	for _, rdn := range n {
		var pairs [][]byte
		for _, a := range rdn {
			pair, err := encodeAttribute(a)
			if err != nil {
				return nil, fmt.Errorf("DN %q: %w", n, err)
			}
			pairs = append(pairs, pair)
		}
		if len(pairs) == 0 {
			return nil, fmt.Errorf("DN %q: empty RDN", n)
		}
		slices.SortFunc(pairs, compareEncodings)
		body = appendElement(body, tagSet, slices.Concat(pairs...))
	}
	der := appendElement(nil, tagSequence, body)
	if _, err := FromRDNSequence(der); err != nil { // a #hex value that GnuTLS cannot read
		return nil, fmt.Errorf("DN %q: %w", n, err)
	}
	return der, nil
}

// compareEncodings compares in the order that DER requires in a SET OF (X.690 §11.6).
func compareEncodings(a, b []byte) int { return slices.Compare(a, b) }

func encodeAttribute(a Attribute) ([]byte, error) {
	t := typeByName(a.Type)
	oid, err := encodeType(a, t)
	if err != nil {
		return nil, err
	}
	value := a.DER
	if value == nil {
		if value, err = encodeValue(a, t); err != nil {
			return nil, err
		}
	} else if _, rest, err := readElement(value); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%s: the value after \"#\" is not one DER value", a.Type)
	}
	return appendElement(nil, tagSequence, append(appendElement(nil, tagOID, oid), value...)), nil
}

func encodeType(a Attribute, t *attributeType) ([]byte, error) {
	if t != nil {
		return []byte(t.der), nil
	}
	dotted := strings.TrimPrefix(strings.ToLower(a.Type), "oid.")
	if dotted == "" || dotted[0] < '0' || dotted[0] > '9' {
		return nil, fmt.Errorf("unknown attribute type %q", a.Type)
	}
	if a.DER == nil {
		return nil, fmt.Errorf("%s: no text form is known for this type; give its DER value as #hex", a.Type)
	}
	return encodeOID(dotted)
}

func encodeOID(dotted string) ([]byte, error) {
	bad := fmt.Errorf("%q is not an object identifier", dotted)
	var arcs []*big.Int
	for s := range strings.SplitSeq(dotted, ".") {
		arc, ok := new(big.Int).SetString(s, 10)
		if !ok || arc.Sign() < 0 || s[0] == '+' || len(s) > 1 && s[0] == '0' {
			return nil, bad
		}
		arcs = append(arcs, arc)
	}
	forty := big.NewInt(40)
	if len(arcs) < 2 || arcs[0].Cmp(big.NewInt(2)) > 0 || arcs[0].Cmp(big.NewInt(2)) < 0 && arcs[1].Cmp(forty) >= 0 {
		return nil, bad
	}
	arcs[1].Add(arcs[1], new(big.Int).Mul(arcs[0], forty))
	var out []byte
	for _, arc := range arcs[1:] {
		if arc.BitLen() > 63 {
			return nil, fmt.Errorf("%q: GnuTLS reads no arc of 2^63 and more", dotted)
		}
		out = appendBase128(out, arc.Uint64())
	}
	if len(dotted) > maxOIDText {
		return nil, errLongOID
	}
	return out, nil
}

func appendBase128(dst []byte, v uint64) []byte {
	shift := 0
	for v>>shift > 0x7f {
		shift += 7
	}
	for ; shift > 0; shift -= 7 {
		dst = append(dst, byte(v>>shift)|0x80)
	}
	return append(dst, byte(v&0x7f))
}

func encodeValue(a Attribute, t *attributeType) ([]byte, error) {
	name, v := a.Type, a.Value
	switch {
	case v == "":
		return nil, fmt.Errorf("%s: empty value", name)
	case strings.IndexByte(v, 0) >= 0:
		return nil, fmt.Errorf("%s: value with a NUL byte", name)
	case t.kind != kindOctet && !utf8.ValidString(v):
		return nil, fmt.Errorf("%s: %q is not valid UTF-8", name, v)
	}
	switch t.kind {
	case kindPrintable:
		return restricted(name, v, tagPrintable, "a PrintableString", isPrintableStringByte)
	case kindIA5:
		return restricted(name, v, tagIA5, "an IA5String", func(c byte) bool { return c < 0x80 })
	case kindNumeric:
		return restricted(name, v, tagNumeric, "a NumericString", func(c byte) bool { return c == ' ' || '0' <= c && c <= '9' })
	case kindBMP:
		return encodeBMP(name, v)
	case kindOctet:
		return appendElement(nil, tagOctetString, []byte(v)), nil
	}
	return appendElement(nil, tagUTF8, []byte(v)), nil
}

func restricted(name, v string, tag byte, what string, holds func(byte) bool) ([]byte, error) {
	for i, r := range v {
		if r >= 0x80 || !holds(v[i]) {
			return nil, fmt.Errorf("%s: %q has %q, which %s cannot hold", name, v, r, what)
		}
	}
	return appendElement(nil, tag, []byte(v)), nil
}

// isPrintableStringByte reports whether a byte is in the character set of X.680 §41.4, which does
// not contain "@", "_" and "*".
func isPrintableStringByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte(" '()+,-./:=?", c) >= 0
}

func encodeBMP(name, v string) ([]byte, error) {
	var out []byte
	for _, r := range v {
		if utf16.RuneLen(r) != 1 {
			return nil, fmt.Errorf("%s: %q has %q, which a BMPString cannot hold", name, v, r)
		}
		out = binary.BigEndian.AppendUint16(out, uint16(r))
	}
	return appendElement(nil, tagBMP, out), nil
}

func appendElement(dst []byte, tag byte, content []byte) []byte {
	dst = append(dst, tag)
	if n := len(content); n < 0x80 {
		dst = append(dst, byte(n))
	} else {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(n))
		lead := 0
		for size[lead] == 0 {
			lead++
		}
		dst = append(dst, 0x80|byte(8-lead))
		dst = append(dst, size[lead:]...)
	}
	return append(dst, content...)
}
