package libvirt

import (
	"os"
	"path/filepath"
	"testing"
)

func TestResolveBelow(t *testing.T) {
	root := t.TempDir()
	for name, target := range map[string]string{
		"var/pki": "../etc/pki", "links/crl": "/var/pki/CA/cacrl.pem", "links/cert": "/../../etc/pki/libvirt/servercert.pem",
		"links/loop": "loop", "links/dangling": "/srv/gone/x",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ path, want string }{
		{"/", "/"},
		{"/etc/pki/CA", "/etc/pki/CA"},
		{"/etc/../../..//etc/./pki/", "/etc/pki"},
		{"/var/pki/CA/new.pem", "/etc/pki/CA/new.pem"},
		{"/links/crl", "/etc/pki/CA/cacrl.pem"},
		{"/links/cert", "/etc/pki/libvirt/servercert.pem"},
		{"/links/dangling", "/srv/gone/x"},
		{"/links/loop/x", "/links/loop/x"},
		{"/no/such/folder", "/no/such/folder"},
		{"srv/crl.pem", "/srv/crl.pem"},
	} {
		if got := ResolveBelow(root, c.path); got != c.want {
			t.Errorf("%s: got %s, want %s", c.path, got, c.want)
		}
	}
}
