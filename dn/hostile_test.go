package dn_test

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"virtpki/dn"
)

// TestMatchGlobLongPieces compares the search for long pieces with "?" with the plain matcher.
// Short random pairs do not reach that search.
func TestMatchGlobLongPieces(t *testing.T) {
	r := newRand(t)
	matched := 0
	for range rounds(400) {
		unit := pick(r, []string{"a", "ab", "aé", "例a", "aab"})
		name := strings.Repeat(unit, 20+r.IntN(300))
		piece := []rune(strings.Repeat(unit, 1+r.IntN(200)))
		for range 1 + r.IntN(len(piece)) {
			piece[r.IntN(len(piece))] = '?'
		}
		if r.IntN(3) == 0 {
			piece[r.IntN(len(piece))] = 'x'
			name += strings.Repeat(unit, r.IntN(100)) + strings.ReplaceAll(string(piece), "?", pick(r, []string{"é", "a", "🚀"}))
		}
		pattern := "*" + string(piece) + pick(r, []string{"*", "*b", "?*", "??*a"})
		got, want := dn.MatchGlob(pattern, name), slowGlob([]rune(pattern), []rune(name))
		if got != want {
			t.Fatalf("MatchGlob(%q, %q) = %v, want %v", pattern, name, got, want)
		}
		if got {
			matched++
		}
	}
	if matched == 0 {
		t.Error("nothing matched")
	}
}

// TestMatchFnmatchLongPieces compares pieces that are tried at many places.
func TestMatchFnmatchLongPieces(t *testing.T) {
	o, r := startOriginal(t), newRand(t)
	matched := 0
	for range rounds(3000) {
		unit := pick(r, []string{"a", "ab", "aab", "a[", "aé"})
		name := strings.Repeat(unit, 20+r.IntN(150))
		var piece strings.Builder
		for range 1 + r.IntN(pick(r, []int{8, 60, 400})) {
			piece.WriteString(pick(r, []string{"a", "a", "?", "[ab]", "[!b]", "[a", "\\a", "b", "[[:alpha:]]", "[a-", "[x[:]", "[xa-[:alpha:]]", "[a\\]b]"}))
		}
		pattern := "*" + piece.String() + pick(r, []string{"*", "*b", "", "?*", "b*"})
		if r.IntN(2) == 0 {
			name += withoutSets(r, piece.String()) + strings.Repeat(unit, r.IntN(4))
		}
		got, _ := dn.MatchFnmatch(pattern, name)
		if want := o.fnmatch(pattern, name); got != want {
			t.Fatalf("MatchFnmatch(%q, %q) = %v, want %v", pattern, name, got, want)
		}
		if got {
			matched++
		}
	}
	if matched < 20 {
		t.Errorf("only %d matched", matched)
	}
}

// TestGlobUndefined checks that the pairs that are said to end the process do so.
func TestGlobUndefined(t *testing.T) {
	tests := []struct {
		name, pattern, dn string
		aborts            bool
	}{
		{"name ends amid a character, pattern matched from its end", "CN=*a*bbbbb", "CN=aabbbbb\xc3", true},
		{"two jokers", "??", "a\xf0", true},
		{"pattern ends amid a character", "C?*aab\xe3", "CN=aab\xe3", true},
		{"matched from the start", "CN=*bbb*a", "CN=bbb\xc3", false},
		{"one star alone", "CN=*", "CN=\xc3", false},
		{"valid text", "CN=*a*é", "CN=aé", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			undefined, aborts := dn.GlobUndefined(tt.pattern, tt.dn)
			if aborts != tt.aborts || undefined != tt.aborts {
				t.Errorf("got %v, %v, want %v", undefined, aborts, tt.aborts)
			}
			if tt.aborts && dn.MatchGlob(tt.pattern, tt.dn) {
				t.Error("matches")
			}
			cmd := exec.Command(originalBinary(t))
			cmd.Stdin = strings.NewReader("g " + hexed(tt.pattern) + " " + hexed(tt.dn) + "\n")
			if err := cmd.Run(); (err != nil) != tt.aborts {
				t.Errorf("the original ends with %v", err)
			}
		})
	}
}

// TestAbortingSubjects checks that GnuTLS ends the process for subjects with ReasonAbort.
func TestAbortingSubjects(t *testing.T) {
	cert := certDER(t, dnCases(t)[0].Cert)
	for _, subject := range []string{"30023100", "300431003100", "300431023000"} {
		der := withSubject(t, cert, []byte(unhex(t, subject)))
		_, err := dn.FromCertificate(der)
		if err == nil || !strings.Contains(err.Error(), string(dn.ReasonAbort)) {
			t.Errorf("%s: %v", subject, err)
		}
		cmd := exec.Command(originalBinary(t))
		cmd.Stdin = strings.NewReader("d " + hexed(string(der)) + "\n")
		if err := cmd.Run(); err == nil {
			t.Errorf("%s: the original does not abort", subject)
		}
	}
}

// TestClassesAgainstOriginal compares the limits of each character class with the original's.
func TestClassesAgainstOriginal(t *testing.T) {
	o := startOriginal(t)
	for _, class := range []string{"alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
		"space", "upper", "xdigit", "combining"} {
		var got []string
		in := false
		for c := uint32(0); c < 0x110000; c++ {
			if now := dn.InClass(class, c, true); now != in {
				got, in = append(got, strconv.FormatUint(uint64(c), 16)), now
			}
			if in && c >= 0x80 && dn.InClass(class, c, false) {
				t.Fatalf("%s: byte %#x is in it", class, c)
			}
		}
		if want := strings.Fields(o.ask("w %s", class)); !slices.Equal(got, want) {
			t.Errorf("%s: the class changes at %d places, want %d", class, len(got), len(want))
		}
	}
}
