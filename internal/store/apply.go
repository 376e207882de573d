package store

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"virtpki/internal/safedir"
)

// Apply makes the changes: all of them, or none if one fails. The caller holds the [Lock] of the
// directories. After a kill each file is whole, old or new. The next Apply in the same
// directories sweeps the leavings.
//
// Each directory is opened once, on a path that no stranger can redirect, and is used by its
// descriptor. For a private key Apply refuses a directory in which others can exchange files.
func (p *Plan) Apply() error {
	if p.spoilt != nil {
		return fmt.Errorf("the plan is incomplete: %w", p.spoilt)
	}
	w := &work{plan: p, dirs: make(map[string]*safedir.Dir)}
	defer w.close()
	swaps, err := w.apply()
	if err != nil {
		return errors.Join(err, w.done.Undo())
	}
	w.finish(swaps)
	return nil
}

// work is a plan that is being applied: the directories that it has opened, and the steps that
// undo the work done so far.
type work struct {
	plan *Plan
	dirs map[string]*safedir.Dir
	done safedir.UndoList
}

func (w *work) close() {
	w.done.DropKept()
	for _, d := range w.dirs {
		d.Close()
	}
}

// at opens a directory of the plan, once.
func (w *work) at(path string) (*safedir.Dir, error) {
	if d, ok := w.dirs[path]; ok {
		return d, nil
	}
	d, err := w.plan.tree.OpenDir(path, w.plan.policyIn(path))
	if err != nil {
		return nil, err
	}
	w.dirs[path] = d
	return d, nil
}

func (w *work) apply() (swaps []*swap, err error) {
	if err := w.sweep(); err != nil {
		return nil, err
	}
	loose, together := w.plan.split()
	if err := w.applyLoose(loose); err != nil {
		return nil, err
	}
	for _, folder := range w.plan.swaps { // in the order of the plan: copies come after their originals
		if len(together[folder]) == 0 {
			continue
		}
		s, err := w.applyTogether(folder, together[folder])
		if err != nil {
			return nil, err
		}
		swaps = append(swaps, s)
	}
	return swaps, w.sync()
}

// finish tidies up after the changes have taken effect. If that fails the next run continues it.
func (w *work) finish(swaps []*swap) {
	for _, s := range swaps {
		if s == nil {
			continue // its files changed one after another
		}
		if err := s.finish(); err != nil {
			w.plan.weaken("%s: the previous files are not kept yet: %v", s.folder, err)
		}
	}
}

// split separates the changes that take effect one after another from those that do so together,
// by directory. A directory is swapped only if the plan replaces something in it, or makes it.
func (p *Plan) split() (loose []Change, together map[string][]Change) {
	together = make(map[string][]Change)
	for _, change := range p.changes {
		if folder := p.swapOf(change); folder != "" && (p.replacesIn(folder) || p.makes(folder)) {
			together[folder] = append(together[folder], change)
		} else {
			loose = append(loose, change)
		}
	}
	return loose, together
}

// swapOf returns the directory that is swapped to make a change, and "" if none is.
func (p *Plan) swapOf(c Change) string {
	for _, folder := range p.swaps {
		if isBelow(folder, c.Path) {
			return folder
		}
	}
	return ""
}

// makes reports whether the plan makes a directory that the lock has not made already.
func (p *Plan) makes(folder string) bool {
	return slices.ContainsFunc(p.changes, func(c Change) bool {
		return c.Dir && c.Action == Create && c.Path == folder && !c.adopted
	})
}

func (p *Plan) replacesIn(folder string) bool {
	return slices.ContainsFunc(p.changes, func(c Change) bool {
		return c.Action == Replace && p.swapOf(c) == folder
	})
}

// applyTogether makes the changes of one directory in one instant. If that is not possible it
// makes them one after another, in the order of the plan, and returns nil: there is nothing to
// finish.
func (w *work) applyTogether(folder string, changes []Change) (*swap, error) {
	s, err := w.newSwap(folder, changes)
	if err == nil {
		err = s.commit(&w.done)
	}
	if errors.Is(err, safedir.ErrNoExchange) || errors.Is(err, syscall.EXDEV) {
		w.plan.weaken("%s: its files changed one after another, not in one instant: %v", folder, err)
		if err := s.drop(); err != nil {
			return nil, err
		}
		return nil, w.applyLoose(changes)
	}
	return s, err
}

// Sync writes the new names to the disk.
func (w *work) sync() error {
	for folder := range w.plan.folders() {
		d, err := w.at(folder)
		if err == nil {
			err = d.Sync()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// folders returns the set of directories in which something changes.
func (p *Plan) folders() map[string]bool {
	folders := make(map[string]bool)
	for _, change := range p.changes {
		folders[change.folder()] = true
	}
	return folders
}
