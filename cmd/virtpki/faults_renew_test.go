package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// renewFaultCases are the cases of renewed and of restored certificates.
func renewFaultCases() []faults {
	return []faults{
		{
			// At every instant all key pairs are whole and match: either the previous or the new
			// ones.
			name:    "renew",
			each:    true,
			prepare: prepareRevoked,
			command: []string{"renew", "--force", "--root", "ROOT", "--no-reload"},
			check:   checkRenewFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "due because of --force")
				wantDone(t, second, "due because of --force")
				checkRenewFaults(t, at)
				wantRevoked(t, at, "bob")
				if entries, err := os.ReadDir(at.root + "/etc/pki"); err != nil || len(entries) != 3 {
					t.Errorf("in etc/pki: %v, %v, want CA, libvirt and .libvirt.previous", entries, err)
				}
			},
		},
		{
			// Copies may be outdated for a while, with each directory whole; the next run updates
			// them.
			name:    "renew with copies",
			each:    true,
			prepare: prepareCopies,
			command: []string{"renew", "--root", "ROOT", "--no-reload", "--before", "364d"},
			check:   checkQEMUFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, second, "")
				wantCopies(t, at)
			},
		},
		{
			// A link is in the place of a file until the file is: the targets stay as they are.
			name:    "renew --replace-links",
			each:    true,
			prepare: prepareLinks,
			command: []string{"renew", "--force", "--replace-links", "--root", "ROOT", "--no-reload"},
			check: func(t *testing.T, at scene) {
				checkRenewFaults(t, at)
				wantTargets(t, at)
			},
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "due because of --force")
				wantDone(t, second, "due because of --force")
				checkRenewFaults(t, at)
				wantTargets(t, at)
				wantRevoked(t, at, "bob")
				for link := range agentLinks {
					if info, err := os.Lstat(at.root + link); err != nil || !info.Mode().IsRegular() {
						t.Errorf("%s: %v, %v, want a file", link, info, err)
					}
				}
			},
		},
		{
			name:    "renew --metrics",
			phases:  true,
			prepare: prepareRevoked,
			command: []string{"renew", "--force", "--root", "ROOT", "--no-reload", "--metrics", "ROOT/virtpki.prom"},
			check: func(t *testing.T, at scene) {
				checkRenewFaults(t, at)
				if text, ok := at.now["virtpki.prom"]; ok && !strings.Contains(text, "\nvirtpki_renew_success ") {
					t.Errorf("the metrics are cut short:\n%s", text)
				}
			},
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "due because of --force")
				wantDone(t, second, "due because of --force")
				checkRenewFaults(t, at)
			},
		},
		{
			name:    "renew --via",
			phases:  true,
			prepare: prepareOtherHost,
			command: []string{"renew", "--force", "--root", "ROOT/host", "--no-reload", "--via", "VIRTPKI sign - --root ROOT/ca --yes --quiet"},
			check:   checkAwayFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "due because of --force")
				wantDone(t, second, "due because of --force")
				checkAwayFaults(t, at)
				wantWaiting(t, at, false)
			},
		},
		{
			// Certificate and key are in two directories: only the certificate changes.
			name:    "renew at a daemon's own paths",
			each:    true,
			prepare: prepareOwnPaths,
			command: []string{"renew", "--root", "ROOT", "--no-reload", "--force"},
			check:   checkOwnPaths,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "due because of --force")
				wantDone(t, second, "due because of --force")
				checkOwnPaths(t, at)
			},
		},
		{
			// The key waits in the directory that is exchanged.
			name:    "renew --via at a daemon's own paths",
			phases:  true,
			prepare: prepareOwnVia,
			command: []string{"renew", "--root", "ROOT", "--no-reload", "--force", "--via", "VIRTPKI sign - --ca ROOT/away --yes --quiet"},
			check:   checkOwnVia,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "due because of --force")
				wantDone(t, second, "due because of --force")
				checkOwnVia(t, at)
				if _, err := os.Lstat(viaLayout(at.root).Path(libvirt.ServerPending)); err == nil {
					t.Error("a key still waits")
				}
			},
		},
		{
			name: "rollback at a daemon's own paths",
			prepare: func(t *testing.T, in injector, root string) {
				prepareOwnPaths(t, in, root)
				in.must(t, root, "renew", "--root", "ROOT", "--no-reload", "--force")
			},
			command: []string{"rollback", "--root", "ROOT", "--no-reload"},
			check:   checkOwnPaths,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "restored ")
				wantDone(t, second, "restored ")
				checkOwnPaths(t, at)
			},
		},
		{
			// A kill between two directories leaves copies of the other generation: renew updates
			// them.
			name: "rollback",
			prepare: func(t *testing.T, in injector, root string) {
				prepareCopies(t, in, root)
				in.must(t, root, "renew", "--force", "--root", "ROOT", "--no-reload")
			},
			command: []string{"rollback", "--root", "ROOT", "--no-reload"},
			check:   checkQEMUFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "restored ")
				wantDone(t, second, "restored ")
				at.must(t, at.root, "renew", "--force", "--root", "ROOT", "--no-reload")
				wantCopies(t, at)
			},
		},
	}
}

