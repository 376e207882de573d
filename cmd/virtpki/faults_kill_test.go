package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// moment is the root that a kill before a step leaves: as it was while the command waited in the
// step's call. A kill there ends all of the command's processes, and so leaves nothing else; but the
// command need not run once for each step.
type moment struct {
	at   step
	said string   // on standard output, until then
	tree string   // a copy of the root
	now  snapshot // of it
}

// keep adds a moment, if no run has met the step before. If the root is still as it was in the
// moment before, that one stands for both.
func (r *rig) keep(t *testing.T, at step, said string) {
	t.Helper()
	if !killing.suits(at, true) || slices.Contains(r.steps, at) {
		return
	}
	m := moment{at: at, said: said, now: snap(t, r.place)}
	if n := len(r.moments); n > 0 && r.moments[n-1].said == said && maps.Equal(r.moments[n-1].now, m.now) {
		return
	}
	m.tree = filepath.Join(r.injector.folder, fmt.Sprintf("moment-%d", len(r.moments)))
	copyTree(t, r.place, m.tree)
	r.moments = append(r.moments, m)
}

// putBack makes the place where the run was as it was in a moment. A command may keep notes that
// belong to a path, so it is that very place.
func (r *rig) putBack(t *testing.T, m moment) {
	t.Helper()
	err := os.RemoveAll(r.place)
	if err := errors.Join(err, os.Rename(m.tree, r.place)); err != nil {
		t.Fatal(err)
	}
}

// killed judges each moment.
func (r *rig) killed(t *testing.T) {
	for i, m := range r.moments {
		t.Run(fmt.Sprintf("%d-%s", i, m.at.call), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("killed at %v", m.at)
				}
			}()
			r.putBack(t, m)
			at := r.scene
			at.root, at.number, at.now = r.place, i, snap(t, r.place)
			at.out = outcome{stdout: m.said, status: -1, hit: true, met: m.at}
			r.judge(t, at)
		})
	}
}
