package dn_test

import (
	"fmt"
	"strings"
	"testing"

	"virtpki/dn"
)

func TestListMatch(t *testing.T) {
	patterns := []string{"CN=a", "O=Acme,CN=*", "CN=a", "*", "O=Acme,CN=b", `O=Acme\, Inc.,CN=?`}
	l := dn.Compile(patterns, dn.Glob)
	tests := []struct {
		name string
		want int
	}{
		{"CN=a", 0}, {"O=Acme,CN=b", 1}, {"x", 3}, {"", 3}, {`O=Acme\, Inc.,CN=c`, 3},
	}
	for _, tt := range tests {
		if got, ok := l.Match(tt.name); got != tt.want || !ok {
			t.Errorf("Match(%q) = %d, %v, want %d", tt.name, got, ok, tt.want)
		}
	}
	if got, ok := dn.Compile(nil, dn.Glob).Match("CN=a"); ok || got != -1 {
		t.Errorf("the empty list gives %d, %v", got, ok)
	}
	if l.Pattern(1) != patterns[1] || l.Matcher().String() != "glob" || dn.Fnmatch.String() != "fnmatch" {
		t.Error("accessors")
	}
}

// TestListMatchRandom compares a list with its patterns tried one after the other.
func TestListMatchRandom(t *testing.T) {
	r := newRand(t)
	for _, m := range []dn.Matcher{dn.Glob, dn.Fnmatch} {
		parts := globParts
		if m == dn.Fnmatch {
			parts = fnParts
		}
		hits := 0
		for range rounds(300) {
			var patterns []string
			for range r.IntN(60) {
				head := pick(r, []string{"", "a", "ab", "CN=", "CN=a"})
				patterns = append(patterns, head+randomText(r, parts, globBad, 40, 6))
			}
			l := dn.Compile(patterns, m)
			for range 60 {
				name := randomText(r, parts, globBad, 40, 7)
				if len(patterns) > 0 && r.IntN(3) > 0 {
					name = fitting(r, pick(r, patterns), parts, globBad, 40)
				}
				want, wantOK := firstOf(patterns, m, name)
				got, ok := l.Match(name)
				if got != want || ok != wantOK {
					t.Fatalf("%v list %q, name %q: got %d, %v, want %d, %v", m, patterns, name, got, ok, want, wantOK)
				}
				if ok {
					hits++
				}
			}
		}
		if hits == 0 {
			t.Errorf("%v: nothing matched", m)
		}
	}
}

func firstOf(patterns []string, m dn.Matcher, name string) (int, bool) {
	for i, p := range patterns {
		if m.Match(p, name) {
			return i, true
		}
	}
	return -1, false
}

func TestMatchAllocates(t *testing.T) {
	var patterns []string
	for i := range 1000 {
		patterns = append(patterns, fmt.Sprintf("O=Acme,CN=host%d", i), fmt.Sprintf("O=Unit%d,CN=*", i), fmt.Sprintf("O=Acme,CN=*.rack%d", i))
	}
	names := []string{"O=Acme,CN=host7", "O=Unit3,CN=x", "O=Acme,CN=a.rack9", "O=none", "O=Unit3,CN=\xff"}
	for _, m := range []dn.Matcher{dn.Glob, dn.Fnmatch} {
		l := dn.Compile(patterns, m)
		for _, name := range names {
			if n := testing.AllocsPerRun(10, func() { l.Match(name) }); n != 0 {
				t.Errorf("%v list, %q: %v allocations", m, name, n)
			}
		}
	}
	long := strings.Repeat("a", 200)
	for _, pair := range [][2]string{{"*a*a*b", long}, {"*aa?aa?b*", long}, {"*\xff*a?a", long}, {"*[ab]*[!a]c", long}, {"*é?", long}} {
		if n := testing.AllocsPerRun(10, func() { dn.MatchGlob(pair[0], pair[1]); dn.MatchFnmatch(pair[0], pair[1]) }); n != 0 {
			t.Errorf("%q: %v allocations", pair[0], n)
		}
	}
}

func TestFromCertificateAllocates(t *testing.T) {
	der := certDER(t, dnCases(t)[1].Cert)
	if n := testing.AllocsPerRun(10, func() { dn.FromCertificate(der) }); n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}
