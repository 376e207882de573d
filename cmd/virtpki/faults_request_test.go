package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// requestFaultCases are the cases of requests and responses, in which keys never leave their host.
// The host's tree is ROOT/host, the CA's is ROOT/ca. At every instant the live key pairs are
// whole, and so is a key that waits for its response, with its request.
func requestFaultCases() []faults {
	return []faults{
		{
			name:    "request",
			prepare: prepareOtherHost,
			command: []string{"request", "host", "hv2.example", "--root", "ROOT/host", "--out", "ROOT/hv2.csr"},
			check:   checkAwayFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "asks to be server")
				wantDone(t, second, "asks to be server")
				checkAwayFaults(t, at)
				wantWaiting(t, at, true)
				wantAnswerable(t, at)
			},
		},
		{
			name:    "sign",
			prepare: prepareAsked,
			command: []string{"sign", "ROOT/hv2.csr", "--root", "ROOT/ca", "--yes", "--quiet", "--out", "ROOT/hv2.pem"},
			check:   checkSignFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "")
				wantDone(t, second, "")
				checkSignFaults(t, at)
				at.must(t, at.root, "install", "ROOT/hv2.pem", "--root", "ROOT/host", "--no-reload")
				checkAwayFaults(t, at)
				wantWaiting(t, at, false)
			},
		},
		{
			name:    "install",
			phases:  true,
			prepare: prepareAnswered,
			command: []string{"install", "ROOT/hv2.pem", "--root", "ROOT/host", "--no-reload"},
			check:   checkAwayFaults,
			again:   finishInstall,
		},
		{
			name:    "install --from",
			phases:  true,
			prepare: prepareGiven,
			command: []string{"install", "--from", "ROOT/out/hv2.example", "--root", "ROOT/host", "--no-reload"},
			check:   checkAwayFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, second, "nothing to do")
				wantGiven(t, at, first, second)
			},
		},
		{
			name:    "install --from --watch",
			service: true,
			prepare: prepareGiven,
			command: []string{"install", "--from", "ROOT/out/hv2.example", "--root", "ROOT/host", "--no-reload", "--watch", "--metrics", "ROOT/virtpki.prom"},
			check:   checkAwayFaults,
			again:   wantGiven,
		},
		{
			name:    "install on a new host",
			phases:  true,
			prepare: prepareNewAnswered,
			command: []string{"install", "ROOT/hv2.pem", "--root", "ROOT/host", "--no-reload"},
			check:   checkNewAwayFaults,
			again:   finishInstall,
		},
	}
}

// wantGiven checks that the host has the key pairs that were given to it, after two more runs.
func wantGiven(t *testing.T, at scene, first, second outcome) {
	t.Helper()
	wantDone(t, first, "")
	wantDone(t, second, "")
	checkAwayFaults(t, at)
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		given, err1 := keypair.Load(store.Tree{}, libvirt.Flat(at.root+"/out/hv2.example"), role)
		p, err2 := keypair.Load(store.Tree{}, hostLayout(at), role)
		if err1 != nil || err2 != nil || !given.Cert.Equal(p.Cert) {
			t.Errorf("%s pair: %v, %v, or not the one that was given", role, err1, err2)
		}
	}
}

// finishInstall checks that the response is installed after two more runs, and that no key waits
// any more.
func finishInstall(t *testing.T, at scene, first, second outcome) {
	t.Helper()
	wantDone(t, first, "")
	wantDone(t, second, "nothing to do")
	checkAwayFaults(t, at)
	wantWaiting(t, at, false)
	answer := readAnswer(t, at.root+"/hv2.pem")
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p, err := keypair.Load(store.Tree{}, hostLayout(at), role)
		if err != nil || p.Cert == nil || p.Key == nil || !keypair.Contains(answer.Leafs, p.Cert) {
			t.Errorf("%s pair: %+v, %v, want that of the answer", role, p, err)
		}
	}
}

// prepareOtherHost makes a CA, and a host that got its certificates by responses of this CA.
func prepareOtherHost(t *testing.T, in injector, root string) {
	t.Helper()
	prepareNewAnswered(t, in, root)
	in.must(t, root, "install", "ROOT/hv2.pem", "--root", "ROOT/host", "--no-reload")
	for _, name := range []string{"/hv2.csr", "/hv2.pem"} {
		if err := os.Remove(root + name); err != nil {
			t.Fatal(err)
		}
	}
}

// prepareAsked is prepareOtherHost with a request that waits.
func prepareAsked(t *testing.T, in injector, root string) {
	t.Helper()
	prepareOtherHost(t, in, root)
	in.must(t, root, "request", "host", "hv2.example", "--root", "ROOT/host", "--out", "ROOT/hv2.csr")
}

// prepareAnswered is prepareAsked with the response.
func prepareAnswered(t *testing.T, in injector, root string) {
	t.Helper()
	prepareAsked(t, in, root)
	in.must(t, root, "sign", "ROOT/hv2.csr", "--root", "ROOT/ca", "--yes", "--out", "ROOT/hv2.pem")
}

