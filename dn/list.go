package dn

import (
	"strings"
	"unicode/utf8"
)

// A Matcher is one of the two functions that libvirt has used for
// tls_allowed_dn_list.
type Matcher uint8

const (
	// Glob is g_pattern_match_simple: libvirt from 5.9.0 (6.1.0 at the latest) on. See [MatchGlob].
	Glob Matcher = iota
	// Fnmatch is fnmatch with no flags: libvirt before. See [MatchFnmatch].
	Fnmatch
)

// String gives "glob" or "fnmatch".
func (m Matcher) String() string {
	if m == Fnmatch {
		return "fnmatch"
	}
	return "glob"
}

// MarshalText is for JSON.
func (m Matcher) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Match matches one pattern against one name. For Fnmatch it ignores the error of [MatchFnmatch].
func (m Matcher) Match(pattern, name string) bool {
	if m == Fnmatch {
		ok, _ := MatchFnmatch(pattern, name)
		return ok
	}
	return MatchGlob(pattern, name)
}

// A List is a compiled tls_allowed_dn_list: patterns tried in order until one
// matches. It may be used by several goroutines at once.
//
// The time of a match hardly depends on the length of the list: patterns without wildcards are
// looked up, the others are found by the text before their first wildcard and after their last.
// Only patterns without such text are tried one by one.
type List struct {
	patterns []string
	matcher  Matcher
	exact    map[string]int32 // names that a pattern without wildcards stands for
	prefixes trie[bucket]     // the other patterns, by the text before their first wildcard
	unusual  []int32          // patterns in invalid UTF-8, which GLib matches oddly
}

// Compile makes a list. Every text is a valid pattern.
func Compile(patterns []string, m Matcher) *List {
	l := &List{patterns: append([]string(nil), patterns...), matcher: m, exact: map[string]int32{}}
	for i, pattern := range l.patterns {
		l.add(int32(i), untilNUL(pattern))
	}
	l.prefixes.each((*bucket).index)
	return l
}

func (l *List) add(index int32, pattern string) {
	if l.matcher == Glob && !utf8.ValidString(pattern) {
		l.unusual = append(l.unusual, index)
		return
	}
	s := shapeFor(pattern, l.matcher)
	if !s.exact {
		b := l.prefixes.insert(pattern[:s.prefix])
		b.entries = append(b.entries, entry{index: index, pattern: pattern, prefix: s.prefix, suffix: s.suffix})
		return
	}
	if s.never {
		return
	}
	if _, ok := l.exact[s.literal]; !ok {
		l.exact[s.literal] = index
	}
}

// Match returns the index of the first pattern in the list that matches the name. It does not
// allocate.
func (l *List) Match(name string) (index int, ok bool) {
	name = untilNUL(name)
	best := int32(len(l.patterns))
	if l.matcher == Glob && !utf8.ValidString(name) {
		return l.scan(name)
	}
	if i, ok := l.exact[name]; ok {
		best = i
	}
	for _, i := range l.unusual {
		if i < best && MatchGlob(l.patterns[i], name) {
			best = i
			break
		}
	}
	w := l.prefixes.walk()
	for b := w.next(name, 0); b != nil; b = w.next(name, 0) {
		best = b.match(name, best, l.matcher)
	}
	if best == int32(len(l.patterns)) {
		return -1, false
	}
	return int(best), true
}

// scan tries one pattern after the other.
func (l *List) scan(name string) (int, bool) {
	for i, pattern := range l.patterns {
		if l.matcher.Match(pattern, name) {
			return i, true
		}
	}
	return -1, false
}

// Pattern returns the pattern of an index, as it was passed to [Compile].
func (l *List) Pattern(index int) string { return l.patterns[index] }

// Matcher returns the matcher that the list was compiled for.
func (l *List) Matcher() Matcher { return l.matcher }

// patternShape holds the properties of a pattern that are known before it is matched.
type patternShape struct {
	exact   bool   // no wildcard: it stands for one name
	literal string // that name
	never   bool   // it does not match any name
	prefix  int    // bytes that every match begins with
	suffix  int    // bytes that every match ends with
}

func shapeFor(pattern string, m Matcher) patternShape {
	meta := "*?"
	if m == Fnmatch {
		meta = `*?[\`
	}
	first := strings.IndexAny(pattern, meta)
	if first < 0 {
		return patternShape{exact: true, literal: pattern}
	}
	s := patternShape{prefix: first}
	if m == Fnmatch && !strings.ContainsAny(pattern, `*?[`) {
		literal, ok := unescapePattern(pattern)
		return patternShape{exact: true, literal: literal, never: !ok}
	}
	if m == Glob || !strings.ContainsAny(pattern, `[\`) {
		s.suffix = len(pattern) - strings.LastIndexAny(pattern, meta) - 1
	}
	return s
}

// unescapePattern removes the backslashes of an fnmatch pattern. It returns false if one is at the
// end, because such a pattern does not match anything.
func unescapePattern(pattern string) (string, bool) {
	var out []byte
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' {
			if i++; i == len(pattern) {
				return "", false
			}
		}
		out = append(out, pattern[i])
	}
	return string(out), true
}

// entry is one pattern with a wildcard.
type entry struct {
	index          int32
	prefix, suffix int
	pattern        string
}

func (e *entry) match(name string, m Matcher) bool {
	if m == Fnmatch {
		ok, _ := MatchFnmatch(e.pattern, name)
		return ok
	}
	return globUTF8(e.pattern[e.prefix:], name[e.prefix:])
}

// bucket holds the patterns of one prefix. If there are many, they are indexed once more, by the
// text after their last wildcard.
type bucket struct {
	entries  []entry // in the order of the list
	suffixes *trie[[]entry]
}

// manyEntries is the number of patterns from which an index of their own is worthwhile.
const manyEntries = 8

func (b *bucket) index() {
	if len(b.entries) <= manyEntries {
		return
	}
	b.suffixes = &trie[[]entry]{}
	for _, e := range b.entries {
		at := b.suffixes.insert(reversed(e.pattern[len(e.pattern)-e.suffix:]))
		*at = append(*at, e)
	}
	b.entries = nil
}

func reversed(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// match lowers best to the first pattern that matches.
func (b *bucket) match(name string, best int32, m Matcher) int32 {
	if b.suffixes == nil {
		return firstMatch(b.entries, name, best, m)
	}
	w := b.suffixes.walk()
	for at := w.next(name, 1); at != nil; at = w.next(name, 1) {
		best = firstMatch(*at, name, best, m)
	}
	return best
}

func firstMatch(entries []entry, name string, best int32, m Matcher) int32 {
	for i := range entries {
		if entries[i].index >= best {
			break
		}
		if entries[i].match(name, m) {
			return entries[i].index
		}
	}
	return best
}
