package dn

import "slices"

// The matcher for pairs that are not valid UTF-8. It follows glib/gpattern.c of GLib 2.74 step by
// step.

type globResult uint8

const (
	globNoMatch globResult = iota
	globMatch
	globAbort
	globUnknown // a match or not, depending on the memory behind GLib's reversed copy
)

// utf8Step is GLib's g_utf8_skip: the length of a character according to its first byte.
func utf8Step(c byte) int {
	switch {
	case c < 0xc0 || c >= 0xfe:
		return 1
	case c < 0xe0:
		return 2
	case c < 0xf0:
		return 3
	case c < 0xf8:
		return 4
	case c < 0xfc:
		return 5
	}
	return 6
}

// globShape holds the properties of a pattern that GLib finds when it compiles it.
type globShape struct {
	minimum, maximum   int // bytes of a name that can match
	firstStar, endStar int // offsets in the canonical pattern, -1 for none
	firstJoke, endJoke int
}

const unlimited = int(^uint(0) >> 1)

// canonicalGlob appends the pattern to out in the form that GLib keeps: a run of "*" becomes one
// "*", and the "?" beside it come after it.
func canonicalGlob(out []byte, pattern string) ([]byte, globShape) {
	g := globShape{firstStar: -1, endStar: -1, firstJoke: -1, endJoke: -1}
	pending, afterStar := 0, false
	for i := range len(pattern) {
		switch c := pattern[i]; c {
		case '*':
			if afterStar {
				continue
			}
			afterStar = true
			g.endStar = len(out)
			if g.firstStar < 0 {
				g.firstStar = g.endStar
			}
		case '?':
			pending++
			g.minimum++
			g.maximum += 4
			continue
		default:
			g.jokers(len(out), pending, pending)
			out = appendJokers(out, pending)
			pending, afterStar = 0, false
			g.minimum++
			g.maximum++
		}
		out = append(out, pattern[i])
	}
	// At the end GLib forgets to count the "?" that it writes, so it treats the place of the first
	// of them as that of the last.
	g.jokers(len(out), pending, 1)
	if g.firstStar >= 0 {
		g.maximum = unlimited
	}
	return appendJokers(out, pending), g
}

// jokers notes a run of "?", some of which GLib counts.
func (g *globShape) jokers(at, run, counted int) {
	if run == 0 {
		return
	}
	if g.firstJoke < 0 {
		g.firstJoke = at
	}
	g.endJoke = at + counted - 1
}

func appendJokers(out []byte, n int) []byte {
	for range n {
		out = append(out, '?')
	}
	return out
}

// fromEnd reports whether GLib matches this pattern on the reversed texts:
// where its last wildcard is farther from the end than its first from the start.
func (g *globShape) fromEnd(length int) bool {
	if g.firstStar >= 0 {
		return length-1-g.endStar > g.firstStar
	}
	return length-1-g.endJoke > g.firstJoke
}

func globRaw(pattern, name string) globResult {
	var patternBuf, reversedBuf, nameBuf [256]byte
	p, g := canonicalGlob(patternBuf[:0], pattern)
	if g.firstJoke < 0 && g.firstStar == g.endStar && (g.firstStar <= 0 || g.firstStar == len(p)-1) {
		return g.simple(p, name)
	}
	fromEnd := g.fromEnd(len(p))
	if fromEnd { // the pattern is reversed when it is compiled, before any length counts
		var ok bool
		if p, ok = reverseUTF8(reversedBuf[:0], p); !ok {
			return globAbort
		}
	}
	if len(name) < g.minimum || len(name) > g.maximum {
		return globNoMatch
	}
	if !fromEnd {
		result, _ := walkGlob(p, name) // libvirt clears its buffer: NULs follow
		return result
	}
	reversed, ok := reverseUTF8(nameBuf[:0], name)
	if !ok {
		return globAbort
	}
	result, overrun := walkGlob(p, reversed)
	if overrun {
		return globUnknown
	}
	return result
}

// simple matches a pattern without "?" and with one "*" at an end, or none.
// GLib compares bytes then.
func (g *globShape) simple(p []byte, name string) globResult {
	fixed := g.minimum
	if len(name) < fixed {
		return globNoMatch
	}
	ok := false
	switch g.firstStar {
	case -1:
		ok = string(p) == name
	case 0:
		ok = string(p[1:]) == name[len(name)-fixed:]
	default:
		ok = string(p[:fixed]) == name[:fixed]
	}
	if ok {
		return globMatch
	}
	return globNoMatch
}

// reverseUTF8 reverses by characters as g_utf8_strreverse does. It returns false if the assertion
// of that function fails.
func reverseUTF8[T string | []byte](buf []byte, s T) ([]byte, bool) {
	buf = slices.Grow(buf, len(s))[:len(s)]
	end := len(s)
	for i := 0; end > 0; {
		step := utf8Step(s[i])
		if end -= step; end < 0 {
			return nil, false
		}
		copy(buf[end:], s[i:i+step])
		i += step
	}
	return buf, true
}

// walkGlob is g_pattern_ph_match without the recursion. Behind the text it sees NULs, and it
// reports whether it read beyond the first of them.
func walkGlob[T string | []byte](p []byte, s T) (result globResult, overrun bool) {
	at := func(i int) byte {
		if i < len(s) {
			return s[i]
		}
		overrun = overrun || i > len(s)
		return 0
	}
	i, j := 0, 0
	starPattern, starName := -1, 0 // where to resume when the text after the last "*" fails
	for {
		switch {
		case i == len(p):
			if at(j) == 0 {
				return globMatch, overrun
			}
		case p[i] == '?':
			if at(j) != 0 {
				i++
				j += utf8Step(at(j))
				continue
			}
		case p[i] == '*':
			// Reversing a pattern by characters can bring wildcards together.
			for i++; i < len(p) && (p[i] == '?' || p[i] == '*'); i++ {
				if p[i] == '*' {
					continue
				}
				if at(j) == 0 {
					return globNoMatch, overrun
				}
				j += utf8Step(at(j))
			}
			if i == len(p) {
				return globMatch, overrun
			}
			starPattern = i
			if j = nextByte(p[i], j, at); j < 0 {
				return globNoMatch, overrun
			}
			starName, i, j = j+1, i+1, j+1
			continue
		case p[i] == at(j):
			i++
			j++
			continue
		}
		if starPattern < 0 || at(starName) == 0 {
			return globNoMatch, overrun
		}
		if j = nextByte(p[starPattern], starName, at); j < 0 {
			return globNoMatch, overrun
		}
		i, j, starName = starPattern+1, j+1, j+1
	}
}

// nextByte steps from character to character up to one that begins with c.
func nextByte(c byte, j int, at func(int) byte) int {
	for at(j) != c {
		if at(j) == 0 {
			return -1
		}
		j += utf8Step(at(j))
	}
	return j
}
