package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"virtpki/internal/safedir"
	"virtpki/internal/termtext"

	"golang.org/x/sys/unix"
)

// sweep removes the unfinished files that a killed run has left in the directories of the plan.
func (w *work) sweep() error {
	for _, folder := range w.plan.swaps {
		if err := w.recoverSwaps(folder); err != nil {
			return err
		}
	}
	for folder := range w.plan.folders() {
		d, err := w.at(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = sweepIn(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recoverSwaps finishes swaps, but only where no other user can exchange a name: no swap is made
// elsewhere.
func (w *work) recoverSwaps(folder string) error {
	parent, err := w.plan.tree.OpenDir(filepath.Dir(folder), safedir.Policy{Secret: true})
	if r := (*Refusal)(nil); errors.Is(err, fs.ErrNotExist) || errors.As(err, &r) {
		return nil
	}
	if err != nil {
		return err
	}
	defer parent.Close()
	return recoverSwapsIn(parent, filepath.Base(folder))
}

// sweepIn removes the files under construction in a directory.
func sweepIn(d *safedir.Dir) error {
	names, err := d.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !safedir.Unfinished(name) {
			continue
		}
		stat, err := d.Stat(name)
		if err != nil || stat.Mode&unix.S_IFMT == unix.S_IFDIR || !d.MayTake(&stat) {
			continue // another's, or gone by now: it does not matter
		}
		if err := d.RemoveIfThere(name); err != nil {
			return err
		}
	}
	return nil
}

// sweepBelow removes the unfinished files that a killed run has left in a locked directory and
// below it, except in directories with a lock of their own. Entries that cannot be read or
// removed do not stop it: nothing reads such a file.
func sweepBelow(d *safedir.Dir) {
	sweepIn(d)
	sweepStaged(d)
	names, _ := d.Names()
	for _, name := range names {
		stat, err := d.Stat(name)
		if err != nil || stat.Mode&unix.S_IFMT != unix.S_IFDIR || !d.MayTake(&stat) {
			continue
		}
		if child, err := d.OpenDir(name); err == nil {
			if !child.Exists(lockName) {
				sweepBelow(child)
			}
			child.Close()
		}
	}
}

// sweepStaged removes directories that were to appear whole. No run is at work on one: it would
// hold the lock.
func sweepStaged(d *safedir.Dir) {
	names, _ := d.Names()
	for _, name := range names {
		if ok, _ := filepath.Match(".*"+swapInfix+"0.*", name); !ok {
			continue
		}
		if stat, err := d.Stat(name); err == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR && d.MayTake(&stat) {
			d.RemoveAll(name)
		}
	}
}

// notOurs returns the error for a name that virtpki needs and another user has taken.
func notOurs(d *safedir.Dir, name string, stat *unix.Stat_t) error {
	path := d.In(name)
	return safedir.Refuse(path, fmt.Sprintf("was not made by this run's user: it belongs to uid %d", stat.Uid), "rm -r "+termtext.ShellWord(path))
}
