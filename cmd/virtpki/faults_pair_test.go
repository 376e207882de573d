package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"virtpki/internal/store"
)

// Two revocations at once, of which the first is killed while it holds the lock
// and the second waits: the second stands, and so does the first if it said so.
func TestKilledBesideAnother(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no faults are injected")
	}
	needStrace(t)
	in := injector{buildStatic(t), scratch(t)}
	r := &rig{injector: in, before: filepath.Join(in.folder, "before", "root")}
	if err := os.MkdirAll(r.before, 0o755); err != nil {
		t.Fatal(err)
	}
	prepareRevoked(t, in, r.before)
	alice := []string{"revoke", "alice", "--root", "ROOT", "--no-reload"}
	carol := []string{"revoke", "carol", "--root", "ROOT", "--no-reload"}
	// Held up at the first fchmod, when it has the lock and has nothing in place.
	for _, at := range []string{"fsync", "linkat", "renameat", "unlinkat"} {
		t.Run(at, func(t *testing.T) {
			root := r.fresh(t, at)
			first := make(chan outcome)
			go func() {
				first <- in.run(t, root, alice, "-e", "inject=fchmod:delay_enter=300000:when=1", "-e", "inject="+at+":signal=KILL:when=1")
			}()
			waitForLock(t, root)
			second := in.run(t, root, carol)
			killed := <-first
			if killed.hit < 0 || !strings.Contains(second.stderr, "waiting for another run") {
				t.Fatalf("the two did not meet: %d\n%s", killed.hit, second.stderr)
			}
			wantDone(t, second, "revoked ")
			s := scene{injector: in, root: root, out: killed}
			wantRevoked(t, s, "bob", "carol")
			checkKeys(t, root)
			wantDone(t, in.run(t, root, alice), "revoked ")
			wantRevoked(t, s, "alice", "bob", "carol")
			checkClean(t, root)
		})
	}
}

// waitForLock waits until a run holds both locks of a revocation.
func waitForLock(t *testing.T, root string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !store.Exists(root + "/etc/pki/.virtpki.lock"); {
		if time.Now().After(deadline) {
			t.Fatal("nobody takes the lock")
		}
		time.Sleep(time.Millisecond)
	}
}
