package dn

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrNotUTF8 comes from [MatchFnmatch] with a pattern or a name that is not valid UTF-8. On such a
// call glibc before 2.33 returns an error, and libvirt then refuses the client, even if another
// pattern in the list matches.
var ErrNotUTF8 = errors.New("not valid UTF-8")

// MatchFnmatch reports the result of fnmatch(pattern, name, 0) of glibc 2.36 in a UTF-8 locale. It
// was libvirt's matcher before 5.9.0 (6.1.0 at the latest). "*" and "?" are as in [MatchGlob],
// "[...]" stands for one character of a set ("[!...]" and "[^...]": not of it; ranges, classes such
// as "[:alpha:]", "[=a=]", "[.a.]"), and a backslash makes the character after it stand for itself.
// "/" and a leading "." are characters like any other.
//
// As in glibc since 2.33, a pair that does not match by characters, or that is not valid UTF-8, is
// tried again byte by byte, so that "??" matches "é" too. The error is [ErrNotUTF8], which matters
// to a libvirt on an older glibc; the result beside it is that of the newer one. Pattern and name
// end at a NUL byte.
//
// The time is that of a few passes over the name, with any number of stars. The exception is a
// piece between two stars with "?" or brackets. It takes at worst the product of its own length and
// the name's, if the name is not ASCII, or if the piece is ill-formed or has more than 256 members
// and the pattern does not end after it.
func MatchFnmatch(pattern, name string) (bool, error) {
	pattern, name = untilNUL(pattern), untilNUL(name)
	if !isWide(pattern) || !isWide(name) {
		return fnmatcher{pattern: pattern, name: name}.match(), ErrNotUTF8
	}
	m := fnmatcher{pattern: pattern, name: name, wide: true}
	if m.match() {
		return true, nil
	}
	// Bytes and characters differ only if the pattern has "?" or a set.
	if strings.IndexByte(pattern, '?') < 0 && strings.IndexByte(pattern, '[') < 0 || isASCII(name) && isASCII(pattern) {
		return false, nil
	}
	m.wide = false
	return m.match(), nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isWide reports whether glibc converts s to wide characters. Its UTF-8 goes
// up to 31 bits in six bytes, and has no surrogates.
func isWide(s string) bool {
	if utf8.ValidString(s) {
		return true
	}
	for len(s) > 0 {
		c, size := decodeWide(s)
		if c == badWide {
			return false
		}
		s = s[size:]
	}
	return true
}

const badWide = ^uint32(0)

func decodeWide(s string) (c uint32, size int) {
	if r, n := utf8.DecodeRuneInString(s); n != 1 || s[0] < utf8.RuneSelf {
		return uint32(r), n
	}
	size = utf8Step(s[0])
	if size < 4 || size > len(s) {
		return badWide, 1
	}
	c = uint32(s[0]) & (0x7f >> size)
	for _, b := range []byte(s[1:size]) {
		if b&0xc0 != 0x80 {
			return badWide, 1
		}
		c = c<<6 | uint32(b&0x3f)
	}
	if c < uint32(1)<<(5*size-4) {
		return badWide, 1 // longer than necessary
	}
	return c, size
}

// fnmatcher matches one pair, by characters or by bytes.
type fnmatcher struct {
	pattern, name string
	wide          bool
}

// at returns the character at an offset and its size; behind the end it is NUL.
func (m *fnmatcher) at(s string, i int) (c uint32, size int) {
	if i >= len(s) {
		return 0, 1
	}
	if b := s[i]; b < utf8.RuneSelf || !m.wide {
		return uint32(b), 1
	}
	return decodeWide(s[i:])
}

// outcome says how a walk over the pattern ended.
type outcome uint8

const (
	walkFailed outcome = iota
	walkEnded          // pattern and name are both used up
	walkStar           // before a "*"
)

func (m fnmatcher) match() bool {
	how, p, n := m.walk(0, 0)
	for how == walkStar {
		var ok bool
		if p, n, ok = m.wildcards(p, n); !ok {
			return false
		}
		if p >= len(m.pattern) {
			return true
		}
		how, p, n = m.find(p, n)
	}
	return how == walkEnded
}

// wildcards skips a run of "*" and "?"; each "?" takes one character of the name.
func (m *fnmatcher) wildcards(p, n int) (int, int, bool) {
	for ; p < len(m.pattern); p++ {
		switch m.pattern[p] {
		case '*':
		case '?':
			if n >= len(m.name) {
				return p, n, false
			}
			_, size := m.at(m.name, n)
			n += size
		default:
			return p, n, true
		}
	}
	return p, n, true
}

// find looks for the first place from n on where the piece of the pattern that begins at p fits.
// The characters that the piece takes depend only on the place, so the first is as good as any, and
// glibc uses it too.
func (m *fnmatcher) find(p, n int) (outcome, int, int) {
	if end, ok := m.literalPiece(p); ok {
		return m.findLiteral(p, end, n)
	}
	first, size := m.at(m.pattern, p)
	set := first == '['
	if first == '\\' {
		first, _ = m.at(m.pattern, p+size)
	}
	for tries := 0; n < len(m.name); {
		c, size := m.at(m.name, n)
		if set || c == first {
			if how, p2, n2 := m.walk(p, n); how != walkFailed {
				return how, p2, n2
			}
			if tries++; tries == mostTries && isASCII(m.name[n:]) {
				if how, p2, n2, ok := m.findAtOnce(p, n+size); ok {
					return how, p2, n2
				}
			}
		}
		n += size
	}
	return walkFailed, p, n
}

// literalPiece returns the end of a piece in which every character stands for itself.
func (m *fnmatcher) literalPiece(p int) (end int, ok bool) {
	i := strings.IndexAny(m.pattern[p:], `*?[\`)
	if i < 0 {
		return len(m.pattern), true
	}
	return p + i, m.pattern[p+i] == '*'
}

func (m *fnmatcher) findLiteral(p, end, n int) (outcome, int, int) {
	piece, name := m.pattern[p:end], m.name[n:]
	if end == len(m.pattern) {
		if strings.HasSuffix(name, piece) {
			return walkEnded, end, len(m.name)
		}
		return walkFailed, p, n
	}
	if i := strings.Index(name, piece); i >= 0 {
		return walkStar, end, n + i + len(piece)
	}
	return walkFailed, p, n
}

// walk matches from p and n on up to the next "*" or the end.
func (m *fnmatcher) walk(p, n int) (outcome, int, int) {
	for p < len(m.pattern) {
		c, size := m.at(m.pattern, p)
		if c == '*' {
			return walkStar, p, n
		}
		if n >= len(m.name) {
			return walkFailed, p, n
		}
		got, gotSize := m.at(m.name, n)
		p += size
		switch c {
		case '?':
			c = got
		case '\\':
			c, size = m.at(m.pattern, p) // at the end: NUL, which a name never has
			p += size
		case '[':
			next, how := m.bracket(p, got)
			if how == setFails {
				return walkFailed, p, n
			}
			if how == setMatches {
				c, p = got, next
			} // else it is a "[" that stands for itself
		}
		if c != got {
			return walkFailed, p, n
		}
		n += gotSize
	}
	if n < len(m.name) {
		return walkFailed, p, n
	}
	return walkEnded, p, n
}
