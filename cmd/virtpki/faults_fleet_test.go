package main

import (
	"errors"
	"os"
	"testing"

	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
)

// prepareFleet makes a CA and a list of three hosts.
func prepareFleet(t *testing.T, in injector, root string) {
	t.Helper()
	prepareCA(t, in, root)
	if err := os.WriteFile(root+"/hosts", []byte("hv1.example 10.0.0.1\nhv2.example\nhv3.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkFleetFaults checks that every bundle with its final name is whole and recorded.
func checkFleetFaults(t *testing.T, at scene) {
	t.Helper()
	checkCA(t, caOf(at))
	records := recordedSerials(t, at.root)
	for _, name := range folderNames(t, at.root+"/out") {
		checkPairs(t, libvirt.System(at.root+"/out/"+name+"/etc"), caOf(at))
		checkBundle(t, fleetForms[0], folderFiles(at.root+"/out/"+name))
		checkOpenSSL(t, at, "/out/"+name+"/etc/pki/libvirt/servercert.pem")
	}
	for _, name := range archivedNames(t, at.root+"/all.tar") {
		for _, cert := range checkBundle(t, fleetForms[2], openArchived(t, at.root+"/all.tar", name)) {
			if !records[store.SerialText(cert.SerialNumber)] {
				t.Errorf("the CA has no record of %s", subject.Of(cert))
			}
		}
	}
}

// finishFleet checks that a second run has made the rest, and exactly the files of a run without a
// fault: every record is of a certificate in a bundle.
func finishFleet(t *testing.T, at scene, first, second outcome) {
	wantDone(t, first, "")
	wantDone(t, second, "nothing to do: 3 bundles")
	now := snap(t, at.root)
	if at.tidiedUp() {
		now = now.withoutLeavings()
	}
	if diff := at.whole.shape().diff(now.shape()); diff != "" {
		t.Errorf("after two more runs: %s", diff)
	}
	checkFleetFaults(t, at)
	if _, err := os.Stat(at.root + "/out"); err == nil {
		checkFleet(t, fleetForms[0], at.root, at.root+"/out", 3)
	} else if errors.Is(err, os.ErrNotExist) {
		checkFleet(t, fleetForms[2], at.root, at.root+"/all.tar", 3)
	}
}
