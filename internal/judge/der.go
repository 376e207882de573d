package judge

import (
	"math/big"
	"strconv"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// readOID reads an object identifier of any size into its dotted form.
func readOID(s *cryptobyte.String, dotted *string) bool {
	var content cryptobyte.String
	if !s.ReadASN1(&content, asn1.OBJECT_IDENTIFIER) || len(content) == 0 || content[len(content)-1]&0x80 != 0 {
		return false
	}
	out := make([]byte, 0, 24)
	arc, first := new(big.Int), true
	for _, b := range content {
		arc.Lsh(arc, 7).Or(arc, big.NewInt(int64(b&0x7f)))
		if b&0x80 != 0 {
			continue
		}
		if first {
			top := int64(2)
			if arc.Cmp(big.NewInt(80)) < 0 {
				top = arc.Int64() / 40
			}
			out = strconv.AppendInt(out, top, 10)
			arc.Sub(arc, big.NewInt(40*top))
			first = false
		}
		out = arc.Append(append(out, '.'), 10)
		arc = new(big.Int)
	}
	*dotted = string(out)
	return true
}

func (c *Certificate) readValidity(tbs *cryptobyte.String) bool {
	var validity cryptobyte.String
	return tbs.ReadASN1(&validity, asn1.SEQUENCE) && readTime(&validity, &c.NotBefore) && readTime(&validity, &c.NotAfter) && validity.Empty()
}

// readTime reads UTCTime or GeneralizedTime as GnuTLS does (lib/x509/time.c):
// digits and a Z, seconds may be missing, and nothing is earlier than 1970.
func readTime(s *cryptobyte.String, t *time.Time) bool {
	var text cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&text, &tag) || len(text) < 9 || text[len(text)-1] != 'Z' {
		return false
	}
	digits := text[:len(text)-1]
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	var year int
	switch {
	case tag == asn1.UTCTime && len(digits) >= 10:
		year = number(digits[:2])
		if year += 2000; year > 2049 {
			year -= 100
		}
		digits = digits[2:]
	case tag == asn1.GeneralizedTime && len(digits) >= 12:
		year = number(digits[:4])
		digits = digits[4:]
	default:
		return false
	}
	return readClock(year, digits, t)
}

func readClock(year int, digits []byte, t *time.Time) bool {
	month, seconds := number(digits[:2]), 0
	if len(digits) >= 10 {
		seconds = number(digits[8:10])
	}
	*t = time.Unix(0, 0).UTC()
	if year < 1970 {
		return true
	}
	*t = time.Date(year, time.Month(month), number(digits[2:4]), number(digits[4:6]), number(digits[6:8]), seconds, 0, time.UTC)
	return month >= 1 && month <= 12
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

// isBitString looks at the content of a BIT STRING: the first byte counts the
// bits of the last that do not belong.
func isBitString(content []byte) bool {
	return len(content) > 0 && content[0] <= 7 && (len(content) > 1 || content[0] == 0)
}

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
