package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// fuzzedFiles are the files that check reads below --root.
var fuzzedFiles = []string{
	"etc/pki/CA/cacert.pem", "etc/pki/CA/cacrl.pem", "etc/pki/CA/crl.pem", "etc/pki/CA/private/cakey.pem",
	"etc/pki/libvirt/servercert.pem", "etc/pki/libvirt/private/serverkey.pem",
	"etc/pki/libvirt/clientcert.pem", "etc/pki/libvirt/private/clientkey.pem",
	"etc/pki/qemu/ca-cert.pem", "etc/pki/qemu/server-cert.pem", "etc/pki/qemu/server-key.pem",
	"etc/libvirt/libvirtd.conf", "etc/libvirt/qemu.conf", "etc/passwd", "etc/group", "etc/default/libvirtd",
	"etc/apparmor.d/abstractions/libvirt-qemu", "etc/gnutls/config",
}

// fuzzedTree returns a root with all of them.
func fuzzedTree(f *testing.F) string {
	f.Helper()
	root := f.TempDir()
	e := newEnv()
	e.stdout, e.stderr = io.Discard, io.Discard
	command := []string{"bootstrap", "--root", root, "--name", "Example Org", "--hostname", "hv1", "--client", "admin", "--allow-dn", "O=Example Org,CN=admin", "-q"}
	if status := run(f.Context(), e, command); status != 0 {
		f.Fatalf("bootstrap: exit status %d", status)
	}
	for from, to := range map[string]string{"CA/cacert.pem": "qemu/ca-cert.pem", "libvirt/servercert.pem": "qemu/server-cert.pem", "libvirt/private/serverkey.pem": "qemu/server-key.pem"} {
		data, _ := os.ReadFile(filepath.Join(root, "etc/pki", from))
		writeBelow(f, root, "etc/pki/"+to, data)
	}
	writeBelow(f, root, "etc/libvirt/qemu.conf", []byte("user = \"qemu\"\n"))
	writeBelow(f, root, "etc/passwd", []byte("qemu:x:107:107::/:/sbin/nologin\n"))
	writeBelow(f, root, "etc/group", []byte("qemu:x:107:\n"))
	writeBelow(f, root, "etc/default/libvirtd", []byte("LIBVIRTD_ARGS=\"--listen\"\n"))
	writeBelow(f, root, "etc/apparmor.d/abstractions/libvirt-qemu", []byte("  /etc/pki/libvirt{,-spice}/** r,\n"))
	writeBelow(f, root, "etc/gnutls/config", []byte("[priorities]\nSYSTEM=NORMAL\n"))
	return root
}

func writeBelow(t testing.TB, root, name string, data []byte) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// mutate changes data as script says: it cuts, inserts, replaces, repeats, or returns the rest of
// the script instead.
func mutate(data, script []byte) []byte {
	if len(script) < 3 {
		return nil
	}
	at := (int(script[1])<<8 | int(script[2])) % (len(data) + 1)
	rest := script[3:]
	switch script[0] % 5 {
	case 0:
		return data[:at]
	case 1:
		return slices.Concat(data[:at], rest, data[at:])
	case 2:
		changed := bytes.Clone(data)
		copy(changed[at:], rest)
		return changed
	case 3:
		return slices.Concat(data, data[at:])
	}
	return rest
}

// FuzzCheck runs check on mutated files. It must end, print something, and leave every file
// unchanged.
func FuzzCheck(f *testing.F) {
	for i := range fuzzedFiles {
		for kind := range 5 {
			f.Add(byte(i), []byte{byte(kind), 0, byte(37 * i), '"', 'x', '\n'})
		}
	}
	root := fuzzedTree(f)
	f.Fuzz(func(t *testing.T, which byte, script []byte) {
		name := fuzzedFiles[int(which)%len(fuzzedFiles)]
		original, err := os.ReadFile(filepath.Join(root, name))
		if err != nil && name != "etc/pki/CA/crl.pem" {
			t.Fatal(err)
		}
		if original == nil {
			original, _ = os.ReadFile(filepath.Join(root, "etc/pki/CA/cacrl.pem"))
			defer os.Remove(filepath.Join(root, name))
		}
		changed := mutate(original, script)
		writeBelow(t, root, name, changed)
		checkOnce(t, root)
		if after, _ := os.ReadFile(filepath.Join(root, name)); !bytes.Equal(after, changed) {
			t.Errorf("%s was changed", name)
		}
		writeBelow(t, root, name, original)
	})
}

// checkOnce runs check in each of its forms.
func checkOnce(t *testing.T, root string) {
	t.Helper()
	for _, args := range [][]string{{"--json"}, {"--like", "virt-pki-validate"}, {"--pkipath", filepath.Join(root, "etc/pki/libvirt")}, {"--for", "libvirt-9.0"}} {
		var out, stderr bytes.Buffer
		e := newEnv()
		e.stdout, e.stderr = &out, &stderr
		began := time.Now()
		status := run(t.Context(), e, append([]string{"check", "--root", root}, args...))
		if status != exitDone && status != exitRefused && status != exitError {
			t.Errorf("check %v: exit status %d: %s", args, status, stderr.Bytes())
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("check %v took %v", args, took)
		}
		if out.Len() == 0 {
			t.Errorf("check %v says nothing: %s", args, stderr.Bytes())
		}
	}
}
