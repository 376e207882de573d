package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// caFaultCases are the cases of the CA itself: its beginning and its end.
func caFaultCases() []faults {
	return []faults{
		{
			name:    "ca init",
			prepare: func(*testing.T, injector, string) {},
			command: []string{"ca", "init", "--root", "ROOT", "--name", "Example Org"},
			check:   checkHostFaults,
			again:   finishCA,
		},
		{
			name:    "ca import",
			prepare: prepareForeignCA,
			command: []string{"ca", "import", "--root", "ROOT", "--cert", "ROOT/from/cacert.pem", "--key", "ROOT/from/private/cakey.pem",
				"--crl", "ROOT/from/cacrl.pem", "--issued", "ROOT/from/newcerts"},
			check: checkHostFaults,
			again: finishCA,
		},
		{
			name:    "ca rollover start",
			prepare: prepareCopies,
			command: []string{"ca", "rollover", "start", "--root", "ROOT", "--no-reload"},
			check:   checkRolloverFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				finishRollover(t, at, first, "already in progress", 2)
			},
		},
		{
			name: "ca rollover finish",
			prepare: func(t *testing.T, in injector, root string) {
				prepareRollover(t, in, root)
				time.Sleep(1100 * time.Millisecond) // the new CA signs from now on
				in.must(t, root, "renew", "--root", "ROOT", "--no-reload")
			},
			command: []string{"ca", "rollover", "finish", "--root", "ROOT", "--no-reload"},
			check:   checkRolloverFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				finishRollover(t, at, first, "no rollover", 1)
			},
		},
		{
			name:    "ca rollover abort",
			prepare: prepareRollover,
			command: []string{"ca", "rollover", "abort", "--root", "ROOT", "--no-reload"},
			check:   checkRolloverFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				finishRollover(t, at, first, "no rollover", 1)
			},
		},
	}
}

// prepareForeignCA makes the files of a CA to take over.
func prepareForeignCA(t *testing.T, in injector, root string) {
	t.Helper()
	in.must(t, root, "ca", "init", "--ca", "ROOT/from", "--name", "Example Org")
	in.must(t, root, "issue", "client", "alice", "bob", "--ca", "ROOT/from", "--out", "ROOT/given", "--layout", "pkipath")
	in.must(t, root, "revoke", "bob", "--ca", "ROOT/from", "--root", "ROOT", "--no-reload")
}

// prepareRollover makes a host, and starts a rollover of its CA.
func prepareRollover(t *testing.T, in injector, root string) {
	t.Helper()
	prepareCopies(t, in, root)
	in.must(t, root, "ca", "rollover", "start", "--root", "ROOT", "--no-reload", "--wait", "1s")
}

// finishCA checks that a second run has made the CA, or has refused because some of its files
// exist. After a refusal it removes them, and the command must make the CA.
func finishCA(t *testing.T, at scene, first, second outcome) {
	t.Helper()
	wantMade(t, at, first, second)
	checkWhole(t, at)
}

// wantMade is finishCA without a look at the files.
func wantMade(t *testing.T, at scene, first, second outcome) {
	t.Helper()
	for _, o := range []outcome{first, second} {
		if o.status != 0 && (o.status != exitError || !strings.Contains(o.stderr, "there is a CA") && !strings.Contains(o.stderr, "there is only a CA's key")) {
			t.Errorf("run again: exit status %d\n%s", o.status, o.stderr)
		}
	}
	if first.status != 0 {
		if err := os.RemoveAll(caOf(at)); err != nil {
			t.Fatal(err)
		}
		at.must(t, at.root, at.command...)
	}
}

// finishRollover checks that a second run has done the rollover, or has refused because it is
// done. It also checks the number of generations.
func finishRollover(t *testing.T, at scene, first outcome, refusal string, generations int) {
	t.Helper()
	if first.status != 0 && (first.status != exitError || !strings.Contains(first.stderr, refusal)) {
		t.Errorf("run again: exit status %d\n%s", first.status, first.stderr)
	}
	checkRolloverFaults(t, at)
	certs, err := keypair.ReadCerts(store.Tree{}, libvirt.CA(caOf(at)).Path(libvirt.CACert))
	if err != nil || len(certs) != generations {
		t.Errorf("%d generations, %v, want %d", len(certs), err, generations)
	}
	at.must(t, at.root, "issue", "client", "dave", "--root", "ROOT", "--out", "ROOT/out", "--layout", "pkipath")
	at.must(t, at.root, "crl", "--root", "ROOT", "--no-reload")
	checkRolloverFaults(t, at)
}

// checkRolloverFaults checks a CA of one or two generations. Its key must belong to one of them,
// and one of them must have signed a CRL and the host's certificates.
func checkRolloverFaults(t *testing.T, at scene) {
	t.Helper()
	layout := libvirt.CA(caOf(at))
	certs, err := keypair.ReadCerts(store.Tree{}, layout.Path(libvirt.CACert))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(layout.Path(libvirt.CAKey))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.ParseKey(data, nil)
	if err != nil || !slices.ContainsFunc(certs, func(ca *x509.Certificate) bool { return pki.KeyMatches(ca, key) }) {
		t.Errorf("the CA's key is that of no generation: %v", err)
	}
	crls, err := keypair.ReadCRLs(store.Tree{}, layout.Path(libvirt.CACRL))
	if err != nil || len(crls) == 0 {
		t.Errorf("no CRL: %v", err)
	}
	if !slices.ContainsFunc(certs, func(ca *x509.Certificate) bool { return keypair.NewestCRL(crls, ca) != nil }) {
		t.Error("no list of any of the generations")
	}
	checkBothPairs(t, at)
	checkPairs(t, libvirt.System(at.root+"/etc"), caOf(at))
	installed, err := keypair.ReadCerts(store.Tree{}, filepath.Join(at.root, "etc/pki/libvirt/servercert.pem"))
	if err != nil || !slices.ContainsFunc(certs, func(ca *x509.Certificate) bool { return installed[0].CheckSignatureFrom(ca) == nil }) {
		t.Errorf("the server's certificate is of none of the generations: %v", err)
	}
}
