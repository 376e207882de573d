package dn

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Lint returns advice on the faults and surprises of a tls_allowed_dn_list. It judges the list for
// the given matchers, or for both if none is given. Advice on the whole list comes first, then the
// rest in the order of the patterns.
//
// The IDs: empty-list; empty, invalid-utf8, label, slashes, spaces, spaces-around-equals, quotes,
// semicolon, trailing-comma, type-case, type-spelling, unknown-type, hex-form, empty-value,
// escapes, no-dn (the pattern can match no name); reversed-order; everyone, covered, leading-star,
// inner-star, trailing-star (admits more than it seems to); brackets, backslash, two-jokers (the
// matchers differ).
func Lint(patterns []string, matchers ...Matcher) []Advice {
	if len(patterns) == 0 {
		return []Advice{{ID: "empty-list", Severity: Error, Index: -1,
			Reason: "an empty list admits no client; without the setting every client with a valid certificate is admitted"}}
	}
	l := &linter{glob: len(matchers) == 0 || slices.Contains(matchers, Glob),
		fnmatch: len(matchers) == 0 || slices.Contains(matchers, Fnmatch)}
	covering := coverers(patterns)
	for i, pattern := range patterns {
		l.index, l.pattern = i, pattern
		before := len(l.advice)
		l.form()
		l.meaning()
		if l.broken(before) {
			continue
		}
		if l.glob || !strings.ContainsAny(pattern, `[\`) {
			l.reach()
		}
		if by, ok := covering.find(i, pattern); ok && l.sameMeaning(pattern+patterns[by]) {
			l.say("covered", Note, fmt.Sprintf("pattern %d, %q, admits every client that this one admits", by+1, patterns[by]), "")
		}
	}
	return l.advice
}

type linter struct {
	glob, fnmatch bool
	index         int
	pattern       string
	advice        []Advice
}

func (l *linter) say(id string, s Severity, reason, fix string) {
	if fix == l.pattern {
		fix = ""
	}
	l.advice = append(l.advice, Advice{ID: id, Severity: s, Index: l.index, Pattern: l.pattern, Reason: reason, Fix: fix})
}

// broken reports whether an error was found since a point in the advice.
func (l *linter) broken(since int) bool {
	return slices.ContainsFunc(l.advice[since:], func(a Advice) bool { return a.Severity == Error })
}

// sameMeaning reports whether all wanted matchers read the text as Glob does.
func (l *linter) sameMeaning(p string) bool {
	return l.glob && (!l.fnmatch || !strings.ContainsAny(p, `[\`))
}

// form checks the way in which the pattern is written.
func (l *linter) form() {
	p := l.pattern
	switch {
	case p == "":
		l.say("empty", Error, "the empty pattern matches no name", "")
		return
	case !utf8.ValidString(p) || strings.IndexByte(p, 0) >= 0:
		l.say("invalid-utf8", Error, "the pattern is not valid UTF-8; its meaning depends on the release", Exact(p))
		return
	case strings.Trim(p, "*?=") == "":
		return // reach gives the advice
	}
	pieces, h, ok := readLoosely(p, true)
	if !ok {
		if !strings.ContainsAny(p, "*?") { // a wildcard may stand for the "="
			l.say("no-dn", Error, "no name looks like this: an attribute is written TYPE=value", "")
		}
		return
	}
	h &^= l.harmless(p)
	meant, all, ok := readLoosely(p, false)
	if !ok {
		meant, all = pieces, h
	}
	right := joinPieces(meant)
	l.habits(h, Error, "; the pattern matches no name", right)
	l.habits(all&^h&(habitSpaces|habitSemicolon), Warning, "; the pattern matches such text only within a value", right)
	l.types(pieces, right)
	l.values(pieces)
	if looksReversed(meant) {
		l.say("reversed-order", Warning, "the RDNs look reversed: libvirt prints them in the order of the certificate, usually C, ST, L, O, OU, CN",
			joinPieces(reversePieces(meant)))
	}
	if h == 0 && l.glob && needlessBackslash(p) {
		l.say("no-dn", Error, `a backslash stands for itself, and GnuTLS prints one only before , + " \ < > ; and before a "#" or space at an end of a value`, "")
	}
}

func (l *linter) habits(h habits, s Severity, end, right string) {
	for _, say := range habitAdvice {
		if h&say.habit != 0 {
			l.say(say.id, s, say.reason+end, right)
		}
	}
}

// harmless returns the habits that a pattern may have. A leading wildcard may stand for the start
// of a value, and for fnmatch a backslash makes the next character stand for itself.
func (l *linter) harmless(p string) habits {
	h := habits(0)
	if strings.HasPrefix(p, "*") || strings.HasPrefix(p, "?") || strings.ContainsRune(p, '[') {
		h |= habitSlashes
	}
	if strings.ContainsRune(p, '\\') || strings.ContainsRune(p, '[') {
		h |= habitBare | habitHexPairs
	}
	return h
}

// types looks at the attribute types. After a wildcard a comma may belong to a value, and then text
// that looks like a type is part of that value.
func (l *linter) types(pieces []piece, right string) {
	for _, p := range pieces {
		severity, end := Error, "; the pattern matches no name"
		if p.unsure {
			severity, end = Warning, "; the pattern matches such text only within a value"
		}
		if p.unsure && p.habit != 0 {
			l.say("type-spelling", severity, fmt.Sprintf("GnuTLS spells the attribute type %q%s", p.typ, end), right)
		}
		if typeByName(p.typ) == nil && !isDotted(p.typ) && !strings.ContainsAny(p.typ, "*?") {
			l.say("unknown-type", severity, fmt.Sprintf("GnuTLS prints no attribute type %q (unknown types are dotted numbers)%s", p.typ, end), "")
		}
	}
}

// needlessBackslash finds a backslash that GnuTLS never prints. It ignores backslashes after a
// wildcard, which may stand for the first one of a pair.
func needlessBackslash(p string) bool {
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '*', '?':
			for i+1 < len(p) && p[i+1] == '\\' {
				i++
			}
		case '\\':
			if i++; i == len(p) || strings.IndexByte(`,+"\<>;# *?`, p[i]) < 0 {
				return true
			}
			if p[i] == '*' || p[i] == '?' {
				i-- // a wildcard, too
			}
		}
	}
	return false
}

