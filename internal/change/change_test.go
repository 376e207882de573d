package change

import (
	"context"
	"crypto"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

func TestRun(t *testing.T) {
	failed := errors.New("failed")
	for _, c := range []struct {
		name    string
		dryRun  bool
		there   bool  // the file is there already
		fails   int   // in which call decide fails
		want    error // of Run
		decided int   // times
		written bool
	}{
		{"something to do", false, false, 0, nil, 2, true},
		{"a dry run", true, false, 0, nil, 1, false},
		{"nothing to do", false, true, 0, nil, 1, true},
		{"what cannot be decided", false, false, 1, failed, 1, false},
		{"what can no longer be decided", false, false, 2, failed, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := machine.New()
			m.Root = t.TempDir()
			path := filepath.Join(m.Root, "file")
			if c.there {
				if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			decided := 0
			_, err := Run(t.Context(), m, Options{Lock: []string{m.Root}, DryRun: c.dryRun, Track: NewTracker()}, func(j *Job) error {
				if decided++; decided == c.fails {
					return failed
				}
				return j.Plan.File(path, []byte("text"), 0o644, nil)
			})
			if !errors.Is(err, c.want) || err != nil && c.want == nil || decided != c.decided {
				t.Errorf("error %v after %d decisions, want %v after %d", err, decided, c.want, c.decided)
			}
			if _, err := os.Stat(path); (err == nil) != c.written {
				t.Errorf("the file: %v", err)
			}
			if left := m.Tree().Interrupted(m.Root); left {
				t.Error("something is left half made")
			}
		})
	}
}

// A run that is interrupted, in either of its decisions, does not apply them.
func TestRunInterrupted(t *testing.T) {
	for _, last := range []int{1, 2} {
		m := machine.New()
		m.Root = t.TempDir()
		path := filepath.Join(m.Root, "file")
		ctx, cancel := context.WithCancel(t.Context())
		track, decided := NewTracker(), 0
		_, err := Run(ctx, m, Options{Lock: []string{m.Root}, Track: track}, func(j *Job) error {
			if decided++; decided == last {
				cancel()
			}
			return j.Plan.File(path, nil, 0o644, nil)
		})
		cancel()
		if !errors.Is(err, hint.ErrInterrupted) || m.Tree().Exists(path) || track.Changed() {
			t.Errorf("interrupted in decision %d: error %v, changed %v", last, err, track.Changed())
		}
	}
}

// A run that has to wait for another one says so.
func TestLockedWaits(t *testing.T) {
	m := machine.New()
	m.Root = t.TempDir()
	waits := make(chan struct{})
	m.Warn = func(format string, _ ...any) {
		if strings.HasPrefix(format, "waiting for another run") {
			close(waits)
		}
	}
	first, err := Lock(t.Context(), m, m.Root)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		second, err := Lock(t.Context(), m, m.Root)
		if err == nil {
			second.Release()
		}
		done <- err
	}()
	<-waits
	first.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestKeyring(t *testing.T) {
	dir := t.TempDir()
	asked := 0
	k := NewKeyring(store.At(dir), func(string) ([]byte, error) { asked++; return []byte("secret"), nil })
	k.Ahead(pki.EC256, "a", "b")
	one, err1 := k.Key("a", pki.EC256)
	k.Ahead(pki.EC256, "a")
	two, err2 := k.Key("a", pki.EC256)
	three, err3 := k.Key("c", pki.EC256)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if !pki.SameKey(one.Public(), two.Public()) || pki.SameKey(one.Public(), three.Public()) {
		t.Error("a slot has one key, and no other slot has it")
	}
	for _, c := range []struct {
		name      string
		given     bool
		encrypted bool
	}{{"no passphrase", false, false}, {"a passphrase", true, true}, {"one that is known", false, true}} {
		k.Given = c.given
		data, err := k.EncodeCA(one)
		if err != nil || pki.Encrypted(data) != c.encrypted {
			t.Errorf("%s: encrypted %v, %v", c.name, pki.Encrypted(data), err)
		}
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		opened, err := k.OpenCA(path)
		if err != nil || !pki.SameKey(opened.Public(), one.Public()) {
			t.Errorf("%s: opened %v", c.name, err)
		}
		if like, err := k.EncodeLike(three, path); err != nil || pki.Encrypted(like) != c.encrypted {
			t.Errorf("%s: EncodeLike encrypted %v, %v", c.name, pki.Encrypted(like), err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestKeyState(t *testing.T) {
	dir := t.TempDir()
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, key crypto.Signer, passphrase []byte) {
		data, err := pki.EncodeKey(key, passphrase)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("plain", key, nil)
	write("encrypted", key, []byte("x"))
	if err := os.Mkdir(filepath.Join(dir, "unreadable"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"plain", "encrypted", "absent", "unreadable"} {
		if got := KeyState(store.At(dir), filepath.Join(dir, want)); got != want {
			t.Errorf("%s: %s", want, got)
		}
	}
}

func TestWritten(t *testing.T) {
	block := func(kind string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("x")}))
	}
	request, cert, crl, key := block("CERTIFICATE REQUEST"), block("CERTIFICATE"), block("X509 CRL"), block("PRIVATE KEY")
	for _, c := range []struct {
		name string
		ours func([]byte) bool
		text string
		want bool
	}{
		{"requests", WrittenRequests, request + block("VIRTPKI KEY PROOF"), true},
		{"a key among requests", WrittenRequests, request + key, false},
		{"a remark among requests", WrittenRequests, "mine\n" + request, false},
		{"a response", WrittenResponses, cert + crl, true},
		{"a request for a response", WrittenResponses, request, false},
		{"a CRL", WrittenCRLs, crl, true},
		{"a certificate for a CRL", WrittenCRLs, cert, false},
		{"an empty file", WrittenCRLs, " \n", true},
		{"half a block", WrittenCRLs, crl[:20], false},
		{"a unit", WrittenText, "# Written by: virtpki generate systemd\n[Unit]\n", true},
		{"YAML", WrittenText, "---\n# Written by: virtpki generate ansible\n", true},
		{"somebody's unit", WrittenText, "[Unit]\n# Written by: virtpki\n", false},
		{"metrics", WrittenMetrics, "# HELP virtpki_x y\n", true},
		{"another's metrics", WrittenMetrics, "# HELP node_x y\n", false},
	} {
		if got := c.ours([]byte(c.text)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestPlanOutput(t *testing.T) {
	for _, c := range []struct{ name, there, flag, hint string }{
		{"nothing there", "", "--out", ""},
		{"one of ours", "# HELP virtpki_x y\n", "--out", ""},
		{"somebody's", "mine", "--out", "--force"},
		{"somebody's metrics", "mine", "--metrics", "remove it"},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if c.there != "" {
			if err := os.WriteFile(path, []byte(c.there), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var plan store.Plan
		err := PlanOutput(&plan, store.Output{Path: path, Data: []byte("x"), Mode: OutputMode, Ours: WrittenMetrics}, c.flag)
		if text, _ := hint.Of(err); (err == nil) != (c.hint == "") || !strings.Contains(text, c.hint) {
			t.Errorf("%s: %v, hint %q", c.name, err, text)
		}
	}
}
