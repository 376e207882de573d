package issuer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/hint"
)

const stepFile = `# Written by: virtpki issuer init
issuer: step
url: https://ca.example.com:9000/
root-fingerprints: [AA:bb:aabbaabbaabbaabbaabbaabbaabbaabbaabbaabbaabbaabbaabbaabbaabb]
server: {provisioner: libvirt-server, password: {file: /etc/virtpki/server.password}}
client: {provisioner: libvirt-client, password: {env: CLIENT_PASSWORD}, key-file: /etc/virtpki/client.jwk}
`

const vaultFile = `issuer: vault
url: https://vault.example.com:8200
mount: pki/libvirt
namespace: team
ca-file: /etc/ssl/vault.pem
server: {role: libvirt-server}
client: {role: libvirt-client}
approle: {role-id: x, secret-id: {file: /dev/fd/3}}
`

func TestParse(t *testing.T) {
	c, err := Parse([]byte(stepFile))
	if err != nil {
		t.Fatal(err)
	}
	if c.URL != "https://ca.example.com:9000" || c.Roots[0] != strings.Repeat("aabb", 16) || c.Client.Password.Env != "CLIENT_PASSWORD" {
		t.Errorf("%+v", c)
	}
	if c, err := Parse([]byte(vaultFile)); err != nil || c.AppRole.SecretID.File != "/dev/fd/3" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestParseRefuses(t *testing.T) {
	with := func(file, from, to string) string {
		if !strings.Contains(file, from) {
			t.Fatalf("%q is not there", from)
		}
		return strings.Replace(file, from, to, 1)
	}
	for _, test := range []struct{ file, want string }{
		{"", "it is empty"},
		{"- a\n", "line 1: the value has another form than its field"},
		{stepFile + "---\na: b\n", "more than one document"},
		{stepFile + "extra: 1\n", "line 7: field extra is not known"},
		{with(stepFile, "{file: /etc/virtpki/server.password}", "hunter2"), "line 5: the value has another form than its field"},
		{with(stepFile, "issuer: step", "issuer: acme"), `issuer is "acme" (one of step, vault)`},
		{with(stepFile, "https:", "http:"), `url: "http://ca.example.com:9000/" does not begin with https://`},
		{with(stepFile, "https://", "https://me:hunter2@"), "url: an address must not contain a name or a password"},
		{with(stepFile, "AA:bb", "zz"), "is not a SHA-256 fingerprint"},
		{with(stepFile, "{file: /etc", "{file: etc"), `"etc/virtpki/server.password" is not an absolute path`},
		{with(stepFile, "{env: CLIENT_PASSWORD}", "{env: A, file: /b}"), "named by either file or env"},
		{with(stepFile, "{env: CLIENT_PASSWORD}", "{}"), "named by either file or env"},
		{with(stepFile, "provisioner: libvirt-server, ", ""), "server has no provisioner"},
		{with(stepFile, ", password: {file: /etc/virtpki/server.password}", ""), "server has no password"},
		{stepFile + "mount: pki\n", "mount, namespace, token and approle are for Vault only"},
		{stepFile + "timeout: 1h\n", `timeout is "1h" (1s to 5m)`},
		{stepFile + "attempts: 11\n", "attempts is 11 (1 to 10)"},
		{stepFile + "proxy: ftp://x\n", "proxy: "},
		{stepFile + "redirects: [https://a]\n", `redirects: "https://a" is not a host, such as`},
		{stepFile + "redirects: ['a b']\n", "redirects: "},
		{stepFile + "redirects: ['a:']\n", "redirects: "},
		{stepFile + "redirects: ['']\n", "redirects: "},
		{stepFile + "crl: file:///etc/passwd\n", "crl: "},
		{"issuer: step\nurl: https://ca\n", "neither server nor client"},
		{with(vaultFile, "approle: {role-id: x, secret-id: {file: /dev/fd/3}}", ""), "Vault needs either token or approle"},
		{vaultFile + "token: {env: T}\n", "Vault needs either token or approle"},
		{with(vaultFile, "role-id: x, ", ""), "approle needs role-id and secret-id"},
		{with(vaultFile, "pki/libvirt", "pki/../sys"), `"pki/../sys" is not a name in Vault`},
		{with(vaultFile, "role: libvirt-server", "role: 'a?b'"), `"a?b" is not a name in Vault`},
		{with(vaultFile, "namespace: team", `namespace: "a\r\nX: b"`), "is not a name in Vault"},
		{with(vaultFile, "role: libvirt-server", "provisioner: a"), "server: Vault needs a role"},
	} {
		_, err := Parse([]byte(test.file))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q, for\n%s", err, test.want, test.file)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "issuer.")) {
			t.Errorf("the error tells too much: %q", err)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.yaml")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for mode, want := range map[fs.FileMode]string{
		0o600: "", 0o400: "", 0o640: "can be read by others (mode 0640, want 0600)", 0o604: "mode 0604", 0o622: "can be written by others",
	} {
		if err := os.WriteFile(path, []byte(stepFile), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("mode %04o: error %v, want %q", mode, err, want)
		}
		if text, ok := hint.Of(err); want != "" && (!ok || !strings.HasPrefix(text, "ch")) {
			t.Errorf("mode %04o: hint %q", mode, text)
		}
		os.Chmod(path, 0o600)
	}
	// A directory in which others can replace the file.
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil {
		t.Error("a file in a directory of everybody's is believed")
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	write := func(text string, mode fs.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("first\r\nsecond\n", 0o600)
	if got, err := (&Secret{File: path}).read(); err != nil || string(got) != "first" {
		t.Errorf("file: %q, %v", got, err)
	}
	write("first\n", 0o644)
	if _, err := (&Secret{File: path}).read(); err == nil || !strings.Contains(err.Error(), "can be read by others") {
		t.Errorf("mode 0644: %v", err)
	}
	write("\n", 0o600)
	if _, err := (&Secret{File: path}).read(); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("empty: %v", err)
	}
	t.Setenv("LAB_SECRET", "value")
	if got, err := (&Secret{Env: "LAB_SECRET"}).read(); err != nil || string(got) != "value" {
		t.Errorf("environment: %q, %v", got, err)
	}
	if _, err := (&Secret{Env: "LAB_NO_SECRET"}).read(); err == nil || !strings.Contains(err.Error(), "LAB_NO_SECRET is not set") {
		t.Errorf("no environment: %v", err)
	}
	if _, err := (*Secret)(nil).read(); err == nil {
		t.Error("nothing is a secret")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(stepFile))
	f.Add([]byte(vaultFile))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxConfig {
			return
		}
		c, err := Parse(data)
		if err != nil {
			return
		}
		if !strings.HasPrefix(c.URL, "https://") || c.Server == (Profile{}) && c.Client == (Profile{}) {
			t.Errorf("%+v is taken", c)
		}
	})
}
