package dn_test

import (
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"virtpki/dn"
)

// The oracle data are verdicts of the real programs: GnuTLS 3.7.9 and 3.8,
// GLib 2.74 and glibc 2.36.

type dnCase struct {
	Name    string
	Cert    string  `json:"cert_pem"`
	Hex     *string `json:"get_dn_hex"`
	RC      int     `json:"get_dn_rc"`
	Text38  *string `json:"get_dn_3_8"`
	Subject *string `json:"subject_der_hex"`
}

type matchCase struct {
	Group      string
	Pattern    string
	DN         string
	PatternHex string `json:"pattern_hex"`
	DNHex      string `json:"dn_hex"`
	Fnmatch    int    `json:"fnmatch_result"`
	Glob       int    `json:"g_pattern_match_simple_result"`
}

func loadOracle(tb testing.TB, file string, v any) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "oracle", file))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
}

func unhex(tb testing.TB, s string) string {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func dnCases(tb testing.TB) []dnCase {
	var file struct{ Cases []dnCase }
	loadOracle(tb, "dn.json", &file)
	if len(file.Cases) < 100 {
		tb.Fatalf("dn.json has %d cases", len(file.Cases))
	}
	return file.Cases
}

func matchCases(tb testing.TB) []matchCase {
	var file struct{ Cases []matchCase }
	loadOracle(tb, "match.json", &file)
	cases := file.Cases
	if len(cases) < 300 {
		tb.Fatalf("match.json has %d cases", len(cases))
	}
	for i := range cases {
		c := &cases[i]
		if c.PatternHex != "" {
			c.Pattern = unhex(tb, c.PatternHex)
		}
		if c.DNHex != "" {
			c.DN = unhex(tb, c.DNHex)
		}
	}
	return cases
}

func certDER(tb testing.TB, text string) []byte {
	tb.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		tb.Fatal("no PEM block")
	}
	return block.Bytes
}

func TestFromCertificateOracle(t *testing.T) {
	for _, c := range dnCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			der := certDER(t, c.Cert)
			got, err := dn.FromCertificate(der)
			checkOracle(t, c, got, err)
			if c.Subject != nil {
				got, err := dn.FromRDNSequence([]byte(unhex(t, *c.Subject)))
				checkOracle(t, c, got, err)
			}
			if c.RC != 0 {
				return
			}
			want := unhex(t, *c.Hex)
			if c.Text38 != nil {
				want = *c.Text38
			}
			if got, err := dn.GnuTLS38.FromCertificate(der); err != nil || got != want {
				t.Errorf("GnuTLS 3.8: got %q, %v, want %q", got, err, want)
			}
		})
	}
}

func checkOracle(t *testing.T, c dnCase, got string, err error) {
	t.Helper()
	if c.RC != 0 {
		var refused *dn.RefusedError
		if !errors.As(err, &refused) || refused.Reason == "" {
			t.Errorf("got %q, %v, want a RefusedError (GnuTLS says %d)", got, err, c.RC)
		}
		return
	}
	if want := unhex(t, *c.Hex); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestMatchGlobOracle(t *testing.T) {
	for _, c := range matchCases(t) {
		if got := dn.MatchGlob(c.Pattern, c.DN); got != (c.Glob == 1) {
			t.Errorf("%s: MatchGlob(%q, %q) = %v, want %v", c.Group, c.Pattern, c.DN, got, c.Glob == 1)
		}
	}
}

func TestMatchFnmatchOracle(t *testing.T) {
	for _, c := range matchCases(t) {
		if got, _ := dn.MatchFnmatch(c.Pattern, c.DN); got != (c.Fnmatch == 0) {
			t.Errorf("%s: MatchFnmatch(%q, %q) = %v, want %v", c.Group, c.Pattern, c.DN, got, c.Fnmatch == 0)
		}
	}
}
