package allowlist

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"virtpki/dn"
	"virtpki/internal/hint"
)

// write makes a configuration file.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "libvirtd.conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	for _, test := range []struct {
		name, conf string
		typed      []string
		want       []string
		open       string
		refused    bool
	}{
		{"a list", "tls_allowed_dn_list = [\"CN=a\"]\n", nil, []string{"CN=a"}, "", false},
		{"typed ones come first", "tls_allowed_dn_list = [\"CN=a\"]\n", []string{"CN=b"}, []string{"CN=b", "CN=a"}, "", false},
		{"an empty list lets nobody in", "tls_allowed_dn_list = []\n", nil, nil, "", false},
		{"no list", "# none\n", nil, nil, "there is no tls_allowed_dn_list", false},
		{"no list beside typed ones", "# none\n", []string{"CN=b"}, []string{"CN=b"}, "", false},
		{"nobody is asked for a certificate", "tls_no_verify_certificate = 1\ntls_allowed_dn_list = [\"CN=a\"]\n", nil, nil, "tls_no_verify_certificate is 1", false},
		{"not a configuration", "tls_allowed_dn_list = [\n", nil, nil, "", true},
	} {
		list, err := Load(test.typed, write(t, test.conf))
		if (err != nil) != test.refused {
			t.Errorf("%s: %v", test.name, err)
		}
		if err == nil && (!slices.Equal(list.Patterns, test.want) && test.open == "" || !strings.HasPrefix(list.Open, test.open) || (list.Open != "") != (test.open != "")) {
			t.Errorf("%s: %+v", test.name, list)
		}
	}
	if _, err := Load(nil, filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a file that is missing is an empty list")
	}
}

