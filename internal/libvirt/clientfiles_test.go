package libvirt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindClientFiles(t *testing.T) {
	const system = "etc/pki/CA/cacert.pem etc/pki/CA/cacrl.pem etc/pki/libvirt/clientcert.pem etc/pki/libvirt/private/clientkey.pem"
	for _, c := range []struct {
		name, there string
		root        bool
		want, half  string // below etc/pki and home/.pki/libvirt
	}{
		{"root", "home/.pki/libvirt/cacert.pem " + system, true, system, ""},
		{"nothing", "", false, system, ""},
		{"the system's alone", system, false, system, ""},
		{"all of the user's", "cacert.pem cacrl.pem clientcert.pem clientkey.pem " + system, false, "cacert.pem cacrl.pem clientcert.pem clientkey.pem", ""},
		{"the user's CA", "cacert.pem " + system, false, strings.Replace(system, "etc/pki/CA/cacert.pem", "cacert.pem", 1), ""},
		{"the user's CRL", "cacrl.pem " + system, false, strings.Replace(system, "etc/pki/CA/cacrl.pem", "cacrl.pem", 1), ""},
		{"the user's pair", "clientcert.pem clientkey.pem " + system, false, "etc/pki/CA/cacert.pem etc/pki/CA/cacrl.pem clientcert.pem clientkey.pem", ""},
		{"half of the user's pair", "clientcert.pem " + system, false, system, "clientcert.pem"},
		{"half of the system's pair", "etc/pki/libvirt/private/clientkey.pem", true, system, "etc/pki/libvirt/private/clientkey.pem"},
	} {
		root := t.TempDir()
		place := func(name string) string {
			if !strings.Contains(name, "/") {
				name = "home/.pki/libvirt/" + name
			}
			return filepath.Join(root, name)
		}
		for _, name := range strings.Fields(c.there) {
			os.MkdirAll(filepath.Dir(place(name)), 0o755)
			if err := os.WriteFile(place(name), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var user *Layout
		if !c.root {
			own := User(filepath.Join(root, "home"))
			user = &own
		}
		exists := func(path string) bool {
			_, err := os.Stat(path)
			return err == nil
		}
		got := FindClientFiles(System(filepath.Join(root, "etc")), user, exists)
		var want [4]string
		for i, name := range strings.Fields(c.want) {
			want[i] = place(name)
		}
		if c.half != "" {
			c.half = place(c.half)
		}
		if [4]string{got.CA, got.CRL, got.Cert, got.Key} != want || got.Half != c.half {
			t.Errorf("%s: got %+v, want %v and half %q", c.name, got, want, c.half)
		}
	}
}
