package dn

import (
	"strings"
	"unicode/utf8"
)

// Exact returns the pattern for one name that means the same to both matchers. It matches the name,
// and hardly any other. A backslash, and the characters "*", "?" and "[", become "?", because no
// pattern can ask for them with both matchers. So `O=Acme\, Inc.` becomes "O=Acme?, Inc.", which
// matches any one character instead of the backslash; GnuTLS prints only a backslash there.
func Exact(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\\', '*', '[':
			return '?'
		}
		return r
	}, validUTF8(name))
}

// validUTF8 replaces each byte that is not part of a character by "?". Only a wildcard can match it
// with both matchers, and GLib's results on such bytes are odd.
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