// ownLayout returns the layout of prepareOwnPaths.
func ownLayout(root string) libvirt.Layout {
	return libvirt.Own(libvirt.OwnFiles{CA: caFile(root), Cert: root + "/srv/certs/cert.pem", Key: root + "/srv/keys/key.pem"}, true)
}

func caFile(root string) string {
	return libvirt.CA(libvirt.CAFolder(root + "/etc")).Path(libvirt.CACert)
}

// prepareOwnPaths makes a CA, and a daemon whose configuration file names a key pair of that CA at
// paths of its own.
func prepareOwnPaths(t *testing.T, in injector, root string) {
	t.Helper()
	prepareCA(t, in, root)
	in.must(t, root, "issue", "server", "hv1", "--root", "ROOT", "--out", "ROOT/out", "--layout", "pkipath")
	for _, folder := range []string{"/srv/certs", "/srv/keys", "/etc/libvirt"} {
		if err := os.MkdirAll(root+folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text := "ca_file = \"/etc/pki/CA/cacert.pem\"\ncert_file = \"/srv/certs/cert.pem\"\nkey_file = \"/srv/keys/key.pem\"\n"
	flat, own := libvirt.Flat(root+"/out/hv1"), ownLayout(root)
	err := errors.Join(os.WriteFile(root+confPath, []byte(text), 0o644),
		os.Rename(flat.Path(libvirt.ServerCert), own.Path(libvirt.ServerCert)), os.Rename(flat.Path(libvirt.ServerKey), own.Path(libvirt.ServerKey)))
	if err != nil {
		t.Fatal(err)
	}
}

// viaLayout returns the layout of prepareOwnVia.
func viaLayout(root string) libvirt.Layout {
	return libvirt.Own(libvirt.OwnFiles{CA: caFile(root), Cert: root + "/srv/tls/cert.pem", Key: root + "/srv/tls/key.pem"}, false)
}

// prepareOwnVia is prepareOwnPaths with certificate and key in one directory, and the CA in a
// directory away from the machine's.
func prepareOwnVia(t *testing.T, in injector, root string) {
	t.Helper()
	prepareOwnPaths(t, in, root)
	from, to, ca := ownLayout(root), viaLayout(root), libvirt.CA(libvirt.CAFolder(root+"/etc"))
	text := "ca_file = \"/etc/pki/CA/cacert.pem\"\ncert_file = \"/srv/tls/cert.pem\"\nkey_file = \"/srv/tls/key.pem\"\n"
	err := errors.Join(os.Mkdir(root+"/srv/tls", 0o755), os.WriteFile(root+confPath, []byte(text), 0o644),
		os.Rename(from.Path(libvirt.ServerCert), to.Path(libvirt.ServerCert)), os.Rename(from.Path(libvirt.ServerKey), to.Path(libvirt.ServerKey)),
		os.CopyFS(root+"/away", os.DirFS(ca.Base)), os.Chmod(root+"/away/private", 0o700), os.Chmod(root+"/away/private/cakey.pem", 0o600), os.Remove(ca.Path(libvirt.CAKey)))
	if err != nil {
		t.Fatal(err)
	}
}

// checkOwnVia checks that the key pair exists and is whole, and that the waiting key can be read
// if there is one.
func checkOwnVia(t *testing.T, at scene) {
	t.Helper()
	own := viaLayout(at.root)
	checkPairs(t, own, at.root+"/away")
	p, err := keypair.Load(store.Tree{}, own, pki.Server)
	if err != nil || p.Cert == nil || p.Key == nil {
		t.Errorf("%s: %+v, %v", own.Base, p, err)
	}
	if _, err := keypair.ReadPending(store.Tree{}, own, pki.Server); err != nil {
		t.Errorf("the key that waits: %v", err)
	}
}

// checkOwnPaths checks that the key pair exists and is whole.
func checkOwnPaths(t *testing.T, at scene) {
	t.Helper()
	readCRL(t, libvirt.CA(caOf(at)).Path(libvirt.CACRL), checkCA(t, caOf(at)))
	own := ownLayout(at.root)
	checkPairs(t, own, caOf(at))
	if p, err := keypair.Load(store.Tree{}, own, pki.Server); err != nil || p.Cert == nil || p.Key == nil {
		t.Errorf("%s: %+v, %v", own.Base, p, err)
	}
}

// agentLinks are the files that prepareLinks puts behind links, with the places where it keeps
// them.
var agentLinks = map[string]string{
	"/etc/pki/libvirt/servercert.pem":        "/etc/agent/cert.pem",
	"/etc/pki/libvirt/private/serverkey.pem": "/etc/agent/key.pem",
	"/etc/pki/CA/cacrl.pem":                  "/etc/agent/crl.pem",
}

// prepareLinks makes a host whose server certificate, its key and the CRL are links, and keeps
// a copy of their targets.
func prepareLinks(t *testing.T, in injector, root string) {
	t.Helper()
	prepareRevoked(t, in, root)
	if err := os.MkdirAll(root+"/etc/agent", 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range agentLinks {
		relative, err1 := filepath.Rel(filepath.Dir(link), target)
		data, err2 := os.ReadFile(root + link)
		err := errors.Join(err1, err2, os.Rename(root+link, root+target), os.Symlink(relative, root+link), os.WriteFile(root+target+".kept", data, 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantTargets checks that the targets of links are as they were.
func wantTargets(t *testing.T, at scene) {
	t.Helper()
	for _, target := range agentLinks {
		is, err1 := os.ReadFile(at.root + target)
		was, err2 := os.ReadFile(at.root + target + ".kept")
		if err1 != nil || err2 != nil || !slices.Equal(is, was) {
			t.Errorf("%s has changed: %v, %v", target, err1, err2)
		}
	}
}

// checkRenewFaults also checks that both key pairs exist and are whole: a renewal never removes
// one.
func checkRenewFaults(t *testing.T, at scene) {
	t.Helper()
	checkHostFaults(t, at)
	checkBothPairs(t, at)
}

// checkBothPairs checks that both key pairs of a host exist and are whole.
func checkBothPairs(t *testing.T, at scene) {
	t.Helper()
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p, err := keypair.Load(store.Tree{}, libvirt.System(at.root+"/etc"), role)
		if err != nil || p.Cert == nil || p.Key == nil {
			t.Errorf("%s pair: %+v, %v", role, p, err)
		}
	}
}

// wantCopies checks that QEMU's key pairs are copies of libvirt's.
func wantCopies(t *testing.T, at scene) {
	t.Helper()
	checkQEMUFaults(t, at)
	for _, name := range []string{"server", "client"} {
		one, err1 := os.ReadFile(at.root + "/etc/pki/libvirt/" + name + "cert.pem")
		two, err2 := os.ReadFile(at.root + "/etc/pki/qemu/" + name + "-cert.pem")
		if err1 != nil || err2 != nil || !slices.Equal(one, two) {
			t.Errorf("the copy of the %s's certificate has not followed: %v, %v", name, err1, err2)
		}
	}
}
