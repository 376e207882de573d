package dn

import (
	"errors"
	"math"
	"strconv"
)

// Tags of the types that a name is made of (X.680 §8.4).
const (
	tagOctetString = 4
	tagOID         = 6
	tagUTF8        = 12
	tagNumeric     = 18
	tagPrintable   = 19
	tagTeletex     = 20
	tagIA5         = 22
	tagUniversal   = 28
	tagBMP         = 30

	tagSequence = 0x30
	tagSet      = 0x31
)

var (
	errTruncated  = errors.New("value runs past the end")
	errIndefinite = errors.New("indefinite length, which DER does not allow")
	errLength     = errors.New("length does not fit")
	errTagNumber  = errors.New("tag number does not fit")
)

// element is one encoded ASN.1 value.
type element struct {
	first   byte   // identifier octet: class, constructed bit, and the number or 31
	number  uint32 // tag number, also of the long form
	content []byte
	whole   []byte
}

// primitive reports whether e is a primitive value of the universal type tag. libtasn1 treats the
// long form of a small tag number as the same tag, and so does virtpki.
func (e element) primitive(tag uint32) bool {
	return e.first&0xe0 == 0 && e.number == tag
}

// readElement takes the first value off b. It allows the same deviations as libtasn1's strict
// decoder: lengths and tag numbers with more bytes than necessary.
func readElement(b []byte) (element, []byte, error) {
	if len(b) < 2 {
		return element{}, nil, errTruncated
	}
	e := element{first: b[0], number: uint32(b[0] & 0x1f)}
	i := 1
	if e.number == 0x1f {
		var err error
		if e.number, i, err = readTagNumber(b); err != nil {
			return element{}, nil, err
		}
	}
	n, i, err := readLength(b, i)
	if err != nil {
		return element{}, nil, err
	}
	if n > len(b)-i {
		return element{}, nil, errTruncated
	}
	e.content, e.whole = b[i:i+n], b[:i+n]
	return e, b[i+n:], nil
}

func readTagNumber(b []byte) (number uint32, next int, err error) {
	for i := 1; i < len(b); i++ {
		if number > math.MaxUint32>>7 {
			return 0, 0, errTagNumber
		}
		number = number<<7 | uint32(b[i]&0x7f)
		if b[i]&0x80 == 0 {
			return number, i + 1, nil
		}
	}
	return 0, 0, errTruncated
}

func readLength(b []byte, i int) (n, next int, err error) {
	if i >= len(b) {
		return 0, 0, errTruncated
	}
	first := b[i]
	i++
	if first < 0x80 {
		return int(first), i, nil
	}
	size := int(first & 0x7f)
	if size == 0 {
		return 0, 0, errIndefinite
	}
	if size > len(b)-i {
		return 0, 0, errTruncated
	}
	for _, c := range b[i : i+size] {
		if n > math.MaxInt32>>8 {
			return 0, 0, errLength
		}
		n = n<<8 | int(c)
	}
	return n, i + size, nil
}

// maxOIDText is the longest dotted OID that fits GnuTLS's buffer (MAX_OID_SIZE).
const maxOIDText = 126

var (
	errOID     = errors.New("not an object identifier")
	errLongOID = errors.New("object identifier longer than 126 characters when written out")
)

// appendOID appends the dotted form of an encoded OID as libtasn1 writes it:
// arcs are 64 bits wide and printed signed, and a last arc that never ends is
// left out.
func appendOID(dst, oid []byte) ([]byte, error) {
	start := len(dst)
	arc, used, err := firstArc(oid)
	if err != nil {
		return dst, err
	}
	top := min(arc/40, 2)
	dst = strconv.AppendUint(dst, top, 10)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, int64(arc-40*top), 10)
	for rest := oid[used:]; len(rest) > 0; rest = rest[used:] {
		var ended bool
		if arc, used, ended, err = readArc(rest); err != nil {
			return dst, err
		}
		if ended {
			dst = append(dst, '.')
			dst = strconv.AppendInt(dst, int64(arc), 10)
		}
	}
	if len(dst)-start > maxOIDText {
		return dst, errLongOID
	}
	return dst, nil
}

func firstArc(oid []byte) (arc uint64, used int, err error) {
	if len(oid) == 0 {
		return 0, 0, errOID
	}
	arc, used, _, err = readArc(oid)
	return arc, used, err
}

func readArc(b []byte) (arc uint64, used int, ended bool, err error) {
	if b[0] == 0x80 {
		return 0, 0, false, errOID
	}
	for i, c := range b {
		if arc > math.MaxUint64>>7 {
			return 0, 0, false, errOID
		}
		arc = arc<<7 | uint64(c&0x7f)
		if c&0x80 == 0 {
			return arc, i + 1, true, nil
		}
	}
	return arc, len(b), false, nil
}
