package dn_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"virtpki/dn"
)

func TestLint(t *testing.T) {
	tests := []struct {
		pattern string
		want    string // "ID severity", by spaces; in order
		fix     string // of the first
	}{
		{"C=GB,O=Acme,CN=admin", "", ""},
		{"O=Acme?, Inc.,CN=a", "", ""},
		{"CN=host/a", "", ""},
		{"CN=a+OU=b", "", ""},
		{"1.2.3.4=#0c0161", "", ""},
		{"O=Acme,*", "", ""},
		{"CN=admin,O=Acme,C=GB", "reversed-order warning", "C=GB,O=Acme,CN=admin"},
		{"CN=a,DC=example,DC=com", "reversed-order warning", "DC=com,DC=example,CN=a"},
		{"O=Acme, CN=admin", "spaces error", "O=Acme,CN=admin"},
		{"C = GB, CN = a", "spaces error spaces-around-equals error", "C=GB,CN=a"},
		{"/C=GB/O=Acme, Inc./CN=*", "slashes error", `C=GB,O=Acme\, Inc.,CN=*`},
		{`CN="a, b"`, "quotes error", `CN=a\, b`},
		{"O=a;CN=b", "semicolon error", "O=a,CN=b"},
		{"CN=a,", "trailing-comma error", "CN=a"},
		{"subject=CN=a", "label error", "CN=a"},
		{"o=a,cn=b", "type-case error", "O=a,CN=b"},
		{"CN=x,emailAddress=a@b", "type-spelling error", "CN=x,EMAIL=a@b"},
		{"CN=x,E=a@b", "type-spelling error", "CN=x,EMAIL=a@b"},
		{"foo=bar", "unknown-type error", ""},
		{"O=*, CN=b", "spaces warning inner-star note", "O=*,CN=b"},
		{"O=?,cn=b", "type-spelling warning", "O=?,CN=b"},
		{"O=,CN=a", "empty-value warning", ""},
		{"CN=", "empty-value warning", ""},
		{"DC=,CN=a", "", ""},
		{"*,O=,CN=a", "leading-star warning", ""},
		{"O=*,CN=", "empty-value warning inner-star note", ""},
		{"1.2.3.4=abc", "hex-form error", ""},
		{"1.2.3.4=abc*", "hex-form error", ""},
		{"1.2.3.4=", "hex-form error", ""},
		{"1.2.3.4=?0c*", "trailing-star note", ""},
		{"1.2.3.4=#0c016", "hex-form error", ""},
		{"1.2.3.4=#0c01?,CN=x", "", ""},
		{"CN=#abc", "hex-form error", ""},
		{`CN=\#abc`, "backslash warning", "CN=?#abc"},
		{"1.2.3.4=#0C0161", "hex-form error", "1.2.3.4=#0c0161"},
		{"O=Acme, Inc.,CN=a", "escapes error", `O=Acme\, Inc.,CN=a`},
		{"admin", "no-dn error", ""},
		{`CN=a\x`, "no-dn error backslash warning", ""},
		{"", "empty error", ""},
		{"CN=\xff", "invalid-utf8 error", "CN=?"},
		{"CN=node[1-9]", "brackets warning", "CN=node?"},
		{"CN=node[[:digit:]]x[!a]", "brackets warning", "CN=node?x?"},
		{"CN=[abc", "brackets warning", "CN=?abc"},
		{`O=Acme\, Inc.,CN=a`, "backslash warning", "O=Acme?, Inc.,CN=a"},
		{`O=Acme\\, Inc.,CN=a`, "backslash warning", "O=Acme?, Inc.,CN=a"},
		{`CN=DOM\\user`, "backslash warning", "CN=DOM??user"},
		{"CN=??", "two-jokers note", ""},
		{"*CN=admin", "leading-star warning", ""},
		{"*,CN=admin", "leading-star warning", ""},
		{"*O=Acme*", "leading-star warning trailing-star note", ""},
		{"O=*,CN=admin", "inner-star note", ""},
		{"O=Acme,*,CN=admin", "inner-star note", ""},
		{"O=Acme,CN=*", "trailing-star note", ""},
		{"*", "everyone warning", ""},
		{"?*", "everyone warning", ""},
		{"*=*", "everyone warning", ""},
	}
	for _, tt := range tests {
		var got []string
		advice := dn.Lint([]string{tt.pattern})
		for _, a := range advice {
			got = append(got, a.ID, a.Severity.String())
			if a.Reason == "" || a.Index != 0 || a.Pattern != tt.pattern || a.Fix != "" && a.Fix == tt.pattern {
				t.Errorf("%q: advice %+v", tt.pattern, a)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: got %q, want %q", tt.pattern, strings.Join(got, " "), tt.want)
		} else if len(advice) > 0 && advice[0].Fix != tt.fix {
			t.Errorf("%q: fix %q, want %q", tt.pattern, advice[0].Fix, tt.fix)
		}
	}
}

func TestLintList(t *testing.T) {
	empty := dn.Lint(nil)
	if len(empty) != 1 || empty[0].ID != "empty-list" || empty[0].Severity != dn.Error || empty[0].Index != -1 {
		t.Errorf("empty list: %+v", empty)
	}
	var covered []int
	for _, a := range dn.Lint([]string{"O=Acme,CN=*", "O=Acme,CN=a", "CN=x", "CN=x", "O=Acme,CN=?b*", "O=Acme,CN=*", "O=Bcme,CN=*"}) {
		if a.ID == "covered" {
			covered = append(covered, a.Index)
		}
	}
	if want := []int{1, 3, 4, 5}; !slices.Equal(covered, want) {
		t.Errorf("covered: got %v, want %v", covered, want)
	}
}

func TestLintForOneMatcher(t *testing.T) {
	for _, a := range dn.Lint([]string{"CN=[ab]"}, dn.Fnmatch) {
		if a.Severity != dn.Note {
			t.Errorf("brackets with fnmatch alone: %+v", a)
		}
	}
	old := dn.Lint([]string{`O=Acme\\, Inc.,CN=\é\*`}, dn.Fnmatch)
	if len(old) != 1 || old[0].Fix != "O=Acme?, Inc.,CN=é?" {
		t.Errorf("backslashes for fnmatch alone: %+v", old)
	}
	for _, a := range dn.Lint([]string{`O=Acme\, Inc.,CN=a`}, dn.Glob) {
		if a.Severity != dn.Note {
			t.Errorf("backslash with glob alone: %+v", a)
		}
	}
}

// TestLintErrorsAreTrue makes patterns from real names, by putting wildcards in the place of parts
// of them: Lint must not say of such a pattern that it matches nothing, and a pattern that covers
// another has to match the same names.
func TestLintErrorsAreTrue(t *testing.T) {
	r := newRand(t)
	checked := 0
	for range rounds(20000) {
		name, err := dn.FromRDNSequence(randomSubject(t, r))
		if err != nil || strings.HasSuffix(name, ",") || strings.HasSuffix(name, "+") {
			continue
		}
		pattern, outer := punched(r, name), punched(r, name)
		if !dn.MatchGlob(pattern, name) || !dn.MatchGlob(outer, name) {
			continue // invalid UTF-8, which GLib steps over differently
		}
		for _, a := range dn.Lint([]string{pattern}) {
			if a.Severity == dn.Error && a.ID != "invalid-utf8" {
				t.Fatalf("%q matches %q, but: %+v", pattern, name, a)
			}
		}
		checkCovered(t, r, pattern, outer)
		checked++
	}
	if checked < 1000 && rounds(20000) >= 20000 {
		t.Errorf("only %d patterns checked", checked)
	}
}

func checkCovered(t *testing.T, r *rand.Rand, inner, outer string) {
	t.Helper()
	for _, a := range dn.Lint([]string{inner, outer}, dn.Glob) {
		if a.ID != "covered" {
			continue
		}
		small, big := inner, outer
		if a.Index == 1 {
			small, big = outer, inner
		}
		for range 5 {
			name := fitting(r, small, globParts, globBad, 0)
			if dn.MatchGlob(small, name) && !dn.MatchGlob(big, name) {
				t.Fatalf("%q is said to be covered by %q, which does not match %q", small, big, name)
			}
		}
	}
}

// punched replaces characters by wildcards.
func punched(r *rand.Rand, name string) string {
	var out strings.Builder
	skip := 0
	for _, c := range name {
		switch {
		case skip > 0:
			skip--
		case r.IntN(12) == 0:
			out.WriteByte('*')
			skip = r.IntN(5)
		case r.IntN(12) == 0:
			out.WriteByte('?')
		default:
			out.WriteRune(c)
		}
	}
	return out.String()
}

func TestExplain(t *testing.T) {
	const name = "C=GB,O=Acme,CN=admin"
	tests := []struct{ pattern, id, fix string }{
		{"C=GB,O=Acme,CN=[a-z]*", "other-matcher", "C=GB,O=Acme,CN=?*"},
		{"C=GB, O=Acme, CN=admin", "type", name},
		{"/C=GB/O=Acme/CN=admin", "type", name},
		{"CN=admin,O=Acme,C=GB", "order", name},
		{"CN=*, O=Acme, C=GB", "order", "C=GB,O=Acme,CN=*"},
		{"C=GB,O=Acme,CN=Admin", "case", name},
		{"C=GB,O=Acme", "more", ""},
		{"O=Acme,CN=admin", "before", ""},
		{"O=Acme,C=GB,CN=admin", "same-rdns", name},
		{"C=GB,O=Ac me,CN=admin", "spaces", name},
		{"C=GB,O=Acme,CN=other", "differs", ""},
	}
	for _, tt := range tests {
		misses := dn.Explain(name, []string{"X=y", tt.pattern}, dn.Glob)
		if len(misses) != 1 || misses[0].ID != tt.id || misses[0].Fix != tt.fix || misses[0].Index != 1 {
			t.Errorf("%q: got %+v, want %s with fix %q", tt.pattern, misses, tt.id, tt.fix)
		}
	}
	if misses := dn.Explain(name, []string{"X=y", "*"}, dn.Glob); misses != nil {
		t.Errorf("a name that gets in: %+v", misses)
	}
	units := dn.Explain("O=Acme,OU=a+OU=b,CN=c", []string{"O=Acme,OU=a,OU=b,CN=*"}, dn.Glob)
	if len(units) != 1 || units[0].ID != "plus" {
		t.Errorf("two units in one RDN: %+v", units)
	}
	comma := dn.Explain(`O=Acme\, Inc.,CN=a`, []string{`O=Acme\, Inc.,CN=a`, "O=Acme, Inc.,CN=a"}, dn.Fnmatch)
	if len(comma) != 2 || comma[0].ID != "other-matcher" || comma[1].ID != "backslash" || comma[0].Fix != "O=Acme?, Inc.,CN=a" {
		t.Errorf("escaped comma under fnmatch: %+v", comma)
	}
}

// TestFixesMatch checks that every fix of Explain matches the name.
func TestFixesMatch(t *testing.T) {
	r := newRand(t)
	for range rounds(3000) {
		name, err := dn.FromRDNSequence(randomSubject(t, r))
		if err != nil || strings.ToValidUTF8(name, "") != name {
			continue
		}
		pattern := punched(r, name)
		for _, bad := range []string{strings.ToLower(pattern), strings.ReplaceAll(pattern, ",", ", "), strings.ReplaceAll(pattern, `\`, "")} {
			for _, m := range []dn.Matcher{dn.Glob, dn.Fnmatch} {
				for _, miss := range dn.Explain(name, []string{bad}, m) {
					if miss.Fix != "" && !m.Match(miss.Fix, name) {
						t.Fatalf("%v %q, name %q: fix %q (%s) does not match", m, bad, name, miss.Fix, miss.ID)
					}
				}
			}
		}
	}
}
