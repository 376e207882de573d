package dn_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"virtpki/dn"
)

// A plain fnmatch for well-formed patterns, written from the definition: the
// pattern is read into members first, then matched over all places at once.

type slowMember struct {
	star  bool
	takes func(c rune) bool
}

// slowPattern reads a pattern. It returns false if the pattern is ill-formed, or if only the
// original's tables decide its meaning.
func slowPattern(p []rune) (members []slowMember, ok bool) {
	for len(p) > 0 {
		c := p[0]
		p = p[1:]
		switch c {
		case '*':
			members = append(members, slowMember{star: true})
			continue
		case '?':
			members = append(members, slowMember{takes: func(rune) bool { return true }})
			continue
		case '[':
			var takes func(rune) bool
			if takes, p, ok = slowSet(p); !ok {
				return nil, false
			}
			members = append(members, slowMember{takes: takes})
			continue
		case '\\':
			if len(p) == 0 {
				return nil, false
			}
			c, p = p[0], p[1:]
		}
		members = append(members, slowMember{takes: func(got rune) bool { return got == c }})
	}
	return members, true
}

func slowSet(p []rune) (takes func(rune) bool, rest []rune, ok bool) {
	negated := len(p) > 0 && (p[0] == '!' || p[0] == '^')
	if negated {
		p = p[1:]
	}
	var tests []func(rune) bool
	for first := true; ; first = false {
		if len(p) < 2 && !(len(p) == 1 && p[0] == ']' && !first) {
			return nil, nil, false
		}
		if p[0] == ']' && !first {
			break
		}
		if p[0] == '[' && strings.ContainsRune(":=.", p[1]) {
			test, n := slowClass(string(p))
			if n == 0 {
				return nil, nil, false
			}
			tests, p = append(tests, test), p[n:]
			if len(p) > 0 && p[0] == '-' {
				return nil, nil, false
			}
			continue
		}
		if p[0] == '\\' {
			p = p[1:]
		}
		low, high := p[0], p[0]
		p = p[1:]
		if len(p) > 2 && p[0] == '-' && p[1] != ']' {
			if high = p[1]; high == '\\' || high == '[' || low > 0x7f || high > 0x7f {
				return nil, nil, false
			}
			p = p[2:]
		}
		tests = append(tests, func(c rune) bool { return low <= c && c <= high })
	}
	return func(c rune) bool {
		return negated != slices.ContainsFunc(tests, func(t func(rune) bool) bool { return t(c) })
	}, p[1:], true
}

func slowClass(s string) (test func(rune) bool, length int) {
	classes := map[string]func(rune) bool{
		"[:digit:]":  func(c rune) bool { return '0' <= c && c <= '9' },
		"[:lower:]":  func(c rune) bool { return c < 0x250 && c != 'ª' && c != 'º' && unicode.IsLower(c) },
		"[:upper:]":  func(c rune) bool { return c < 0x250 && unicode.IsUpper(c) },
		"[:xdigit:]": func(c rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF", c) },
		"[.-.]":      func(c rune) bool { return c == '-' },
		"[=a=]":      func(c rune) bool { return c == 'a' },
	}
	for name, test := range classes {
		if strings.HasPrefix(s, name) {
			return test, len(name)
		}
	}
	return nil, 0
}

func slowMatch(members []slowMember, name []rune) bool {
	reach := make([]bool, len(name)+1)
	reach[0] = true
	for _, m := range members {
		next := make([]bool, len(name)+1)
		for j := range reach {
			switch {
			case m.star:
				next[j] = reach[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = reach[j-1] && m.takes(name[j-1])
			}
		}
		reach = next
	}
	return reach[len(name)]
}

// isOddByte reports whether glibc and utf8.ValidString treat a byte differently: the end of a C
// string, and the lead bytes of code points beyond U+10FFFF.
func isOddByte(b byte) bool { return b == 0 || 0xf4 <= b && b <= 0xfd }

func FuzzMatchFnmatch(f *testing.F) {
	for _, c := range matchCases(f) {
		f.Add(c.Pattern, c.DN)
	}
	f.Add("*a*a*a*[ab]*b", strings.Repeat("a", 60))
	f.Fuzz(func(t *testing.T, pattern, name string) {
		got, err := dn.MatchFnmatch(pattern, name)
		if (err == nil) != (utf8.ValidString(pattern) && utf8.ValidString(name)) && !slices.ContainsFunc([]byte(pattern+name), isOddByte) {
			t.Fatalf("MatchFnmatch(%q, %q): error %v", pattern, name, err)
		}
		// Pairs that only the original's tables decide are left to the comparison with it.
		for _, c := range pattern + "|" + name {
			if c == 0 || c >= 0x250 || c == utf8.RuneError {
				return
			}
		}
		members, ok := slowPattern([]rune(pattern))
		if !ok || len(pattern)*len(name) > 1<<20 {
			return
		}
		want := slowMatch(members, []rune(name))
		if !want && strings.ContainsAny(pattern, "?[") && strings.ContainsFunc(pattern+name, func(r rune) bool { return r > 0x7f }) {
			return // matched byte by byte, perhaps
		}
		if got != want {
			t.Fatalf("MatchFnmatch(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	})
}
