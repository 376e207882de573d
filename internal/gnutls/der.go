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
	var arc arc
	for _, b := range content {
		if arc.empty() && b == 0x80 {
			return false
		}
		if arc.add(b & 0x7f); b&0x80 == 0 {
			out = arc.appendTo(out)
			arc.reset()
		}
	}
	*dotted = string(out)
	return len(out) > 0
}

// arc is a number of an object identifier while it is read. Few need more than 64 bits.
type arc struct {
	small  uint64
	large  *big.Int // in place of small, where that is too small
	octets int
}

func (a *arc) empty() bool { return a.octets == 0 }

func (a *arc) reset() { *a = arc{} }

// add appends seven bits.
func (a *arc) add(bits byte) {
	a.octets++
	switch {
	case a.large != nil:
		a.large.Lsh(a.large, 7).Or(a.large, big.NewInt(int64(bits)))
	case a.octets <= 9:
		a.small = a.small<<7 | uint64(bits)
	default:
		a.large = new(big.Int).SetUint64(a.small)
		a.large.Lsh(a.large, 7).Or(a.large, big.NewInt(int64(bits)))
	}
}

// appendTo appends the number to a dotted form; the first one is two.
func (a *arc) appendTo(out []byte) []byte {
	top := uint64(2)
	switch {
	case len(out) > 0:
		return a.text(append(out, '.'), 0)
	case a.large == nil && a.small < 80:
		top = a.small / 40
	}
	return a.text(append(strconv.AppendUint(out, top, 10), '.'), 40*top)
}

// text appends the number less some.
func (a *arc) text(out []byte, less uint64) []byte {
	if a.large == nil {
		return strconv.AppendUint(out, a.small-less, 10)
	}
	return new(big.Int).Sub(a.large, new(big.Int).SetUint64(less)).Append(out, 10)
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

// decodeTime fails on a value that is not a time at all; for a time that does not exist it
// gives zero.
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
