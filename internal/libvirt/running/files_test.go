package running

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

func TestFilesOf(t *testing.T) {
	defaults := Files{
		CA: "/etc/pki/CA/cacert.pem", CRL: "/etc/pki/CA/cacrl.pem",
		Cert: "/etc/pki/libvirt/servercert.pem", Key: "/etc/pki/libvirt/private/serverkey.pem",
	}
	const three = "ca_file = '/srv/ca.pem'\ncert_file = '/srv/cert.pem'\nkey_file = '/srv/key.pem'\n"
	const defaultThree = "ca_file = '/etc/pki/CA/cacert.pem'\ncert_file = '/etc/pki/libvirt/servercert.pem'\nkey_file = '/etc/pki/libvirt/private/serverkey.pem'\n"
	with := func(change func(*Files)) Files {
		f := defaults
		change(&f)
		return f
	}
	srv := Files{CA: "/srv/ca.pem", CRL: "/srv/crl.pem", Cert: "/srv/cert.pem", Key: "/srv/key.pem", Custom: true}
	for _, c := range []struct {
		name, conf string
		want       Files
		note       string // part of CRLNote
	}{
		{"nothing set", "listen_tls = 1", defaults, ""},
		{"crl_file alone", "crl_file = '/srv/crl.pem'", defaults, "ignored"},
		{"crl_file alone, and the default", "crl_file = '/etc/pki/CA/cacrl.pem'", defaults, ""},
		{"four custom", three + "crl_file = '/srv/crl.pem'", srv, ""},
		{"three custom", three, Files{CA: srv.CA, Cert: srv.Cert, Key: srv.Key, Custom: true}, "crl_file is not"},
		{"four default", defaultThree + "crl_file = '/etc/pki/CA/cacrl.pem'", defaults, ""},
		{"four default in other words", strings.ReplaceAll(defaultThree, "/etc/pki", "/etc//libvirt/../pki/.") + "crl_file = '/etc/pki/CA/cacrl.pem'", defaults, ""},
		{"three default", defaultThree, with(func(f *Files) { f.CRL, f.Custom = "", true }), "crl_file is not"},
		{"three default, crl_file empty", defaultThree + "crl_file = ''", with(func(f *Files) { f.CRL, f.Custom = "", true }), "crl_file is empty"},
		{"three default, crl_file custom", defaultThree + "crl_file = '/srv/crl.pem'", with(func(f *Files) { f.CRL, f.Custom = srv.CRL, true }), ""},
		{"one of three custom", strings.Replace(defaultThree, "/etc/pki/CA/cacert.pem", "/srv/ca.pem", 1) + "crl_file = '/etc/pki/CA/cacrl.pem'", with(func(f *Files) { f.CA, f.Custom = srv.CA, true }), ""},
		{"four by a linked folder", strings.ReplaceAll(defaultThree, "/etc/pki", "/var/pki") + "crl_file = '/var/pki/CA/cacrl.pem'", defaults, ""},
		{"four by absolute links", "ca_file = '/links/ca'\ncert_file = '/links/cert'\nkey_file = '/links/key'\ncrl_file = '/links/crl'", defaults, ""},
		{"a hard link", strings.Replace(defaultThree, "/etc/pki/CA/cacert.pem", "/links/hard.pem", 1) + "crl_file = '/etc/pki/CA/cacrl.pem'", with(func(f *Files) { f.CA, f.Custom = "/links/hard.pem", true }), ""},
		{"the CRL does not exist", three + "crl_file = '/srv/nowhere.pem'", Files{CA: srv.CA, CRL: "/srv/nowhere.pem", Cert: srv.Cert, Key: srv.Key, Custom: true}, "does not exist"},
		{"the first setting wins", three + "crl_file = '/srv/crl.pem'\nca_file = '/etc/pki/CA/cacert.pem'", srv, ""},
		{"lists", "ca_file = '/srv/ca.pem'\ncert_files = ['/srv/cert.pem', '/srv/cert2.pem']\nkey_files = ['/srv/key.pem', '/srv/key2.pem']\ncrl_file = '/srv/crl.pem'",
			Files{CA: srv.CA, CRL: srv.CRL, Cert: srv.Cert, Key: srv.Key, Custom: true, Lists: true}, ""},
		{"lists of the default files", "ca_file = '/etc/pki/CA/cacert.pem'\ncert_files = ['/etc/pki/libvirt/servercert.pem']\nkey_files = ['/etc/pki/libvirt/private/serverkey.pem']\ncrl_file = '/etc/pki/CA/cacrl.pem'",
			with(func(f *Files) { f.Custom, f.Lists = true, true }), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := conf.Parse([]byte(c.conf))
			if err != nil {
				t.Fatal(err)
			}
			got, err := FilesOf(file, linkedRoot(t), libvirt.System("/etc"))
			if err != nil {
				t.Fatal(err)
			}
			if (c.note == "") != (got.CRLNote == "") || !strings.Contains(got.CRLNote, c.note) {
				t.Errorf("CRLNote %q, want %q in it", got.CRLNote, c.note)
			}
			got.CRLNote = ""
			for _, path := range []*string{&got.CA, &got.CRL, &got.Cert, &got.Key} {
				if *path != "" && !got.Custom {
					*path = libvirt.ResolveBelow(linkedRoot(t), *path)
				}
			}
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// linkedRoot is a root directory with both trees and links between them.
func linkedRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"etc/libvirt/x", "etc/pki/CA/cacert.pem", "etc/pki/CA/cacrl.pem", "etc/pki/libvirt/servercert.pem", "etc/pki/libvirt/private/serverkey.pem", "srv/crl.pem", "links/x", "var/x"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"var/pki": "../etc/pki", "links/ca": "/etc/pki/CA/cacert.pem", "links/crl": "/var/pki/CA/cacrl.pem",
		"links/cert": "/../../etc/pki/libvirt/servercert.pem", "links/key": "../etc/pki/libvirt/private/serverkey.pem",
		"links/loop": "loop", "links/dangling": "/srv/gone/x",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(root, "etc/pki/CA/cacert.pem"), filepath.Join(root, "links/hard.pem")); err != nil {
		t.Fatal(err)
	}
	return root
}
