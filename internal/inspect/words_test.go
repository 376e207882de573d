package inspect

import (
	"strings"
	"testing"

	"virtpki/internal/judge"
)

func TestShortPath(t *testing.T) {
	for _, test := range []struct{ title, path, want string }{
		{"/etc/pki", "/etc/pki/CA/cacert.pem", "CA/cacert.pem"},
		{"/etc/pki", "/etc/pki", ""},
		{"/etc/pki", "/etc/pki2/x", "/etc/pki2/x"},
		{"/etc/libvirt/libvirtd.conf", "/srv/tls/key.pem", "/srv/tls/key.pem"},
		{"/etc/pki", "", ""},
	} {
		if got := shortPath(test.title, test.path); got != test.want {
			t.Errorf("shortPath(%q, %q) = %q, want %q", test.title, test.path, got, test.want)
		}
	}
}

// TestReportText wraps a finding and keeps its fix whole; nothing in a path or a fix
// breaks a line.
func TestReportText(t *testing.T) {
	long := strings.Repeat("it is long ", 10)
	r := &Report{Areas: []Area{{Title: "/etc/pki", Found: []judge.Finding{
		{ID: "mode", Level: judge.Warning, File: "/etc/pki/libvirt/a\nb.pem", Text: "wrong", Fix: strings.Repeat("chmod 0600 x && ", 9) + "true"},
		{ID: "cert-usage", Level: judge.Note, Text: long, Releases: []string{"libvirt-9.0", "libvirt-9.1"}},
		{ID: "named", Level: judge.Error, File: "/etc/pki", Text: "libvirt-9.0 says no", Releases: []string{"libvirt-9.0"}},
	}}}, Verdicts: []Verdict{{Role: "client", Says: "virsh would connect", Clean: true}}}
	text := string(r.Text())
	for _, want := range []string{
		"/etc/pki\n  warning  ", `"libvirt/a\nb.pem: wrong [mode]"` + "\n",
		"\n           fix: " + strings.Repeat("chmod 0600 x && ", 9) + "true\n",
		"(libvirt-9.0, libvirt-9.1)\n", "  error    libvirt-9.0 says no [named]\n", "\n\nclient files: ok, virsh would connect\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > 81 && !strings.Contains(line, "fix: ") {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

func TestValidationText(t *testing.T) {
	v := &Validation{Lines: []judge.Line{
		{Role: judge.Trust, What: "if it is there"},
		{Role: judge.Client, What: "its mode", Found: []judge.Finding{{File: "/a", Text: "too open", Fix: "chmod 0600 /a"}, {File: "/b", Text: "gone"}}},
	}}
	want := " TRUST: Checking if it is there                          : PASS\n" +
		"CLIENT: Checking its mode                                : FAIL (/a: too open; run: chmod 0600 /a; /b: gone)\n"
	if got := string(v.Text()); got != want || !v.Failed() {
		t.Errorf("\n%s, want\n%s", got, want)
	}
	if v.Lines = v.Lines[:1]; v.Failed() {
		t.Error("all pass, and it fails")
	}
}
