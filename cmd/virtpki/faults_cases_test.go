package main

import (
	"crypto/x509"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
)

// faultCases are the commands that TestFaults injects faults into. Cases of later commands are
// added here.
func faultCases() []faults {
	return slices.Concat(localFaultCases(), renewFaultCases(), caFaultCases(), deviceFaultCases(), otherFaultCases(), requestFaultCases())
}

func localFaultCases() []faults {
	return []faults{
		{
			name:    "bootstrap",
			prepare: prepareConf,
			command: bootstrapCommand,
			check:   checkHostFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "")
				wantDone(t, second, "nothing to do")
				checkWhole(t, at)
			},
		},
		{
			name:    "bootstrap with a bundle",
			prepare: prepareBundle,
			command: append(slices.Clone(bundleCommand), "--bundle", "ROOT/out/hv1.example"),
			check:   checkBundleFaults,
			again:   finishBundle,
		},
		{
			name: "bootstrap with a later bundle",
			prepare: func(t *testing.T, in injector, root string) {
				prepareBundle(t, in, root)
				in.must(t, root, append(slices.Clone(bundleCommand), "--bundle", "ROOT/out/hv1.example")...)
				time.Sleep(time.Second) // a certificate begins at a whole second
				in.must(t, root, "issue", "host", "hv1.example", "--root", "ROOT/ca", "--out", "ROOT/later")
			},
			command: append(slices.Clone(bundleCommand), "--bundle", "ROOT/later/hv1.example"),
			check: func(t *testing.T, at scene) {
				checkBundleFaults(t, at)
				checkBothPairs(t, at)
			},
			again: finishBundle,
		},
		{
			// A QEMU directory must never exist without all of its files: that alone would break
			// guests.
			name:    "bootstrap --with",
			prepare: prepareQEMU,
			command: slices.Concat(bootstrapCommand, []string{"--with", "qemu,vnc"}),
			check:   checkQEMUFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "")
				wantDone(t, second, "nothing to do")
				checkWhole(t, at)
				checkQEMUFaults(t, at)
			},
		},
		{
			name:    "issue host",
			prepare: prepareCA,
			command: []string{"issue", "host", "hv2.example", "--root", "ROOT"},
			check:   checkHostFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				finishIssue(t, at, first, second, at.root+"/etc/pki/libvirt", "certificate or key already")
			},
		},
		{
			name:    "issue client --out",
			prepare: prepareCA,
			command: []string{"issue", "client", "alice", "--root", "ROOT", "--out", "ROOT/out", "--layout", "pkipath"},
			check:   checkHostFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				finishIssue(t, at, first, second, at.root+"/out", "bundle already")
			},
		},
		{
			name:    "issue client --pack",
			prepare: prepareCA,
			command: []string{"issue", "client", "alice", "--root", "ROOT", "--out", "ROOT/out", "--pack", "linux"},
			check:   checkHostFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				finishIssue(t, at, first, second, at.root+"/out", "bundle already")
			},
		},
		{
			name:    "export",
			prepare: preparePair,
			command: []string{"export", "--pkipath", "ROOT/given/alice", "--root", "ROOT", "--out", "ROOT/out", "--pack", "linux", "--format", "tar"},
			check:   checkHostFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				finishIssue(t, at, first, second, at.root+"/out", "bundle already")
			},
		},
		{
			name:    "issue --hosts",
			prepare: prepareFleet,
			command: []string{"issue", "host", "--hosts", "ROOT/hosts", "--out", "ROOT/out", "--root", "ROOT", "-j", "1"},
			check:   checkFleetFaults,
			again:   finishFleet,
		},
		{
			name:    "issue --hosts, one archive",
			prepare: prepareFleet,
			command: []string{"issue", "host", "--hosts", "ROOT/hosts", "--out", "ROOT/all.tar", "--format", "tar", "--root", "ROOT", "-j", "1"},
			goesOn:  true,
			check:   checkFleetFaults,
			again:   finishFleet,
		},
		{
			name:    "revoke",
			prepare: prepareRevoked,
			command: []string{"revoke", "alice", "--root", "ROOT", "--no-reload", "--reason", "keyCompromise"},
			check:   checkRevokeFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "revoked ")
				wantDone(t, second, "already revoked")
				wantRevoked(t, at, "alice", "bob")
			},
		},
		{
			name: "revoke with copies",
			prepare: func(t *testing.T, in injector, root string) {
				prepareCopies(t, in, root)
				in.must(t, root, "issue", "client", "alice", "--root", "ROOT", "--out", "ROOT/out", "--layout", "pkipath")
			},
			command: []string{"revoke", "alice", "--root", "ROOT", "--no-reload"},
			check:   checkQEMUFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "revoked ")
				wantDone(t, second, "already revoked")
				ca := checkCA(t, caOf(at))
				alice := serialOf(t, at.root+"/out/alice/clientcert.pem")
				for _, path := range []string{"/etc/pki/CA/cacrl.pem", "/etc/pki/qemu/ca-crl.pem"} {
					checkCRL(t, at.root+path, ca, big.NewInt(2), alice)
				}
			},
		},
		{
			name:    "revoke at a CA elsewhere",
			prepare: prepareElsewhere,
			command: []string{"revoke", "alice", "--root", "ROOT", "--ca", "ROOT/ca", "--no-reload"},
			check: func(t *testing.T, at scene) {
				ca := checkCA(t, at.root+"/ca")
				readCRL(t, at.root+"/ca/cacrl.pem", ca)
				readCRL(t, at.root+"/etc/pki/CA/cacrl.pem", ca)
			},
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "revoked ")
				wantDone(t, second, "already revoked")
				ca := checkCA(t, at.root+"/ca")
				alice := serialOf(t, at.root+"/out/alice/clientcert.pem")
				for _, path := range []string{"/ca/cacrl.pem", "/etc/pki/CA/cacrl.pem"} {
					checkCRL(t, at.root+path, ca, big.NewInt(2), alice)
				}
			},
		},
		{
			name:    "crl",
			prepare: prepareRevoked,
			command: []string{"crl", "--root", "ROOT", "--no-reload", "--out", "ROOT/copy.pem"},
			check:   checkRevokeFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "CRL number")
				wantDone(t, second, "CRL number")
				wantRevoked(t, at, "bob")
			},
		},
	}
}

