package clientpack

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/pki"
)

// client returns a client of a CA of its own.
func client(t *testing.T) *Client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{Organization: []string{"Example Org"}, CommonName: "alice"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{Name: "alice", CAs: []*x509.Certificate{cert}, CRL: []byte("CRL\n"), Cert: cert, Key: key}
}

// Only the owner can read a pack, a p12 does not contain an unencrypted key, and each kind has
// the files that its README mentions.
func TestFiles(t *testing.T) {
	pem := []string{"", "README.txt", "cacert.pem", "cacrl.pem", "clientcert.pem", "clientkey.pem"}
	for _, c := range []struct {
		spec Spec
		want []string
	}{
		{Spec{Kind: Linux}, append(pem[:6:6], "install.sh")},
		{Spec{Kind: MacOS}, append(pem[:6:6], "install.sh")},
		{Spec{Kind: Windows}, append(pem[:6:6], "install.cmd")},
		{Spec{Kind: VirtViewer, Console: &Console{Host: "hv1", Port: 5901}}, append(pem[:6:6], "install.sh", "console.vv")},
		{Spec{Kind: PKCS12, Passphrase: []byte("secret")}, []string{"", "README.txt", "cacert.pem", "cacrl.pem", "client.p12"}},
	} {
		files, err := c.spec.Files(client(t))
		if err != nil {
			t.Fatalf("%s: %v", c.spec.Kind, err)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Path)
			if want := fs.FileMode(0o600); f.Mode != want && !f.Dir || f.Dir && f.Mode != 0o700 {
				t.Errorf("%s: %q has mode %o", c.spec.Kind, f.Path, f.Mode)
			}
			if c.spec.Kind == PKCS12 && bytes.Contains(f.Data, []byte("PRIVATE KEY")) {
				t.Errorf("%q has the key in the open", f.Path)
			}
			if strings.HasPrefix(f.Path, "install") && bytes.Contains(f.Data, []byte("alice")) {
				t.Errorf("%q has a name in a script", f.Path)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.spec.Kind, got, c.want)
		}
	}
	if _, err := (&Spec{Kind: PKCS12}).Files(client(t)); !errors.Is(err, errNoPassphrase) {
		t.Errorf("without a passphrase: %v", err)
	}
}

// A certificate that export packs may come from anywhere, and people print a README.
func TestReadmeIsSafe(t *testing.T) {
	c := client(t)
	raw, err := asn1.Marshal(pkix.Name{Organization: []string{"Evil\x1b[2J\nrun: rm -rf ~"}, CommonName: "bob"}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	c.Cert.RawSubject = raw
	for _, kind := range Kinds() {
		readme, err := (&Spec{Kind: Kind(kind)}).readme(c)
		if err != nil || bytes.Contains(readme, []byte("\x1b")) || bytes.Contains(readme, []byte("\nrun:")) || !bytes.Contains(readme, []byte(`O=Evil\x1b[2J\nrun: rm -rf ~,CN=bob`)) {
			t.Errorf("%s: %q, %v", kind, readme, err)
		}
	}
}

func TestParseConsole(t *testing.T) {
	for text, want := range map[string]*Console{
		"spice://hv1.lab.example:5901":   {Host: "hv1.lab.example", Port: 5901},
		"spice://[fd09::7]:5901/":        {Host: "fd09::7", Port: 5901},
		"spice://10.0.0.1:1":             {Host: "10.0.0.1", Port: 1},
		"spice://hv1":                    nil,
		"spice://hv1:0":                  nil,
		"spice://hv1:65536":              nil,
		"spice://hv1:5901?tls-port=1":    nil,
		"spice://alice@hv1:5901":         nil,
		"spice://hv1:5901/x":             nil,
		"spice://:5901":                  nil,
		"spice://hv1%0Atype=vnc:5901":    nil,
		"spice://-hv1 x:5901":            nil,
		"vnc://hv1:5901":                 nil,
		"hv1:5901":                       nil,
		"":                               nil,
		"spice://hv1\n[virt-viewer]:590": nil,
	} {
		got, err := ParseConsole(text)
		if want == nil && err == nil || want != nil && (err != nil || *got != *want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestSetSubject(t *testing.T) {
	for name, good := range map[string]bool{
		"": true, "O=Example Org,CN=hv1": true, `O=A\, B,CN=hv1`: true, `O=A\\B,CN=hv1`: true,
		`O=A\+B,CN=hv1`: false, `O=A\`: false, "O=A,CN=hv1\n[x]": false, "O=A+CN=hv1": false, "O=#1300,CN=hv1": false,
		"O=A\x7f": false, "O=A\u0085ca=x": false, "O=A\u202eb": false, "O=A\xff": false,
	} {
		if err := new(Console).SetSubject(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// FuzzConsole checks that every accepted input gives a file of one group and one line for each
// key.
func FuzzConsole(f *testing.F) {
	f.Add("spice://hv1:5901", "O=Example Org,CN=hv1")
	f.Add("spice://[::1]:5901", `O=A\, B,CN=x`)
	f.Add("spice://h%0a:1", " \\s")
	f.Fuzz(func(t *testing.T, text, name string) {
		c, err := ParseConsole(text)
		if err != nil || c.SetSubject(name) != nil {
			return
		}
		data, err := c.File(nil)
		if err != nil {
			t.Fatal(err)
		}
		keys := strings.Count(string(data), "\n")
		if want := 6; keys != want+min(len(name), 1) {
			t.Errorf("%d lines:\n%s", keys, data)
		}
	})
}

// remote-viewer reads the file with GLib, and gets the intended values.
func TestConsoleFileInGLib(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no compiler")
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "glib-2.0").Output()
	if err != nil {
		t.Skip("GLib is not here: make test installs it")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "read.c"), filepath.Join(dir, "read")
	if err := os.WriteFile(source, []byte(readerSource), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", append([]string{"-o", program, source}, strings.Fields(string(flags))...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := client(t)
	console := &Console{Host: "hv1.lab.example", Port: 5901}
	if err := console.SetSubject(`O=A\, \\B,CN=hv1`); err != nil {
		t.Fatal(err)
	}
	data, err := console.File(c.CAs)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "console.vv")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, file).Output()
	want := "spice\x00hv1.lab.example\x005901\x00" + string(pki.EncodeCertificates(c.CAs...)) + "\x00" + `O=A\, \\B,CN=hv1` + "\x000\x00"
	if err != nil || string(out) != want {
		t.Errorf("%v, read %q, want %q", err, out, want)
	}
}

const readerSource = `#include <glib.h>
#include <stdio.h>
int main(int argc, char **argv) {
	const char *keys[] = {"type", "host", "tls-port", "ca", "host-subject", "delete-this-file"};
	GKeyFile *file = g_key_file_new();
	if (!g_key_file_load_from_file(file, argv[1], G_KEY_FILE_NONE, NULL)) return 1;
	for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
		char *value = g_key_file_get_string(file, "virt-viewer", keys[i], NULL);
		if (value == NULL) return 2;
		printf("%s%c", value, 0);
	}
	return 0;
}
`
