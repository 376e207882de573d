package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Two revocations run at once. The first is killed while it holds the lock, and the second waits.
// The second must stand, and so must the first if it reported success.
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
			if !killed.hit || !strings.Contains(second.stderr, "waiting for another run") {
				t.Fatalf("the two did not meet: %v\n%s", killed.hit, second.stderr)
			}
			wantDone(t, second, "revoked ")
			s := scene{injector: in, root: root, out: killed}
			wantRevoked(t, s, "bob", "carol")
			checkKeys(t, root, snap(t, root))
			wantDone(t, in.run(t, root, alice), "revoked ")
			wantRevoked(t, s, "alice", "bob", "carol")
			checkClean(t, root)
		})
	}
}

// killBeside kills a run before a step, as soon as a second run waits for its lock.
func (in injector) killBeside(t *testing.T, root string, command []string, at step, beside []string) (killed, second outcome) {
	t.Helper()
	held, waits := make(chan struct{}), make(chan struct{})
	first := make(chan outcome, 1)
	go func() {
		first <- in.trace(t, root, command, fault{at: at, kill: true, before: func(s step, _ func() string) {
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
	second = in.trace(t, root, beside, fault{before: func(s step, _ func() string) {
		if s.call == "flock" && s.nth > 1 { // it has tried before
			see()
		}
	}})
	see()
	return <-first, second
}

// A killed fleet leaves the fleet of another CA in the same directory alone. It can be finished
// after the other one.
func TestFleetKilledBesideAnotherCA(t *testing.T) {
	needTracer(t)
	in := newInjector(t)
	r := &rig{injector: in, before: filepath.Join(in.folder, "before", "root")}
	prepareTwoCAs(t, in, r.before)
	fleet := func(ca string) []string {
		return []string{"issue", "host", "--hosts", "ROOT/" + ca + ".hosts", "--out", "ROOT/out", "--root", "ROOT/" + ca, "-j", "1"}
	}
	r.command, r.place = fleet("one"), filepath.Join(in.folder, "place")
	r.learn(t)
	for i, m := range r.moments {
		r.putBack(t, m)
		root := r.place
		left := snap(t, root)
		wantDone(t, in.run(t, root, fleet("two")), "")
		now := snap(t, root)
		for path, was := range left {
			if _, isDir := strings.CutPrefix(was, "d"); !isDir && filepath.Base(path) != ".virtpki.lock" && now[path] != was {
				t.Errorf("killed at moment %d, %v: the other run has changed %s", i, m.at, path)
			}
		}
		wantDone(t, in.run(t, root, fleet("one")), "")
		for _, ca := range []string{"one", "two"} {
			wantDone(t, in.run(t, root, fleet(ca)), "nothing to do: 2 bundles")
		}
		checkClean(t, root)
		if t.Failed() {
			break
		}
	}
}

// prepareTwoCAs makes two CAs, each with a list of hosts.
func prepareTwoCAs(t *testing.T, in injector, root string) {
	t.Helper()
	for _, ca := range []string{"one", "two"} {
		if err := os.MkdirAll(filepath.Join(root, ca), 0o755); err != nil {
			t.Fatal(err)
		}
		in.must(t, root, "ca", "init", "--root", "ROOT/"+ca, "--name", "Org "+ca)
		hosts := []byte(ca + "-1.example\n" + ca + "-2.example\n")
		if err := os.WriteFile(filepath.Join(root, ca+".hosts"), hosts, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
