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
