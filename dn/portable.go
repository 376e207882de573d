package dn

import (
	"strings"
	"unicode/utf8"
)

// Exact gives the pattern for one name that means the same to both matchers.
// It matches the name, and hardly another: a backslash, and the characters
// "*", "?" and "[", which no pattern for both can ask for, become "?". So
// `O=Acme\, Inc.` is "O=Acme?, Inc.", which matches with any one character in
// the place of the backslash; GnuTLS prints none but a backslash there.
func Exact(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\\', '*', '[':
			return '?'
		}
		return r
	}, validUTF8(name))
}

// validUTF8 replaces each byte that is part of no character by "?": only a
// wildcard can match it in both worlds, and GLib's answers on such bytes are odd.
func validUTF8(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Portable turns a pattern that was written for [Glob] into one that means
// the same to both matchers, or a little more: "?" for each backslash and "[".
func Portable(pattern string) string {
	return strings.NewReplacer(`\`, "?", "[", "?").Replace(pattern)
}
