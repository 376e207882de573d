package cakey

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/pkcs11"
	"virtpki/internal/tpm"
	"virtpki/pki"
)

// named returns the file of a key in a token.
func named(t *testing.T, uri string) []byte {
	t.Helper()
	u, err := pkcs11.ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	data, err := pkcs11.EncodePEM(u)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const ofTPM = "-----BEGIN TSS2 PRIVATE KEY-----\nMAA=\n-----END TSS2 PRIVATE KEY-----\n"

func TestForms(t *testing.T) {
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := pki.EncodeKey(key, nil)
	sealed, _ := pki.EncodeKey(key, []byte("x"))
	soft := named(t, "pkcs11:token=a;object=b?module-path=/usr/lib/softhsm/libsofthsm2.so")
	for name, c := range map[string]struct {
		data  []byte
		form  Form
		uri   string
		reach Reach
	}{
		"plain":     {plain, Plain, "", Reach{}},
		"encrypted": {sealed, Encrypted, "", Reach{}},
		"nothing":   {nil, Plain, "", Reach{}},
		"SoftHSM":   {soft, PKCS11, "pkcs11:token=a;object=b", Reach{Directory: "/var/lib/softhsm"}},
		"token":     {named(t, "pkcs11:object=b?module-path=/usr/lib/opensc-pkcs11.so"), PKCS11, "pkcs11:object=b", Reach{}},
		"elsewhere": {named(t, "pkcs11:object=b?x-virtpki-command=ssh%20softhsm"), PKCS11, "pkcs11:object=b", Reach{}},
		"TPM":       {[]byte(ofTPM), TPM, "", Reach{Device: tpm.Device}},
		"malformed": {[]byte("-----BEGIN PKCS#11 PROVIDER URI-----\nMAA=\n-----END PKCS#11 PROVIDER URI-----\n"), PKCS11, "", Reach{}},
	} {
		if got := FormOf(c.data); got != c.form || got.InDevice() != (c.form == PKCS11 || c.form == TPM) {
			t.Errorf("%s: form %s", name, got)
		}
		if got := URIOf(c.data); got != c.uri {
			t.Errorf("%s: URI %q", name, got)
		}
		if got := ReachOf(c.data); got != c.reach {
			t.Errorf("%s: reach %+v", name, got)
		}
	}
}

// A program that an image contains or names is not run.
func TestAllow(t *testing.T) {
	for uri, allowed := range map[string]bool{
		"pkcs11:object=b": true,
		"pkcs11:object=b?module-path=/usr/lib/m.so":              true,
		"pkcs11:object=b?module-path=/mnt/image/m.so":            false,
		"pkcs11:object=b?module-path=/mnt/image":                 false,
		"pkcs11:object=b?module-path=/usr/lib/../../mnt/image/m": false,
		"pkcs11:object=b?module-path=../../../mnt/image/m.so":    false,
		"pkcs11:object=b?module-path=/mnt/images/m.so":           true,
		"pkcs11:object=b?x-virtpki-command=true":                 false,
	} {
		u, err := pkcs11.ParseURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		if err := (&Devices{Image: "/mnt/image"}).allow(u); (err == nil) != allowed {
			t.Errorf("%s: %v", uri, err)
		}
		if err := new(Devices).allow(u); err != nil {
			t.Errorf("%s on the machine itself: %v", uri, err)
		}
	}
}

// Somebody who made an image has its cakey.pem name a token of this machine, a file with the
// token's PIN, and a module: p11-kit is asked for the token alone, among the modules that this
// machine knows, and the PIN is not read.
func TestImageNamesOnlyTheKey(t *testing.T) {
	dir := t.TempDir()
	asked := filepath.Join(dir, "asked")
	kit := "#!/bin/sh\necho \"$@\" >>" + asked + "\necho 'no such token' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "p11-kit"), []byte(kit), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	pin := filepath.Join(dir, "pin")
	if err := os.WriteFile(pin, []byte("1234\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := named(t, "pkcs11:token=a;object=b;type=private?module-path="+dir+"/evil.so&pin-source=file:"+pin)
	d := &Devices{Image: "/mnt/image"}
	defer d.Close()
	if _, err := d.Open(file, func(string) ([]byte, error) { return nil, pki.ErrKeyEncrypted }); err == nil {
		t.Error("the key was opened")
	}
	if got, _ := os.ReadFile(asked); string(got) != "remote -v pkcs11:token=a\n" {
		t.Errorf("p11-kit was asked for %q", got)
	}
}

func TestReadPIN(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, mode)
		return path
	}
	good := write("good", "12 34 \r\nnot this\n", 0o600)
	for _, source := range []string{good, "file:" + good, "file://" + good, "file://localhost" + good} {
		if pin, err := readPIN(source); err != nil || string(pin) != "12 34 " {
			t.Errorf("%s: %q, %v", source, pin, err)
		}
	}
	for source, want := range map[string]string{
		"|cat " + good:                "absolute path",
		"pin":                         "absolute path",
		write("open", "1", 0o604):     "can be read by others (mode 0604, want 0600)",
		write("written", "1", 0o620):  "can be written by others",
		write("empty", "\n", 0o600):   "is empty",
		filepath.Join(dir, "missing"): "no such file",
		dir:                           "",
	} {
		if pin, err := readPIN(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", source, pin, err)
		}
	}
}

func TestParsePlace(t *testing.T) {
	p, err := ParsePlace("pkcs11:token=a;object=b", "ssh hsm")
	if err != nil || !p.InDevice() || p.URI.Command != "ssh hsm" || p.String() != "the key pkcs11:token=a;object=b" {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := ParsePlace("", ""); err != nil || p.InDevice() {
		t.Errorf("%+v, %v", p, err)
	}
	for _, c := range [][3]string{{"", "ssh", "--key-uri"}, {"pkcs11:token=a", "", "object=NAME"}, {"pkcs11:object=a?pin-value=4711", "", "contains a PIN"}} {
		if _, err := ParsePlace(c[0], c[1]); err == nil || !strings.Contains(err.Error(), c[2]) || strings.Contains(err.Error(), "4711") {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// A place holds the keys that its flags name, and no others.
func TestPlaceHolds(t *testing.T) {
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := pki.EncodeKey(key, nil)
	token, err := ParsePlace("pkcs11:token=a;object=b?pin-source=file:/etc/pin&module-path=/m.so", "")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"plain": plain, "token": named(t, "pkcs11:token=a;object=b;type=private?module-path=/other.so"), "other": named(t, "pkcs11:token=a;object=c"), "TPM": []byte(ofTPM)}
	for name, c := range map[string]struct {
		place Place
		holds string
		flags string
	}{
		"a file":  {Place{}, "plain", ""},
		"a token": {token, "token", "--key-uri 'pkcs11:token=a;object=b;type=private?pin-source=file:/etc/pin&module-path=/m.so'"},
		"a TPM":   {Place{TPM: true}, "TPM", "--tpm"},
	} {
		for file, data := range files {
			if got := c.place.Holds(data); got != (file == c.holds) {
				t.Errorf("%s holds %s: %v", name, file, got)
			}
		}
		if got := c.place.Flags(); got != c.flags {
			t.Errorf("%s: flags %s", name, got)
		}
	}
}

// Look names the place of a key, and the things that this machine lacks to use it, without a device.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	pin := filepath.Join(dir, "pin")
	if err := os.WriteFile(pin, []byte("1234\n"), 0o604); err != nil {
		t.Fatal(err)
	}
	os.Chmod(pin, 0o604)
	for name, c := range map[string]struct {
		file  []byte
		words string
		lacks string
	}{
		"a key":          {[]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"), "", ""},
		"no p11-kit":     {named(t, "pkcs11:token=a;object=b"), "in a token, pkcs11:token=a;object=b", "p11-kit, which reaches the token, is not installed"},
		"no module":      {named(t, "pkcs11:object=b?module-path="+dir+"/m.so"), "in a token, pkcs11:object=b", "m.so, the module of the token"},
		"no PIN":         {named(t, "pkcs11:object=b?pin-source=file:"+dir+"/none"), "in a token, pkcs11:object=b", "no such file"},
		"an open PIN":    {named(t, "pkcs11:object=b?pin-source=file:"+pin), "in a token, pkcs11:object=b", "can be read by others"},
		"a descriptor":   {named(t, "pkcs11:object=b?x-virtpki-command=true&pin-source=file:/dev/fd/9"), "in a token, pkcs11:object=b", ""},
		"a command":      {named(t, "pkcs11:object=b?x-virtpki-command=ssh%20hsm"), "in a token, pkcs11:object=b", ""},
		"malformed":      {[]byte("-----BEGIN PKCS#11 PROVIDER URI-----\nMAA=\n-----END PKCS#11 PROVIDER URI-----\n"), "in a device that its file does not name: the block PKCS#11 PROVIDER URI does not parse", ""},
		"malformed, TPM": {[]byte(ofTPM), "in a device that its file does not name: the block TSS2 PRIVATE KEY does not parse", ""},
	} {
		if got := Words(c.file); got != c.words {
			t.Errorf("%s: %q", name, got)
		}
		key, err := Look(c.file)
		if err != nil || key == nil {
			continue
		}
		if err := key.Reachable(""); (err == nil) != (c.lacks == "") || err != nil && !strings.Contains(err.Error(), c.lacks) {
			t.Errorf("%s: lacks %v, want %q", name, err, c.lacks)
		}
	}
	gone := &Named{Form: TPM}
	if err := gone.Reachable(filepath.Join(dir, "tpm")); err == nil || gone.Reachable(pin) != nil {
		t.Errorf("a TPM that is not there: %v", err)
	}
}
