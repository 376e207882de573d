package dn

import (
	"strings"
	"unicode/utf8"
)

// MatchGlob reports the result of g_pattern_match_simple of GLib 2.74. It is libvirt's matcher
// since 5.9.0 (6.1.0 at the latest), and QEMU's. "*" stands for any run of characters, the empty
// one included, "?" for exactly one character. Everything else stands for itself, backslashes and
// brackets too. The whole name has to match, in the same case.
//
// As in C, pattern and name end at a NUL byte. In valid UTF-8 a character is a code point. In
// invalid UTF-8 GLib steps by the length that the first byte of a character announces, even past
// the end of the text. MatchGlob does the same and sees NULs there, as GLib does in libvirt, which
// clears the buffer. For some pairs the result of GLib is not defined. It matches some patterns
// from the end, and reverses the text for this. If the text ends amid a character, the process may
// end, or GLib reads past the reversed copy and the result depends on the memory there. MatchGlob
// then reports that the name does not match. GnuTLS does not check that a UTF8String is valid, so a
// certificate can contain such a name.
//
// The time is that of a few passes over the name, with any number of stars. A piece between two
// stars that has a "?" takes at worst the product of its own length and the name's, if it is longer
// than 256 bytes or there is invalid UTF-8.
func MatchGlob(pattern, name string) bool {
	pattern, name = untilNUL(pattern), untilNUL(name)
	if utf8.ValidString(name) && utf8.ValidString(pattern) {
		return globUTF8(pattern, name)
	}
	return globRaw(pattern, name) == globMatch
}

func untilNUL(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

// globUTF8 matches valid UTF-8. The text before the first "*" and after the last is fixed to the
// ends. Each piece between is looked for from left to right, and the first place found is as good
// as any.
func globUTF8(pattern, name string) bool {
	star := strings.IndexByte(pattern, '*')
	if star < 0 {
		n := matchPiece(pattern, name)
		return n == len(name)
	}
	n := matchPiece(pattern[:star], name)
	if n < 0 {
		return false
	}
	name, pattern = name[n:], pattern[star+1:]
	last := strings.LastIndexByte(pattern, '*')
	tail := pattern[last+1:]
	if last < 0 {
		return matchTail(tail, name)
	}
	for pattern = pattern[:last]; pattern != ""; {
		piece := pattern
		if star = strings.IndexByte(pattern, '*'); star >= 0 {
			piece, pattern = pattern[:star], pattern[star+1:]
		} else {
			pattern = ""
		}
		if n = findPiece(piece, name); n < 0 {
			return false
		}
		name = name[n:]
	}
	return matchTail(tail, name)
}

// matchPiece matches a piece without "*" at the start of name and returns the number of bytes it
// took, or -1.
func matchPiece(piece, name string) int {
	n := 0
	for i := range len(piece) {
		switch {
		case n >= len(name):
			return -1
		case piece[i] == name[n]:
			// A "?" of the pattern that meets one in the name takes one byte too.
			n++
		case piece[i] != '?':
			return -1
		case name[n] < utf8.RuneSelf:
			n++
		default:
			_, size := utf8.DecodeRuneInString(name[n:])
			n += size
		}
	}
	return n
}

// matchTail matches a piece without "*" at the end of name.
func matchTail(piece, name string) bool {
	for {
		joker := strings.LastIndexByte(piece, '?')
		if !strings.HasSuffix(name, piece[joker+1:]) {
			return false
		}
		name = name[:len(name)-(len(piece)-joker-1)]
		if joker < 0 {
			return true
		}
		if name == "" {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(name)
		name, piece = name[:len(name)-size], piece[:joker]
	}
}

// findPiece looks for the first place of a piece without "*" in name, and returns the offset behind
// it, or -1.
func findPiece(piece, name string) int {
	skipped := 0
	for strings.HasPrefix(piece, "?") { // "?" first: any character will do
		if skipped == len(name) {
			return -1
		}
		_, size := utf8.DecodeRuneInString(name[skipped:])
		skipped, piece = skipped+size, piece[1:]
	}
	joker := strings.IndexByte(piece, '?')
	if joker < 0 {
		if i := strings.Index(name[skipped:], piece); i >= 0 {
			return skipped + i + len(piece)
		}
		return -1
	}
	return findJokers(piece, name, skipped)
}
