package tpm

import (
	"context"
	"crypto"
	"crypto/rand"
	_ "crypto/sha512"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/legacy/tpm2"
	"github.com/google/go-tpm/tpmutil"
	"go.step.sm/crypto/tpm/tss2"
)

// emulator starts a TPM of its own and returns its socket.
func emulator(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tpm") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	cmd := exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+dir, "--server", "type=unixio,path="+socket,
		"--ctrl", "type=unixio,path="+socket+".ctrl", "--flags", "not-need-init,startup-clear")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	for range 1000 {
		if conn, err := net.Dial("unix", socket); err == nil { // the file is there before it listens
			conn.Close()
			return socket
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("swtpm does not begin to listen")
	return ""
}

func noPassphrase() ([]byte, error) { return nil, errors.New("asked") }

// A TPM makes keys of each kind, and signs with them after they were only in a file.
func TestKinds(t *testing.T) {
	path, ctx := emulator(t), context.Background()
	for name, kind := range map[string]Kind{"ec256": {Curve: 256}, "ec384": {Curve: 384}, "rsa2048": {RSA: 2048}} {
		der, err := Make(ctx, path, kind, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		key, err := Load(ctx, path, der, noPassphrase)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
			if _, err := key.Sign(rand.Reader, make([]byte, hash.Size()), hash); err != nil { // Sign verifies
				t.Errorf("%s with %v: %v", name, hash, err)
			}
		}
		key.Close()
	}
}

// Nothing is left in the TPM: it has room for three keys, and these are more.
func TestNothingIsLeft(t *testing.T) {
	path, ctx := emulator(t), context.Background()
	der, err := Make(ctx, path, Kind{Curve: 256}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		key, err := Load(ctx, path, der, noPassphrase)
		if err != nil {
			t.Fatal(err)
		}
		key.Close()
	}
}

func TestPassphrase(t *testing.T) {
	path, ctx := emulator(t), context.Background()
	der, err := Make(ctx, path, Kind{Curve: 256}, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(text string) *Key {
		key, err := Load(ctx, path, der, func() ([]byte, error) { return []byte(text), nil })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(key.Close)
		return key
	}
	if _, err := with("secret").Sign(rand.Reader, make([]byte, 32), crypto.SHA256); err != nil {
		t.Error(err)
	}
	wrong := with("wrong")
	for range 3 { // of which the TPM sees one
		if _, err := wrong.Sign(rand.Reader, make([]byte, 32), crypto.SHA256); !errors.Is(err, ErrWrongPassphrase) || strings.Contains(err.Error(), "wrong ") && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
	tried := lockoutCounter(t, path)
	if tried != 1 {
		t.Errorf("%d wrong passphrases were tried, not one", tried)
	}
	if _, err := Make(ctx, path, Kind{Curve: 256}, make([]byte, 33)); err == nil {
		t.Error("a passphrase of 33 bytes is taken")
	}
}

// lockoutCounter returns how many wrong passphrases the TPM has seen.
func lockoutCounter(t *testing.T, path string) uint32 {
	t.Helper()
	rw, err := tpm2.OpenTPM(path)
	if err != nil {
		t.Fatal(err)
	}
	const lockoutCounter = 0x20e // TPM_PT_LOCKOUT_COUNTER
	values, _, err := tpm2.GetCapability(rw, tpm2.CapabilityTPMProperties, 1, lockoutCounter)
	if err != nil {
		t.Fatal(err)
	}
	return values[0].(tpm2.TaggedProperty).Value
}

// The other storage root key is a parent too, and a persistent key; another TPM is not.
func TestParents(t *testing.T) {
	path, ctx := emulator(t), context.Background()
	rw, err := tpm2.OpenTPM(path)
	if err != nil {
		t.Fatal(err)
	}
	template, _ := Kind{Curve: 256}.template()
	var below, persistent []byte
	parent, _, err := tpm2.CreatePrimary(rw, tpm2.HandleOwner, tpm2.PCRSelection{}, "", "", tss2.RSASRKTemplate)
	if err != nil {
		t.Fatal(err)
	}
	private, public, _, _, _, err := tpm2.CreateKey(rw, parent, tpm2.PCRSelection{}, "", "", template)
	if err != nil {
		t.Fatal(err)
	}
	const handle = tpmutil.Handle(0x81000001)
	if err := tpm2.EvictControl(rw, "", tpm2.HandleOwner, parent, handle); err != nil {
		t.Fatal(err)
	}
	tpm2.FlushContext(rw, parent)
	if below, err = tss2.MarshalPrivateKey(tss2.New(public, private)); err != nil {
		t.Fatal(err)
	}
	if persistent, err = tss2.MarshalPrivateKey(tss2.New(public, private, tss2.WithParent(handle))); err != nil {
		t.Fatal(err)
	}
	for name, der := range map[string][]byte{"RSA root": below, "persistent": persistent} {
		key, err := Load(ctx, path, der, noPassphrase)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := key.Sign(rand.Reader, make([]byte, 32), crypto.SHA256); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		key.Close()
	}
	if _, err := Load(ctx, emulator(t), below, noPassphrase); !errors.Is(err, ErrAnother) {
		t.Errorf("on another TPM: %v", err)
	}
	if _, err := Load(ctx, filepath.Join(t.TempDir(), "none"), below, noPassphrase); !errors.Is(err, ErrNone) {
		t.Errorf("without a TPM: %v", err)
	}
}

// A TPM that sends nothing, or nonsense, ends in one error.
func TestHostileTPM(t *testing.T) {
	der, err := Make(context.Background(), emulator(t), Kind{Curve: 256}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, reply := range map[string][]byte{
		"silence":     nil,
		"nonsense":    []byte("HTTP/1.1 200 OK\r\n\r\n"),
		"a huge size": {0x80, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"no handle":   {0x80, 2, 0, 0, 0, 10, 0, 0, 0, 0},
		"a long blob": {0x80, 2, 0, 0, 0, 20, 0, 0, 0, 0, 0x80, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0},
	} {
		path := filepath.Join(t.TempDir(), "s")
		listener, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				conn.Read(make([]byte, 4096))
				if reply == nil {
					io.Copy(io.Discard, conn)
				}
				conn.Write(reply)
				conn.Close()
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		if _, err := Load(ctx, path, der, noPassphrase); err == nil {
			t.Errorf("%s: a key is loaded", name)
		}
		cancel()
		listener.Close()
	}
}

// FuzzParse checks that no file makes the package panic before a TPM is asked.
func FuzzParse(f *testing.F) {
	for _, der := range [][]byte{nil, {0x30, 0}} {
		f.Add(der)
	}
	file := tss2.New([]byte("public"), []byte("private"))
	der, _ := tss2.MarshalPrivateKey(file)
	f.Add(der)
	file.Policy = []tss2.TPMPolicy{{CommandCode: 1, CommandPolicy: []byte("p")}}
	der, _ = tss2.MarshalPrivateKey(file)
	f.Add(der)
	f.Fuzz(func(t *testing.T, der []byte) {
		if file, err := parse(der); err == nil {
			publicOf(file)
		}
	})
}
