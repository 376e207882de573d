package dn

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// A Miss says why one pattern of a list does not match a name.
type Miss struct {
	Index   int    `json:"index"`
	Pattern string `json:"pattern"`
	ID      string `json:"id"` // stable, for programs: "case", "spaces", "order", "differs", …
	Reason  string `json:"reason"`
	Fix     string `json:"fix,omitempty"` // a pattern that would match, made from this one
}

// Explain returns, for a name that the list refuses, the patterns that came close and why they
// missed, the closest first. It leaves out patterns that are far from the name, and returns nothing
// when the list admits the name.
func Explain(name string, patterns []string, m Matcher) []Miss {
	for _, p := range patterns {
		if m.Match(p, name) {
			return nil
		}
	}
	var misses []missed
	for i, p := range patterns {
		if miss, ok := explainOne(name, p, m); ok {
			miss.Index, miss.Pattern = i, p
			misses = append(misses, miss)
		}
	}
	sort.SliceStable(misses, func(i, j int) bool { return misses[i].closeness > misses[j].closeness })
	var out []Miss
	for _, miss := range misses[:min(len(misses), mostMisses)] {
		out = append(out, miss.Miss)
	}
	return out
}

// mostMisses is the number of misses that a person would read.
const mostMisses = 10

type missed struct {
	Miss
	closeness int
}

// reading is one way in which a pattern could have been meant.
type reading struct {
	id, reason string
	of         func(name, pattern string, m Matcher) (fix string, ok bool)
}

// readings are tried in turn; the first under which the pattern matches the name is the reason.
var readings = []reading{
	{"other-matcher", "only the other matcher matches it: brackets and backslashes changed their meaning with libvirt 5.9", otherMatcher},
	{"backslash", "GnuTLS puts a backslash before each special character; the pattern has none there", escapedPattern},
	{"type", "an attribute type is not spelled as GnuTLS prints it, or the text is in another tool's form", loosePattern},
	{"order", "the RDNs are in reverse order; libvirt uses the order of the certificate", reversedPattern},
	{"case", "only upper and lower case differ, and case counts", foldedPattern},
	{"more", "the name continues after the text that the pattern matches", longerName},
	{"before", "the name has more RDNs before the text that the pattern matches", longerBefore},
	{"plus", "attributes that share one RDN are joined with \"+\" (Go puts several OUs into one), others with \",\"", plusPattern},
	{"same-rdns", "the same RDNs in another order", permuted},
	{"spaces", "only spaces differ", unspaced},
}

func explainOne(name, pattern string, m Matcher) (missed, bool) {
	for i, r := range readings {
		if fix, ok := r.of(name, pattern, m); ok {
			return missed{Miss{ID: r.id, Reason: r.reason, Fix: fix}, 1<<20 - i}, true
		}
	}
	return firstDifference(name, pattern)
}

func otherMatcher(name, pattern string, m Matcher) (string, bool) {
	if (1 - m).Match(pattern, name) {
		glob, fn := &linter{glob: true}, &linter{fnmatch: true}
		return fixFor(name, setsAsJokers(pattern), glob.withoutBackslash(pattern), fn.withoutBackslash(pattern))
	}
	return "", false
}

// fixFor returns the first pattern that matches the name with both matchers.
func fixFor(name string, candidates ...string) (string, bool) {
	for _, p := range candidates {
		if Glob.Match(p, name) && Fnmatch.Match(p, name) {
			return p, true
		}
	}
	return Exact(name), true
}

func escapedPattern(name, pattern string, m Matcher) (string, bool) {
	unescaped := strings.ReplaceAll(name, `\`, "")
	if unescaped == name || !m.Match(strings.ReplaceAll(pattern, `\`, ""), unescaped) {
		return "", false
	}
	return Exact(name), true
}

func loosePattern(name, pattern string, m Matcher) (string, bool) {
	pieces, _, ok := readLoosely(pattern, false)
	if !ok {
		return "", false
	}
	return matchingFix(name, joinPieces(pieces), m)
}

// matchingFix returns the corrected pattern if it matches the name.
func matchingFix(name, right string, m Matcher) (string, bool) {
	if !m.Match(right, name) {
		return "", false
	}
	return fixFor(name, Portable(right))
}

func reversedPattern(name, pattern string, m Matcher) (string, bool) {
	pieces, _, ok := readLoosely(pattern, false)
	if !ok || len(pieces) < 2 {
		return "", false
	}
	return matchingFix(name, joinPieces(reversePieces(pieces)), m)
}

func foldedPattern(name, pattern string, m Matcher) (string, bool) {
	if !m.Match(strings.ToLower(pattern), strings.ToLower(name)) {
		return "", false
	}
	return Exact(name), true
}

func longerName(name, pattern string, m Matcher) (string, bool) {
	return "", m.Match(pattern+",*", name) || m.Match(pattern+"+*", name)
}

func longerBefore(name, pattern string, m Matcher) (string, bool) {
	return "", m.Match("*,"+pattern, name)
}

// permuted reports whether the attributes of the pattern match those of the name in another order.
func permuted(name, pattern string, m Matcher) (string, bool) {
	want, _, ok := readLoosely(pattern, false)
	have, _, ok2 := readLoosely(name, false)
	if !ok || !ok2 || len(want) != len(have) {
		return "", false
	}
	for _, w := range want {
		i := slices.IndexFunc(have, func(p piece) bool { return m.Match(w.String(), p.String()) })
		if i < 0 {
			return "", false
		}
		have = slices.Delete(have, i, i+1)
	}
	return Exact(name), true
}

func plusPattern(name, pattern string, m Matcher) (string, bool) {
	commas := strings.NewReplacer("+", ",")
	if !strings.ContainsRune(name+pattern, '+') || !m.Match(commas.Replace(pattern), commas.Replace(name)) {
		return "", false
	}
	return Exact(name), true
}

func unspaced(name, pattern string, m Matcher) (string, bool) {
	if !m.Match(strings.ReplaceAll(pattern, " ", ""), strings.ReplaceAll(name, " ", "")) {
		return "", false
	}
	return Exact(name), true
}

// firstDifference compares attribute by attribute, when the types agree.
func firstDifference(name, pattern string) (missed, bool) {
	want, _, ok := readLoosely(pattern, false)
	have, _, ok2 := readLoosely(name, false)
	if !ok || !ok2 || !utf8.ValidString(name) {
		return missed{}, false
	}
	same := 0
	for i := range min(len(want), len(have)) {
		if MatchGlob(want[i].String(), have[i].String()) {
			same++
		}
	}
	for i := range max(len(want), len(have)) {
		w, h := "nothing", "nothing"
		if i < len(want) {
			w = fmt.Sprintf("%q", want[i].String())
		}
		if i < len(have) {
			h = fmt.Sprintf("%q", have[i].String())
		}
		if i < len(want) && i < len(have) && MatchGlob(want[i].String(), have[i].String()) {
			continue
		}
		reason := fmt.Sprintf("attribute %d: the pattern has %s, the name %s", i+1, w, h)
		return missed{Miss{ID: "differs", Reason: reason}, same}, same > 0 || len(want) == 1 && sameType(want, have)
	}
	return missed{}, false
}

func sameType(want, have []piece) bool { return len(have) == 1 && want[0].typ == have[0].typ }