// meaning looks for characters that the two matchers treat differently.
func (l *linter) meaning() {
	p := l.pattern
	if strings.ContainsRune(p, '[') {
		reason, severity := "brackets are a set of characters for fnmatch (libvirt before 5.9)", Note
		if l.glob {
			severity = Warning
			reason = "brackets stand for themselves since libvirt 5.9 (6.1 at the latest); before, they were a set of characters"
		}
		l.say("brackets", severity, reason+"; \"?\" stands for any one character in both, or write one pattern for each", setsAsJokers(p))
	}
	if strings.ContainsRune(p, '\\') {
		reason := "a backslash stands for itself since libvirt 5.9 (6.1 at the latest); before, it had to be doubled. \"?\" matches it in both"
		severity := Note
		if l.fnmatch {
			severity = Warning
		}
		l.say("backslash", severity, reason, l.withoutBackslash(p))
	}
	if strings.Contains(p, "??") && l.glob && l.fnmatch {
		l.say("two-jokers", Note, "fnmatch of glibc 2.33 and newer also matches byte by byte: \"??\" matches \"é\", one character", "")
	}
}

// setsAsJokers writes "?" for each bracket expression.
func setsAsJokers(p string) string {
	var out strings.Builder
	for i := 0; i < len(p); {
		if p[i] == '[' {
			m := fnmatcher{pattern: p, wide: utf8.ValidString(p)}
			if end := m.setEnd(i + 1); end > 0 {
				out.WriteByte('?')
				i = end
				continue
			}
		}
		out.WriteByte(p[i])
		i++
	}
	return Portable(out.String())
}

// setEnd returns the offset behind a bracket expression, or 0 if it does not end.
func (m *fnmatcher) setEnd(p int) int {
	r := setReader{m: m, pos: p}
	if c := r.peek(); c == '!' || c == '^' {
		r.pos++
	}
	if r.peek() == ']' {
		r.pos++
	}
	if r.skip() != memberEnd {
		return 0
	}
	return r.pos
}

// withoutBackslash writes "?" for the character that each backslash stands for. A doubled one
// before a special character was written for fnmatch, unless an attribute follows.
func (l *linter) withoutBackslash(p string) string {
	var out strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] != '\\' || i+1 == len(p) {
			out.WriteByte(p[i])
			continue
		}
		next := p[i+1]
		switch {
		case !l.glob && strings.IndexByte(`\*?[`, next) >= 0:
			out.WriteByte('?')
			i++
		case !l.glob: // the next character stands for itself anyway
		case next == '\\' && i+2 < len(p) && strings.IndexByte(`,+"<>;# `, p[i+2]) >= 0 && !slashForm("/"+p[i+3:]):
			out.WriteByte('?')
			i++
		default:
			out.WriteByte('?')
		}
	}
	return Portable(out.String())
}
