package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIssuer(t *testing.T) {
	for _, c := range []struct{ name, text, kind string }{
		{"step-ca", "issuer: step\nurl: https://ca\n", "step"},
		{"Vault, quoted", "# ours\nurl: https://ca\nissuer: \"vault\"", "vault"},
		{"another service", "issuer: acme\n", ""},
		{"a command for a shell", "issuer: step; id\n", ""},
		{"a field inside another", "server:\n  issuer: step\n", ""},
		{"empty", "", ""},
	} {
		m := &Machine{Root: t.TempDir()}
		path := m.Path(IssuerFile)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		i := m.Issuer()
		if i.Kind != c.kind || i.None() != (c.kind == "") {
			t.Errorf("%s: %+v, want kind %q", c.name, i, c.kind)
		}
		if flag, filter := "--issuer "+path, "virtpki issuer "+c.kind+" --config "+path; !i.None() && (i.Flag() != flag || i.Filter() != filter) {
			t.Errorf("%s: %q and %q, want %q and %q", c.name, i.Flag(), i.Filter(), flag, filter)
		}
	}
	if i := (&Machine{Root: t.TempDir()}).Issuer(); !i.None() {
		t.Errorf("no file: %+v", i)
	}
	here := Issuer{"step", IssuerFile}
	if here.Flag() != "--issuer /etc/virtpki/issuer.yaml" || here.Filter() != "virtpki issuer step" {
		t.Errorf("%q and %q", here.Flag(), here.Filter())
	}
}

// TestIssuerOfAnImage: the maker of an image writes an issuer's file that has the secrets of the machine
// that looks at the image sent to an address of his. No fix may name that file to a shell.
func TestIssuerOfAnImage(t *testing.T) {
	root := t.TempDir()
	m := &Machine{Root: root}
	if err := os.MkdirAll(m.Path("/etc/virtpki"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", m.Path("/link")); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"token: {file: " + root + "/etc/virtpki/token}": true,
		"token:\n  file: '" + root + "/token'\n":        true,
		"proxy: http://proxy:3128/\nmount: a/b":         true,
		"token: {file: /etc/virtpki/token}":             false,
		"token: {\"file\":/etc/virtpki/token}":          false,
		"token: {\"file\"://etc/virtpki/token}":         false,
		"token: {file: //etc/virtpki/token}":            false,
		"token: {file: \"\\x2fetc/virtpki/token\"}":     false,
		"token:\n  file:\n    /etc/virtpki/token":       false,
		"token: {file: " + root + "/../token}":          false,
		"token: {file: " + root + "x/token}":            false,
		"token: {file: " + root + "/link}":              false,
		"token: {env: VAULT_TOKEN}":                     false,
	} {
		if err := os.WriteFile(m.Path(IssuerFile), []byte("issuer: vault\nurl: https://ca:8200\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := !m.Issuer().None(); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
