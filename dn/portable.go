package dn

import (
	"slices"
	"strconv"
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
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			b.WriteByte('?')
		} else {
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// Portable turns a pattern that was written for [Glob] into one that means
// the same to both matchers, or a little more: "?" for each backslash and "[".
func Portable(pattern string) string {
	return strings.NewReplacer(`\`, "?", "[", "?").Replace(pattern)
}

// Narrowest gives the patterns that match all the names, mean the same to both
// matchers, and let in as little else as one pattern for each kind of name
// can: names with the same attribute types in the same order are one kind.
// Within a value it writes "?" where the names differ in one character, and "*"
// where their lengths differ.
//
// A "*" matches across commas, whatever it was put for. A list of [Exact]
// patterns, one for each name, is always narrower.
func Narrowest(names []string) []string {
	var kinds []string
	columns := map[string][][]string{}
	for _, name := range names {
		parts := splitText(Exact(name), name)
		k := kindOf(parts)
		if columns[k] == nil {
			kinds = append(kinds, k)
		}
		columns[k] = append(columns[k], parts)
	}
	var out []string
	for _, k := range kinds {
		out = append(out, narrowestOf(columns[k]))
	}
	return out
}

// kindOf joins the types and separators. The count tells apart a name that
// ends with a separator.
func kindOf(parts []string) string {
	kind := []string{strconv.Itoa(len(parts))}
	for i := 0; i < len(parts)-1; i += 2 {
		kind = append(kind, parts[i])
	}
	return strings.Join(kind, "")
}

// narrowestOf merges names of one kind part by part.
func narrowestOf(split [][]string) string {
	var out strings.Builder
	column := make([]string, len(split))
	for part := range split[0] {
		for i := range split {
			column[i] = split[i][part]
		}
		out.WriteString(common(column))
	}
	return out.String()
}

// splitText cuts the exact pattern of a name into "TYPE=" and value by turns, at
// the separators of the name; a separator goes with the type after it.
func splitText(exact, name string) []string {
	if len(exact) != len(name) {
		return []string{exact}
	}
	var parts []string
	start, inType := 0, true
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '\\':
			i++
		case inType && c == '=':
			parts = append(parts, exact[start:i+1])
			start, inType = i+1, false
		case !inType && (c == ',' || c == '+'):
			parts = append(parts, exact[start:i])
			start, inType = i, true
		}
	}
	return append(parts, exact[start:])
}

// common is the narrowest pattern for texts that may hold "?" but no "*".
func common(texts []string) string {
	runes := make([][]rune, len(texts))
	for i, s := range texts {
		runes[i] = []rune(s)
	}
	shortest, longest := len(runes[0]), len(runes[0])
	for _, r := range runes[1:] {
		shortest, longest = min(shortest, len(r)), max(longest, len(r))
	}
	if shortest == longest {
		return string(merge(runes, shortest, false))
	}
	head := 0
	for head < shortest && agree(runes, head, false) {
		head++
	}
	tail := 0
	for tail < shortest-head && agree(runes, tail, true) {
		tail++
	}
	out := merge(runes, head, false)
	out = append(out, []rune(strings.Repeat("?", shortest-head-tail))...)
	out = append(out, '*')
	return string(append(out, merge(runes, tail, true)...))
}

// merge gives n characters from an end, "?" for those that differ.
func merge(runes [][]rune, n int, fromEnd bool) []rune {
	out := make([]rune, n)
	for i := range n {
		c := '?'
		if agree(runes, i, fromEnd) {
			c = nth(runes[0], i, fromEnd)
		}
		out[i] = c
	}
	if fromEnd {
		slices.Reverse(out)
	}
	return out
}

func agree(runes [][]rune, i int, fromEnd bool) bool {
	c := nth(runes[0], i, fromEnd)
	for _, r := range runes[1:] {
		if nth(r, i, fromEnd) != c {
			return false
		}
	}
	return true
}

func nth(r []rune, i int, fromEnd bool) rune {
	if fromEnd {
		return r[len(r)-1-i]
	}
	return r[i]
}