// prepareGiven is prepareOtherHost with newer key pairs for the host, made at the CA.
func prepareGiven(t *testing.T, in injector, root string) {
	t.Helper()
	prepareOtherHost(t, in, root)
	time.Sleep(time.Second) // a certificate begins at a whole second
	in.must(t, root, "issue", "host", "hv2.example", "--root", "ROOT/ca", "--out", "ROOT/out", "--layout", "pkipath")
}

// prepareNewAnswered makes a CA, and the response to a host that has no certificates yet.
func prepareNewAnswered(t *testing.T, in injector, root string) {
	t.Helper()
	in.must(t, root, "ca", "init", "--root", "ROOT/ca", "--name", "Example Org")
	in.must(t, root, "request", "host", "hv2.example", "--root", "ROOT/host", "--out", "ROOT/hv2.csr")
	in.must(t, root, "sign", "ROOT/hv2.csr", "--root", "ROOT/ca", "--yes", "--out", "ROOT/hv2.pem")
}

func hostLayout(at scene) libvirt.Layout { return libvirt.System(at.root + "/host/etc") }

func awayCA(at scene) string { return at.root + "/ca/etc/pki/CA" }

// checkAwayFaults checks that the key pairs are whole and recorded by the CA, and that waiting
// keys are whole.
func checkAwayFaults(t *testing.T, at scene) {
	t.Helper()
	checkNewAwayFaults(t, at)
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p, err := keypair.Load(store.Tree{}, hostLayout(at), role)
		if err != nil || p.Cert == nil || p.Key == nil {
			t.Errorf("%s pair: %+v, %v", role, p, err)
		}
	}
}

// checkNewAwayFaults is checkAwayFaults for a host that did not have any key pairs before.
func checkNewAwayFaults(t *testing.T, at scene) {
	t.Helper()
	ca := checkCA(t, awayCA(at))
	checkPairs(t, hostLayout(at), awayCA(at))
	readCRL(t, hostLayout(at).Path(libvirt.CACRL), ca)
	checkTrust(t, at, ca)
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		if _, err := keypair.ReadPending(store.Tree{}, hostLayout(at), role); err != nil {
			t.Errorf("the key that waits: %v", err)
		}
	}
}

// checkTrust checks that the host has its CA certificate before it has a key pair, and that the
// file is whole.
func checkTrust(t *testing.T, at scene, ca *x509.Certificate) {
	t.Helper()
	certs, err := keypair.ReadCertsIfThere(store.Tree{}, hostLayout(at).Path(libvirt.CACert))
	if err != nil || len(certs) > 0 && !certs[0].Equal(ca) {
		t.Errorf("the CA of the host: %v", err)
	}
	if len(certs) == 0 && store.Exists(hostLayout(at).Path(libvirt.ServerCert)) {
		t.Error("a certificate is there, and its CA is not")
	}
}

// checkSignFaults checks that the CA has a record of every certificate in a response.
func checkSignFaults(t *testing.T, at scene) {
	t.Helper()
	checkAwayFaults(t, at)
	wantWaiting(t, at, true)
	if !store.Exists(at.root + "/hv2.pem") {
		return
	}
	for _, cert := range readAnswer(t, at.root+"/hv2.pem").Leafs {
		record, err := keypair.ReadCerts(store.Tree{}, store.RecordPath(libvirt.Records(awayCA(at)), cert.SerialNumber))
		if err != nil || !record[0].Equal(cert) {
			t.Errorf("the CA has no record of %s: %v", subject.Of(cert), err)
		}
	}
}

// wantWaiting checks that keys wait for a response, or that none do.
func wantWaiting(t *testing.T, at scene, want bool) {
	t.Helper()
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		if p, err := keypair.ReadPending(store.Tree{}, hostLayout(at), role); err != nil || (p != nil) != want {
			t.Errorf("%s key that waits: %v, %v, want one: %v", role, p, err, want)
		}
	}
}

// wantAnswerable checks that the request in the file is for the waiting keys.
func wantAnswerable(t *testing.T, at scene) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(at.root, "hv2.csr"))
	if err != nil {
		t.Fatal(err)
	}
	csrs, err := pki.ParseCSRs(data)
	if err != nil || len(csrs) != 2 {
		t.Fatalf("%d requests, %v", len(csrs), err)
	}
	for i, role := range []pki.Role{pki.Server, pki.Client} {
		if p, err := keypair.ReadPending(store.Tree{}, hostLayout(at), role); err != nil || p == nil || !pki.SameKey(p.Key.Public(), csrs[i].PublicKey) {
			t.Errorf("the request is not for the %s key that waits: %v", role, err)
		}
	}
}

func readAnswer(t *testing.T, path string) *pki.Answer {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := pki.ParseAnswer(data)
	if err != nil {
		t.Fatalf("%s: %v", strings.TrimPrefix(path, "/"), err)
	}
	return answer
}
