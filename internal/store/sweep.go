package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// sweep removes what a killed run has left under construction in the folders of the
// plan.
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
			err = d.sweep()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recoverSwaps finishes swaps where they can have been made: where nobody else can
// exchange a name.
func (w *work) recoverSwaps(folder string) error {
	parent, err := w.plan.tree.openDir(filepath.Dir(folder), policy{secret: true})
	if r := (*Refusal)(nil); errors.Is(err, fs.ErrNotExist) || errors.As(err, &r) {
		return nil
	}
	if err != nil {
		return err
	}
	defer parent.close()
	return parent.recoverSwaps(filepath.Base(folder))
}

// sweep removes the files under construction in a directory.
func (d *dir) sweep() error {
	names, err := d.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !unfinished(name) {
			continue
		}
		stat, err := d.stat(name)
		if err != nil || stat.Mode&unix.S_IFMT == unix.S_IFDIR || !d.mayTake(&stat) {
			continue // another's, or gone by now: it is in nobody's way
		}
		if err := d.removeIfThere(name); err != nil {
			return err
		}
	}
	return nil
}

// sweepBelow removes what a killed run has left under construction in a folder that
// is locked, and below it but for folders with a lock of their own. What cannot be
// read or removed is no reason to stop: nothing reads such a file.
func (d *dir) sweepBelow() {
	d.sweep()
	d.sweepStaged()
	names, _ := d.names()
	for _, name := range names {
		stat, err := d.stat(name)
		if err != nil || stat.Mode&unix.S_IFMT != unix.S_IFDIR || !d.mayTake(&stat) {
			continue
		}
		if child, err := d.openDir(name); err == nil {
			if !child.exists(lockName) {
				child.sweepBelow()
			}
			child.close()
		}
	}
}

// sweepStaged removes folders that were to appear whole. No run is at work on one: it
// would hold the lock.
func (d *dir) sweepStaged() {
	names, _ := d.names()
	for _, name := range names {
		if ok, _ := filepath.Match(".*"+swapInfix+"0.*", name); !ok {
			continue
		}
		if stat, err := d.stat(name); err == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR && d.mayTake(&stat) {
			d.removeAll(name)
		}
	}
}

// unfinished reports whether a name is that of a file under construction.
func unfinished(name string) bool {
	matched, _ := filepath.Match(tempPattern, name)
	return matched
}

// mayTake reports whether an entry that looks like one of virtpki's own is shown to
// be: nobody else can make entries here, or it belongs to this process's user and
// nobody else can have moved it here.
func (d *dir) mayTake(stat *unix.Stat_t) bool {
	if d.exclusive() == nil {
		return true
	}
	self, err := d.self()
	return err == nil && refuseDirectory(d.path, nodeOf(&self)) == nil && int(stat.Uid) == os.Geteuid()
}

// exclusive returns an error unless root and this process's user alone can make
// entries in the directory.
func (d *dir) exclusive() error {
	stat, err := d.self()
	if err != nil {
		return err
	}
	n := nodeOf(&stat)
	n.mode &^= fs.ModeSticky
	return refuseDirectory(d.path, n)
}

// notOurs says that a name virtpki needs is taken by somebody else.
func (d *dir) notOurs(name string, stat *unix.Stat_t) error {
	path := d.in(name)
	return &Refusal{path, fmt.Sprintf("was not made by this run's user: it belongs to uid %d", stat.Uid), "rm -r " + quote(path)}
}
