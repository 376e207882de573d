package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Two revocations at once, of which the first is killed while it holds the lock
// and the second waits: the second stands, and so does the first if it said so.
func TestKilledBesideAnother(t *testing.T) {
	needTracer(t)
	in := newInjector(t)
	r := &rig{injector: in, before: filepath.Join(in.folder, "before", "root")}
	if err := os.MkdirAll(r.before, 0o755); err != nil {
		t.Fatal(err)
	}
	prepareRevoked(t, in, r.before)
	alice := []string{"revoke", "alice", "--root", "ROOT", "--no-reload"}
	carol := []string{"revoke", "carol", "--root", "ROOT", "--no-reload"}
	steps := in.trace(t, r.fresh(t), alice, fault{}).steps
	locked := slices.IndexFunc(steps, func(s step) bool { return s.call == "flock" && s.path == "/etc/pki/.virtpki.lock" })
	for _, call := range []string{"fsync", "linkat", "renameat", "unlinkat"} {
		t.Run(call, func(t *testing.T) {
			root := r.fresh(t)
			i := slices.IndexFunc(steps[locked:], func(s step) bool { return s.call == call })
			killed, second := in.killBeside(t, root, alice, steps[locked+i], carol)
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

// killBeside kills a run before a step, as soon as a second one waits for its lock.
func (in injector) killBeside(t *testing.T, root string, command []string, at step, beside []string) (killed, second outcome) {
	t.Helper()
	held, waits := make(chan struct{}), make(chan struct{})
	first := make(chan outcome, 1)
	go func() {
		first <- in.trace(t, root, command, fault{at: at, kill: true, before: func(s step) {
			if s == at {
				close(held)
				<-waits
			}
		}})
	}()
	select {
	case <-held:
	case <-first:
		t.Fatalf("never met: %v", at)
	}
	see := sync.OnceFunc(func() { close(waits) })
	second = in.trace(t, root, beside, fault{before: func(s step) {
		if s.call == "flock" && s.nth > 1 { // it has tried before
			see()
		}
	}})
	see()
	return <-first, second
}
