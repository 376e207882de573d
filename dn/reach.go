package dn

import (
	"fmt"
	"strconv"
	"strings"
)

// reach looks for patterns that admit more than they seem to.
func (l *linter) reach() {
	p := l.pattern
	if p != "" && strings.Trim(p, "*?=") == "" && strings.ContainsRune(p, '*') {
		l.say("everyone", Warning, "it admits every client of the CA, like no list at all", "")
		return
	}
	if strings.HasPrefix(strings.TrimLeft(p, "?"), "*") {
		l.leadingStar()
	}
	l.innerStar()
	if strings.HasSuffix(p, "*") && !strings.HasSuffix(p, ",*") {
		l.trailingStar()
	}
}

// leadingStar looks for patterns that begin with a star: the text after it may be the end of
// another value.
func (l *linter) leadingStar() {
	rest := strings.TrimLeft(l.pattern, "*?")
	reason := "the star also matches the start of a value, so the text after it may be part of that value"
	example := `O=Evil\,` + plainExample(strings.TrimLeft(rest, ","))
	if MatchGlob(l.pattern, example) {
		reason += getsIn(example)
	}
	l.say("leading-star", Warning, reason, "")
}

// innerStar looks for a star with an attribute after it, which may stand for further RDNs.
func (l *linter) innerStar() {
	p := strings.TrimLeft(l.pattern, "*?")
	for i := 0; i < len(p); i++ {
		if p[i] != '*' || i+1 == len(p) || strings.Trim(p[i:], "*?") == "" {
			continue
		}
		head, tail := plainExample(p[:i]), p[i+1:]
		example := head + "x,OU=evil" + plainExample(tail)
		if strings.HasSuffix(head, ",") {
			example = head + `OU=evil\,` + plainExample(strings.TrimLeft(tail, ","))
		}
		if !strings.HasPrefix(l.pattern, p) { // leadingStar has reported a leading star already
			return
		}
		reason := "a star also matches commas: further RDNs, or escaped text in a value, may stand in its place"
		if MatchGlob(l.pattern, example) {
			reason += getsIn(example)
		}
		l.say("inner-star", Note, reason, "")
		return
	}
}

// trailingStar looks for a star at the end: "CN=*" does not end with the common name.
func (l *linter) trailingStar() {
	example := plainExample(strings.TrimRight(l.pattern, "*")) + "a,OU=evil"
	reason := "the star also matches beyond the value: further RDNs may follow"
	if MatchGlob(l.pattern, example) {
		reason += getsIn(example)
	}
	l.say("trailing-star", Note, reason, "")
}

// getsIn ends a reason with a name that shows it. Its backslashes stand as they would in a list.
// Characters that a terminal should not receive are escaped.
func getsIn(example string) string {
	if strings.ContainsFunc(example, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return fmt.Sprintf(": %q is admitted", example)
	}
	return ": \"" + example + "\" is admitted"
}

// plainExample returns a text that a pattern matches, with nothing for "*" and "x" for "?".
func plainExample(pattern string) string {
	return strings.NewReplacer("*", "", "?", "x").Replace(pattern)
}

// coverer is an index of patterns that may cover others.
type coverer struct {
	patterns []string
	wild     trie[[]int32] // patterns with wildcards, by the text before the first
	exact    map[string]int
}

func coverers(patterns []string) *coverer {
	c := &coverer{patterns: patterns, exact: map[string]int{}}
	for i, p := range patterns {
		if first := strings.IndexAny(p, "*?"); first >= 0 {
			at := c.wild.insert(p[:first])
			*at = append(*at, int32(i))
		} else if _, ok := c.exact[p]; !ok {
			c.exact[p] = i
		}
	}
	return c
}

// find returns another pattern that covers the one at index. Of two that cover each other, only the
// first counts as covering the second.
func (c *coverer) find(index int, pattern string) (int, bool) {
	if first, ok := c.exact[pattern]; ok && first < index {
		return first, true
	}
	fixed := pattern
	if first := strings.IndexAny(pattern, "*?"); first >= 0 {
		fixed = pattern[:first]
	}
	w := c.wild.walk()
	tail := pattern[strings.LastIndexAny(pattern, "*?")+1:]
	for at := w.next(fixed, 0); at != nil; at = w.next(fixed, 0) {
		for _, i := range *at {
			outer := c.patterns[i]
			outerTail := outer[strings.LastIndexAny(outer, "*?")+1:]
			if int(i) == index || !strings.HasSuffix(tail, outerTail) || !covers(outer, pattern) {
				continue
			}
			if int(i) < index || !covers(pattern, outer) {
				return int(i), true
			}
		}
	}
	return 0, false
}
