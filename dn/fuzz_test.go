package dn_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"virtpki/dn"
)

// FuzzFromRDNSequence checks that the printer does not panic on any bytes, and that printing,
// parsing and printing again gives the same text.
func FuzzFromRDNSequence(f *testing.F) {
	for _, c := range dnCases(f) {
		if c.Subject != nil {
			f.Add([]byte(unhex(f, *c.Subject)))
		}
	}
	for _, s := range []string{"3000", "30023100", "3004310230 00", "300c310a3008060355040313 0100"} {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		dn.FromCertificate(der)
		for _, dialect := range []dn.Dialect{dn.GnuTLS37, dn.GnuTLS38, dn.GnuTLS36} {
			text, err := dialect.FromRDNSequence(der)
			if err != nil {
				var refused *dn.RefusedError
				if !errors.As(err, &refused) {
					t.Fatalf("%x: error %v is no RefusedError", der, err)
				}
				continue
			}
			checkIdentity(t, text)
		}
	})
}

func checkIdentity(t *testing.T, text string) {
	t.Helper()
	name, err := dn.Parse(text)
	if err != nil {
		// An empty RDN or attribute leaves a separator at the end; every other text must be
		// readable.
		if last := text[len(text)-1]; (last == ',' || last == '+') && !strings.HasSuffix(text[:len(text)-1], `\`) {
			return
		}
		t.Fatalf("%q does not parse: %v", text, err)
	}
	if got := name.String(); got != text {
		t.Fatalf("%q prints back as %q", text, got)
	}
	der, err := name.Encode()
	if err != nil {
		return
	}
	again, err := dn.FromRDNSequence(der)
	if err != nil {
		t.Fatalf("%q encodes to %x, which GnuTLS refuses: %v", text, der, err)
	}
	second, err := dn.Encode(again)
	if err != nil {
		t.Fatalf("%q, from %q, does not encode: %v", again, text, err)
	}
	if third, err := dn.FromRDNSequence(second); err != nil || third != again {
		t.Fatalf("%q becomes %q, then %q, %v", text, again, third, err)
	}
}

// slowGlob matches valid UTF-8 by the plain definition, character by character.
func slowGlob(pattern, name []rune) bool {
	reach := make([]bool, len(name)+1) // reach[j]: the pattern so far can end at j
	reach[0] = true
	for _, c := range pattern {
		next := make([]bool, len(name)+1)
		for j := range reach {
			switch {
			case c == '*':
				next[j] = reach[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = reach[j-1] && (c == '?' || c == name[j-1])
			}
		}
		reach = next
	}
	return reach[len(name)]
}

func FuzzMatchGlob(f *testing.F) {
	for _, c := range matchCases(f) {
		f.Add(c.Pattern, c.DN)
	}
	f.Add("*a*a*a*a*b", strings.Repeat("a", 60))
	f.Add("*aa?aa?b*", strings.Repeat("aé", 60)+"aaéaaéb")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		got := dn.MatchGlob(pattern, name)
		if strings.ContainsRune(pattern+name, 0) || !utf8.ValidString(pattern) || !utf8.ValidString(name) {
			if undefined, _ := dn.GlobUndefined(pattern, name); undefined && got {
				t.Fatalf("MatchGlob(%q, %q) matches where GLib has no answer", pattern, name)
			}
			return
		}
		if len(pattern)*len(name) > 1<<20 {
			return
		}
		if want := slowGlob([]rune(pattern), []rune(name)); got != want {
			t.Fatalf("MatchGlob(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	})
}

// FuzzAdvice checks that the reader of pasted names, the advice and the portable patterns do not
// panic on any text, and that they keep their promises.
func FuzzAdvice(f *testing.F) {
	for _, c := range matchCases(f) {
		f.Add(c.Pattern, c.DN)
	}
	f.Add(`subject=C = GB, O = "Acme, Inc.", CN = a`, "/C=GB/O=Acme, Inc./CN=a")
	f.Add(`O=Acme\2C Inc.;CN=#0C0161,`, "emailAddress=a@b+CN=x")
	f.Fuzz(func(t *testing.T, a, b string) {
		dn.Lint([]string{a, b})
		if d, err := dn.Diagnose(a); err == nil && len(d.Problems) == 0 && d.Right != a {
			t.Fatalf("%q is said to be right, and becomes %q", a, d.Right)
		}
		if !utf8.ValidString(b) || strings.ContainsRune(b, 0) {
			return
		}
		for _, m := range []dn.Matcher{dn.Glob, dn.Fnmatch} {
			if p := dn.Exact(b); !m.Match(p, b) {
				t.Fatalf("%v: Exact(%q) = %q does not match it", m, b, p)
			}
			for _, miss := range dn.Explain(b, []string{a}, m) {
				if miss.Fix != "" && !m.Match(miss.Fix, b) {
					t.Fatalf("%v %q, name %q: fix %q (%s) does not match", m, a, b, miss.Fix, miss.ID)
				}
			}
		}
	})
}