var bootstrapCommand = []string{"bootstrap", "--root", "ROOT", "--name", "Example Org", "--hostname", "hv1.example",
	"--san", "10.0.0.1", "--client", "admin", "--allow-dn", "O=Example Org,CN=admin"}

var bundleCommand = []string{"bootstrap", "--root", "ROOT", "--hostname", "hv1.example"}

// checkBundleFaults checks a host that is given its files.
func checkBundleFaults(t *testing.T, at scene) {
	t.Helper()
	given := libvirt.CAFolder(at.root + "/ca/etc")
	checkPairs(t, libvirt.System(at.root+"/etc"), given)
	checkConf(t, at)
	ca := checkCA(t, given)
	readCRL(t, libvirt.CA(caOf(at)).Path(libvirt.CACRL), ca)
	certs, err := keypair.ReadCerts(store.Tree{}, libvirt.CA(caOf(at)).Path(libvirt.CACert))
	if !os.IsNotExist(err) && (err != nil || !certs[0].Equal(ca)) {
		t.Errorf("the host trusts something else: %v", err)
	}
}

// finishBundle checks that the result is that of a run without a fault, and that the bundle is
// unchanged.
func finishBundle(t *testing.T, at scene, first, second outcome) {
	t.Helper()
	wantDone(t, first, "")
	wantDone(t, second, "nothing to do")
	want, now := maps.Clone(at.whole), snap(t, at.root).withoutLeavings()
	for _, tree := range []snapshot{want, now} { // which previous files are kept depends on when the fault struck
		maps.DeleteFunc(tree, func(path, _ string) bool {
			return strings.Contains(path, ".libvirt.previous") || at.tidiedUp() && strings.Contains(path, ".libvirt.swap-")
		})
	}
	if diff := want.diff(now); diff != "" {
		t.Errorf("after two more runs:\n%s", diff)
	}
}

const confPath = "/etc/libvirt/libvirtd.conf"

// checkQEMUFaults checks that each of QEMU's directories is either whole or missing.
func checkQEMUFaults(t *testing.T, at scene) {
	t.Helper()
	checkHostFaults(t, at)
	for _, use := range libvirt.QEMUUses() {
		layout := use.Layout(at.root + "/etc")
		if _, err := os.Stat(layout.Base); err != nil {
			continue
		}
		files := []libvirt.File{libvirt.CACert, libvirt.CACRL, libvirt.ServerCert, libvirt.ServerKey}
		if use.Client {
			files = append(files, libvirt.ClientCert, libvirt.ClientKey)
		}
		for _, file := range files {
			if _, err := os.Stat(layout.Path(file)); err != nil {
				t.Errorf("%s is there without all of its files: %v", layout.Base, err)
			}
		}
		checkPairs(t, layout, caOf(at))
	}
}

