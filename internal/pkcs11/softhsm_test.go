package pkcs11

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// softHSM is the module of Debian's softhsm2.
const softHSM = "/usr/lib/softhsm/libsofthsm2.so"

// softToken makes a token of SoftHSM with the PIN 1234 and returns the beginning of its URI.
func softToken(t *testing.T, label string) string {
	t.Helper()
	if _, err := os.Stat(softHSM); err != nil {
		t.Fatalf("softhsm2 is not installed: %v", err)
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	os.Mkdir(filepath.Join(dir, "tokens"), 0o700)
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"/tokens\nlog.level = ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	run(t, "softhsm2-util", "--init-token", "--free", "--label", label, "--pin", "1234", "--so-pin", "5678")
	return "pkcs11:token=" + label
}

func run(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, out)
	}
}

func withPIN(pin string) PINSource {
	return func(Token) ([]byte, error) { return []byte(pin), nil }
}

func mustURI(t *testing.T, text string) *URI {
	t.Helper()
	u, err := ParseURI(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A real token makes keys of each kind, finds them again, and signs with them.
func TestSoftHSM(t *testing.T) {
	token := softToken(t, "lab")
	for name, kind := range map[string]Kind{"p256": {Curve: 256}, "p384": {Curve: 384}, "p521": {Curve: 521}, "rsa": {RSA: 2048}} {
		u := mustURI(t, token+";object="+name+"?module-path="+softHSM)
		s, err := Open(context.Background(), u, withPIN("1234"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Key(); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: %v before it is made", name, err)
		}
		made, err := s.Generate(kind)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.Close()
		if s, err = Open(context.Background(), u, withPIN("1234")); err != nil {
			t.Fatal(err)
		}
		key, err := s.Key()
		if err != nil {
			t.Fatal(err)
		}
		if !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(made.Public()) {
			t.Errorf("%s: another key is found than was made", name)
		}
		digest := sha256.Sum256([]byte("text"))
		if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil { // Sign verifies
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
}

func TestWrongPIN(t *testing.T) {
	u := mustURI(t, softToken(t, "lab")+"?module-path="+softHSM)
	_, err := Open(context.Background(), u, withPIN("4711"))
	if !errors.Is(err, ErrWrongPIN) {
		t.Errorf("%v", err)
	}
	if err != nil && strings.Contains(err.Error(), "4711") {
		t.Errorf("the PIN is in the error: %v", err)
	}
}
