package gnutls

import (
	"math/big"
	"strconv"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// readOID reads an object identifier of any size into its dotted form. As libtasn1
// does, it leaves out a last arc that never ends.
func readOID(s *cryptobyte.String, dotted *string) bool {
	var content cryptobyte.String
	if !s.ReadASN1(&content, asn1.OBJECT_IDENTIFIER) || len(content) == 0 {
		return false
	}
	out := make([]byte, 0, 24)
	arc, begins := new(big.Int), true
	for _, b := range content {
		if begins && b == 0x80 {
			return false
		}
		arc.Lsh(arc, 7).Or(arc, big.NewInt(int64(b&0x7f)))
		if begins = b&0x80 == 0; begins {
			out = appendArc(out, arc)
			arc = new(big.Int)
		}
	}
	*dotted = string(out)
	return len(out) > 0
}

// appendArc appends an arc; the first one is two.
func appendArc(out []byte, arc *big.Int) []byte {
	if len(out) > 0 {
		return arc.Append(append(out, '.'), 10)
	}
	top := int64(2)
	if arc.Cmp(big.NewInt(80)) < 0 {
		top = arc.Int64() / 40
	}
	out = append(strconv.AppendInt(out, top, 10), '.')
	return new(big.Int).Sub(arc, big.NewInt(40*top)).Append(out, 10)
}

func (c *Certificate) readValidity(tbs *cryptobyte.String) bool {
	var validity cryptobyte.String
	return tbs.ReadASN1(&validity, asn1.SEQUENCE) && readTime(&validity, &c.NotBefore) && readTime(&validity, &c.NotAfter) && validity.Empty()
}

// readTime reads UTCTime or GeneralizedTime as GnuTLS does (lib/x509/time.c):
// digits and a Z, seconds may be missing, and nothing is earlier than 1970. It
// fails on a time that does not exist.
func readTime(s *cryptobyte.String, t *time.Time) bool {
	return decodeTime(s, t) && !t.IsZero()
}

// decodeTime fails on what is no time at all; one that does not exist is zero.
func decodeTime(s *cryptobyte.String, t *time.Time) bool {
	var text cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&text, &tag) || tag != asn1.UTCTime && tag != asn1.GeneralizedTime || len(text) < 9 || text[len(text)-1] != 'Z' {
		return false
	}
	digits := text[:len(text)-1]
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	*t = time.Time{}
	switch {
	case tag == asn1.UTCTime && len(digits) >= 10:
		year := number(digits[:2]) + 2000
		if year > 2049 {
			year -= 100
		}
		*t = readClock(year, digits[2:])
	case tag == asn1.GeneralizedTime && len(digits) >= 12:
		*t = readClock(number(digits[:4]), digits[4:])
	}
	return true
}

// readClock is zero for a time that GnuTLS takes for a mistake; it lets the
// thirty-first of any month pass.
func readClock(year int, digits []byte) time.Time {
	if year < 1970 {
		return time.Unix(0, 0).UTC()
	}
	month, day, hour, minute, second := number(digits[:2]), number(digits[2:4]), number(digits[4:6]), number(digits[6:8]), 0
	if len(digits) >= 10 {
		second = number(digits[8:10])
	}
	if month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
}

func number(digits []byte) int {
	n := 0
	for _, c := range digits {
		n = 10*n + int(c-'0')
	}
	return n
}

// readName reads a name as GnuTLS's decoder does: sets of pairs of a type and
// any value.
func readName(s *cryptobyte.String, name *[]byte) bool {
	var element, sequence, set, pair, value cryptobyte.String
	if !s.ReadASN1Element(&element, asn1.SEQUENCE) {
		return false
	}
	*name = element
	if !element.ReadASN1(&sequence, asn1.SEQUENCE) {
		return false
	}
	for !sequence.Empty() {
		if !sequence.ReadASN1(&set, asn1.SET) {
			return false
		}
		for !set.Empty() {
			var oid string
			var tag asn1.Tag
			if !set.ReadASN1(&pair, asn1.SEQUENCE) || !readOID(&pair, &oid) || !pair.ReadAnyASN1(&value, &tag) || !pair.Empty() {
				return false
			}
		}
	}
	return true
}

// isBitString looks at the content of a BIT STRING: there is a first byte, which
// counts the bits of the last that do not belong. GnuTLS takes any count.
func isBitString(content []byte) bool { return len(content) > 0 }

// isExtensions walks the content of an Extensions without keeping it.
func isExtensions(list cryptobyte.String) bool {
	for !list.Empty() {
		var e extension
		if !readExtension(&list, &e) {
			return false
		}
	}
	return true
}