func wantDone(t *testing.T, o outcome, text string) {
	t.Helper()
	if o.status != 0 || !strings.Contains(o.stdout, text) {
		t.Errorf("run again: exit status %d, want 0 and %q\n%s%s", o.status, text, o.stdout, o.stderr)
	}
}

func caOf(at scene) string { return libvirt.CAFolder(at.root + "/etc") }

// checkHostFaults checks the CA, the key pairs and the configuration file of a host.
func checkHostFaults(t *testing.T, at scene) {
	t.Helper()
	ca := checkCA(t, caOf(at))
	checkPairs(t, libvirt.System(at.root+"/etc"), caOf(at))
	checkPairs(t, libvirt.Flat(at.root+"/out/alice"), caOf(at))
	checkConf(t, at)
	if ca != nil {
		readCRL(t, libvirt.CA(caOf(at)).Path(libvirt.CACRL), ca)
	}
	checkOpenSSL(t, at, "/etc/pki/libvirt/servercert.pem", "/etc/pki/libvirt/clientcert.pem", "/out/alice/clientcert.pem")
}

// checkConf checks that libvirtd.conf is, byte for byte, either the previous or the new one.
func checkConf(t *testing.T, at scene) {
	t.Helper()
	rel := confPath[1:]
	now, err := snapOne(at.root + confPath)
	if err != nil && !os.IsNotExist(err) || now != at.before[rel] && now != at.whole[rel] {
		t.Errorf("%s is neither the old one nor the new one: %v\n%s", rel, err, now)
	}
}

// checkWhole checks that the files are those of a run without a fault. Beyond these it accepts
// only records of certificates that were never handed out.
func checkWhole(t *testing.T, at scene) {
	t.Helper()
	want, got := at.whole.shape(), snap(t, at.root).withoutLeavings().shape()
	for line := range strings.Lines(want.diff(got)) {
		if !strings.HasPrefix(line, "new: etc/pki/CA/newcerts/") {
			t.Errorf("after two more runs: %s", line)
		}
	}
	checkHostFaults(t, at)
}

// finishIssue checks that a second run has made the files, or has refused because some of them
// exist. After a refusal the suggested remedy must work.
func finishIssue(t *testing.T, at scene, first, second outcome, place, refusal string) {
	t.Helper()
	for _, o := range []outcome{first, second} {
		if o.status != 0 && (o.status != exitError || !strings.Contains(o.stderr, refusal)) {
			t.Errorf("run again: exit status %d\n%s", o.status, o.stderr)
		}
	}
	if first.status != 0 {
		if err := os.RemoveAll(place); err != nil {
			t.Fatal(err)
		}
		at.must(t, at.root, at.command...)
	}
	checkWhole(t, at)
}

// checkRevokeFaults checks the CRL: it never goes back, and it contains every revocation that a
// run has reported.
func checkRevokeFaults(t *testing.T, at scene) {
	t.Helper()
	checkHostFaults(t, at)
	revoked := []string{"bob"}
	if strings.Contains(at.out.stdout, "revoked ") {
		revoked = append(revoked, "alice")
	}
	wantRevoked(t, at, revoked...)
	if ca := checkCA(t, caOf(at)); ca != nil {
		readCRL(t, at.root+"/copy.pem", ca)
	}
}

// wantRevoked checks that the CA's CRL contains the serials of these clients. The CRL that
// prepareRevoked leaves has the number 2.
func wantRevoked(t *testing.T, at scene, names ...string) {
	t.Helper()
	var ca *x509.Certificate
	if ca = checkCA(t, caOf(at)); ca == nil {
		t.Error("the CA is gone")
		return
	}
	var serials []*big.Int
	for _, name := range names {
		serials = append(serials, serialOf(t, at.root+"/out/"+name+"/clientcert.pem"))
	}
	checkCRL(t, libvirt.CA(caOf(at)).Path(libvirt.CACRL), ca, big.NewInt(2), serials...)
}
