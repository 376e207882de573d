package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// renewFaultCases are those of what is renewed, and of what comes back.
func renewFaultCases() []faults {
	return []faults{
		{
			// At no instant is there anything but whole, matching pairs: those of
			// before or those of after.
			name:    "renew",
			each:    true,
			prepare: prepareRevoked,
			command: []string{"renew", "--force", "--root", "ROOT", "--no-reload"},
			check:   checkRenewFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "due: asked for")
				wantDone(t, second, "due: asked for")
				checkRenewFaults(t, at)
				wantRevoked(t, at, "bob")
				if entries, err := os.ReadDir(at.root + "/etc/pki"); err != nil || len(entries) != 3 {
					t.Errorf("in etc/pki: %v, %v, want CA, libvirt and .libvirt.previous", entries, err)
				}
			},
		},
		{
			// Copies may stay behind for a while, each folder whole; the next run has
			// them follow.
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
				wantDone(t, first, "due: asked for")
				wantDone(t, second, "due: asked for")
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
				wantDone(t, first, "due: asked for")
				wantDone(t, second, "due: asked for")
				checkAwayFaults(t, at)
				wantWaiting(t, at, false)
			},
		},
		{
			// Between two folders a kill leaves copies of the other generation: renew
			// has them follow.
			name: "rollback",
			prepare: func(t *testing.T, in injector, root string) {
				prepareCopies(t, in, root)
				in.must(t, root, "renew", "--force", "--root", "ROOT", "--no-reload")
			},
			command: []string{"rollback", "--root", "ROOT", "--no-reload"},
			check:   checkQEMUFaults,
			again: func(t *testing.T, at scene, first, second outcome) {
				wantDone(t, first, "is as it was before")
				wantDone(t, second, "is as it was before")
				at.must(t, at.root, "renew", "--force", "--root", "ROOT", "--no-reload")
				wantCopies(t, at)
			},
		},
	}
}

// checkRenewFaults wants both pairs to be there and whole, besides: a renewal
// never takes one away.
func checkRenewFaults(t *testing.T, at scene) {
	t.Helper()
	checkHostFaults(t, at)
	checkBothPairs(t, at)
}

// checkBothPairs wants both pairs of a host, whole.
func checkBothPairs(t *testing.T, at scene) {
	t.Helper()
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p, err := keypair.Load(store.Tree{}, libvirt.System(at.root+"/etc"), role)
		if err != nil || p.Cert == nil || p.Key == nil {
			t.Errorf("%s pair: %+v, %v", role, p, err)
		}
	}
}

// wantCopies wants QEMU's pairs to be copies of libvirt's.
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