func TestAsk(t *testing.T) {
	const name = "O=Example Org,CN=admin"
	for _, test := range []struct {
		name    string
		list    List
		client  Name
		allowed bool
		reason  string
		misses  int
		typed   bool // wrong, as it was typed
	}{
		{"exact", List{Patterns: []string{name}}, Name{Raw: name, File: "x"}, true, "", 0, false},
		{"a wildcard", List{Patterns: []string{"O=Example Org,CN=*"}}, Name{Raw: name, File: "x"}, true, "", 0, false},
		{"nobody", List{}, Name{Raw: name, File: "x"}, false, "", 0, false},
		{"in another order", List{Patterns: []string{"CN=admin,O=Example Org"}}, Name{Raw: name, File: "x"}, false, "", 1, false},
		{"the list does not count", List{Open: "it is open"}, Name{Raw: "CN=x"}, true, "it is open", 0, false},
		{"libvirt refuses the certificate", List{Patterns: []string{"*"}}, Name{Refused: "bad", File: "x"}, false, "libvirt refuses the certificate: bad", 0, false},
		{"typed with spaces", List{Patterns: []string{name}}, Name{Raw: "O=Example Org, CN=admin"}, false, "", 0, true},
	} {
		got := Compile(&test.list, dn.Glob, dn.Fnmatch).Ask(test.client)
		if got.Allowed != test.allowed || got.Reason != test.reason || len(got.Misses) != test.misses || (len(got.Problems) > 0) != test.typed {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		pattern         string
		refused, forced bool // refused even if it is forced
	}{
		{"O=Example Org,CN=admin", false, false},
		{"*", false, false},
		{"", true, true},
		{"CN=a\x1b", true, true},
		{"CN=a, O=b", true, false},
	} {
		if err := Check([]string{test.pattern}, false); (err != nil) != test.refused {
			t.Errorf("%q: %v", test.pattern, err)
		}
		if err := Check([]string{test.pattern}, true); (err != nil) != test.forced {
			t.Errorf("%q, forced: %v", test.pattern, err)
		}
	}
}

func TestLockedOut(t *testing.T) {
	for _, test := range []struct {
		allow  []string
		client string
		locked bool
	}{
		{nil, "CN=a", false}, // no list
		{[]string{"CN=a"}, "CN=a", false},
		{[]string{"CN=*"}, "CN=a", false},
		{[]string{"CN=b"}, "CN=a", true},
		{[]string{}, "CN=a", true},
		{[]string{"CN=b"}, "", false}, // no client here
	} {
		err := LockedOut(test.allow, test.client)
		if (err != nil) != test.locked {
			t.Errorf("%q, %q: %v", test.allow, test.client, err)
		}
		if text, ok := hint.Of(err); test.locked && (!ok || !strings.Contains(text, "--allow-dn 'CN=a'")) {
			t.Errorf("%q: hint %q", test.allow, text)
		}
	}
}

func TestLintConf(t *testing.T) {
	for _, test := range []struct{ name, conf, id string }{
		{"fine", "tls_allowed_dn_list = [\"O=Example Org,CN=admin\"]\n", ""},
		{"not a configuration", "x = [\n", "no-start"},
		{"twice", "log_level = 1\nlog_level = 2\n", "duplicate"},
		{"open", "tls_no_verify_certificate = 1\n", "no-verify"},
		{"empty", "tls_allowed_dn_list = []\n", "empty-list"},
		{"a user's pattern is no DN", "sasl_allowed_username_list = [\"bob\"]\n", ""},
	} {
		rows, err := LintConf(write(t, test.conf))
		if err != nil {
			t.Fatal(err)
		}
		if found := slices.ContainsFunc(rows, func(r Row) bool { return r.ID == test.id }); found != (test.id != "") || test.id == "" && len(rows) > 0 {
			t.Errorf("%s: %+v, want %q", test.name, rows, test.id)
		}
	}
}

func TestWithIssued(t *testing.T) {
	for _, test := range []struct{ patterns, clients, want []string }{
		{nil, []string{"CN=a"}, []string{"CN=a"}},
		{[]string{"CN=a"}, []string{"CN=a", "CN=b"}, []string{"CN=a", "CN=b"}},
		{[]string{"CN=*"}, nil, []string{"CN=*"}},
		{nil, []string{"CN=a*"}, []string{dn.Exact("CN=a*")}},
		{nil, nil, nil}, // a list that admits nobody
	} {
		got, err := WithIssued(test.patterns, test.clients)
		if !slices.Equal(got, test.want) || (err != nil) != (test.want == nil) {
			t.Errorf("%q with %q: %q, %v", test.patterns, test.clients, got, err)
		}
	}
}

func TestLine(t *testing.T) {
	for _, test := range []struct {
		name    string
		list    List
		dn      string
		want    []string
		allowed bool
	}{
		{"no list", List{Open: "open"}, "CN=a", []string{"allowed", "CN=a", ""}, true},
		{"by a pattern", List{Patterns: []string{"CN=b", "CN=*"}}, "CN=a", []string{"allowed", "CN=a", "CN=*"}, true},
		{"nobody", List{Patterns: []string{"CN=b"}}, "CN=a", []string{"refused", "CN=a"}, false},
		{"brackets are a set for fnmatch alone", List{Patterns: []string{"CN=[ab]"}}, "CN=a", []string{"differs", "CN=a", "fnmatch"}, false},
		{"and themselves for glob alone", List{Patterns: []string{"CN=[ab]"}}, "CN=[ab]", []string{"differs", "CN=[ab]", "glob"}, true},
	} {
		got, allowed := Compile(&test.list, dn.Glob, dn.Fnmatch).line(test.dn)
		if !slices.Equal(got, test.want) || allowed != test.allowed {
			t.Errorf("%s: %q, %v", test.name, got, allowed)
		}
	}
}

func TestMatchers(t *testing.T) {
	for name, want := range map[string][]dn.Matcher{"": {dn.Glob, dn.Fnmatch}, "glob": {dn.Glob}, "fnmatch": {dn.Fnmatch}, "Glob": nil} {
		if got, err := Matchers(name); !slices.Equal(got, want) || (err != nil) != (want == nil) {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		severity        dn.Severity
		refused, strict bool
	}{
		{dn.Error, true, true}, {dn.Warning, false, true}, {dn.Note, false, false},
	} {
		found := Findings{{Severity: test.severity.String()}}
		if found.Refused(false) != test.refused || found.Refused(true) != test.strict {
			t.Errorf("%v", test.severity)
		}
	}
}

func TestLooksLikePath(t *testing.T) {
	for arg, want := range map[string]bool{"libvirtd.conf": true, "/etc/x": true, "O=a/b,CN=*": false, "CN=a": false, "*": false} {
		if looksLikePath(arg) != want {
			t.Errorf("%q: %v", arg, !want)
		}
	}
}

func TestLines(t *testing.T) {
	gate := Compile(&List{Patterns: []string{"CN=a*"}}, dn.Glob, dn.Fnmatch)
	var out strings.Builder
	allIn, err := gate.Lines(t.Context(), strings.NewReader("CN=a1\nCN=a\t2\n"), &out)
	if want := "allowed\tCN=a1\tCN=a*\nallowed\tCN=a 2\tCN=a*\n"; !allIn || err != nil || out.String() != want {
		t.Errorf("%v, %v, %q, want %q", allIn, err, out.String(), want)
	}
	if allIn, err := gate.Lines(t.Context(), strings.NewReader("CN=a1\nCN=b\nCN=a2\n"), io.Discard); allIn || err != nil {
		t.Errorf("with one that is refused: %v, %v", allIn, err)
	}
	if _, err := gate.Lines(t.Context(), strings.NewReader(strings.Repeat("x", lineBuffer+1)), io.Discard); err == nil {
		t.Error("a line that is too long")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gate.Lines(ctx, strings.NewReader(strings.Repeat("CN=a\n", interruptEvery)), io.Discard); !errors.Is(err, hint.ErrInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestText checks that the text names the pattern, or the near misses, in lines that nothing in
// a DN breaks.
func TestText(t *testing.T) {
	for _, test := range []struct {
		patterns []string
		client   Name
		want     []string
	}{
		{[]string{"CN=*"}, Name{Raw: "CN=a", File: "x"}, []string{"allowed CN=a by CN=*"}},
		{[]string{"CN=a"}, Name{Raw: "CN=b\nallowed", File: "x"}, []string{`refused "CN=b\nallowed"`}},
		{[]string{"CN=a,O=b"}, Name{Raw: "O=b,CN=a", File: "x"}, []string{"refused O=b,CN=a", "  near: CN=a,O=b", "    write: "}},
		{[]string{"CN=[a]"}, Name{Raw: "CN=a", File: "x"}, []string{"refused CN=a", "  differs: libvirt before 5.9 (fnmatch) admits it by CN=[a]"}},
		{[]string{"O=b,CN=a"}, Name{Raw: "O=b, CN=a"}, []string{"refused O=b, CN=a", "  this DN: ", "    libvirt sees: O=b,CN=a"}},
		{nil, Name{Refused: "bad", File: "x"}, []string{"refused", "  libvirt refuses the certificate: bad"}},
	} {
		text := string(Compile(&List{Patterns: test.patterns}, dn.Glob, dn.Fnmatch).Ask(test.client).Text())
		lines := strings.Split(text, "\n")
		for _, want := range test.want {
			if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want) }) {
				t.Errorf("%q asked about %q: no line %q in\n%s", test.patterns, test.client.Raw, want, text)
			}
		}
		if !strings.HasSuffix(text, "\n") {
			t.Errorf("%q does not end its last line", text)
		}
	}
}
