package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// prepareBundle makes a libvirtd.conf, and a bundle of a CA elsewhere.
func prepareBundle(t *testing.T, in injector, root string) {
	t.Helper()
	prepareConf(t, in, root)
	in.must(t, root, "ca", "init", "--root", "ROOT/ca", "--name", "Example Org")
	in.must(t, root, "issue", "host", "hv1.example", "--root", "ROOT/ca", "--out", "ROOT/out")
}

// prepareConf makes a libvirtd.conf as a package installs it.
func prepareConf(t *testing.T, _ injector, root string) {
	t.Helper()
	conf := root + confPath
	if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "# the host's own\n#listen_tls = 0\nlog_level = 3\n"
	if err := os.WriteFile(conf, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

// prepareQEMU makes a host with a user for QEMU.
func prepareQEMU(t *testing.T, in injector, root string) {
	t.Helper()
	prepareConf(t, in, root)
	for name, text := range map[string]string{
		"passwd": "libvirt-qemu:x:64055:104::/:/usr/sbin/nologin\n",
		"group":  "kvm:x:104:\nlibvirt-qemu:x:64055:libvirt-qemu\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// prepareCopies makes a host with due certificates, and copies of them for QEMU.
func prepareCopies(t *testing.T, in injector, root string) {
	t.Helper()
	prepareQEMU(t, in, root)
	in.must(t, root, slices.Concat(bootstrapCommand, []string{"--with", "qemu", "--validity", "300d"})...)
}

func prepareCA(t *testing.T, in injector, root string) {
	t.Helper()
	in.must(t, root, "ca", "init", "--root", "ROOT", "--name", "Example Org")
}

// preparePair makes a CA and a client's bundle.
func preparePair(t *testing.T, in injector, root string) {
	t.Helper()
	prepareCA(t, in, root)
	in.must(t, root, "issue", "client", "alice", "--root", "ROOT", "--out", "ROOT/given", "--layout", "pkipath")
}

// prepareRevoked makes a host and its CA, which has revoked bob and not alice.
func prepareRevoked(t *testing.T, in injector, root string) {
	t.Helper()
	in.must(t, root, bootstrapCommand...)
	in.must(t, root, "issue", "client", "alice", "bob", "carol", "--root", "ROOT", "--out", "ROOT/out", "--layout", "pkipath")
	in.must(t, root, "revoke", "bob", "--root", "ROOT", "--no-reload")
}

// prepareElsewhere makes a host, and a CA in a directory of its own.
func prepareElsewhere(t *testing.T, in injector, root string) {
	t.Helper()
	in.must(t, root, append(slices.Clone(bootstrapCommand), "--ca", "ROOT/ca")...)
	in.must(t, root, "issue", "client", "alice", "--root", "ROOT", "--ca", "ROOT/ca", "--out", "ROOT/out", "--layout", "pkipath")
}

// must runs a command that has to succeed.
func (in injector) must(t *testing.T, root string, command ...string) {
	t.Helper()
	if o := in.run(t, root, command); o.status != 0 {
		t.Fatalf("%v: exit status %d\n%s", command, o.status, o.stderr)
	}
}
