package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// Previous returns the path at which the previous generation of a directory is kept after a
// swap.
func Previous(folder string) string {
	return filepath.Join(filepath.Dir(folder), previousName(filepath.Base(folder)))
}

func previousName(name string) string { return "." + name + ".previous" }

func swapPrefix(name string) string { return "." + name + swapInfix }

// swapped reports whether an entry is the directory that was in use before an exchange: its name
// has its own inode in it. isSwap is whether the entry belongs to a swap at all.
func swapped(entry, name string, inode uint64) (isSwap, exchanged bool) {
	rest, isSwap := strings.CutPrefix(entry, swapPrefix(name))
	number, _, _ := strings.Cut(rest, ".")
	return isSwap, number == strconv.FormatUint(inode, 10)
}

// Before returns the path of the previous generation of a directory at this moment. That is
// [Previous] or, if a run was killed right after the exchange, the name from which the next run
// will move it there.
func (t Tree) Before(folder string) string {
	parent, err := t.OpenDir(filepath.Dir(folder), safedir.Policy{})
	if err != nil {
		return Previous(folder) // there cannot be another one
	}
	defer parent.Close()
	names, _ := parent.Names()
	for _, name := range names {
		stat, err := parent.Stat(name)
		if err != nil || !parent.MayTake(&stat) {
			continue
		}
		if _, exchanged := swapped(name, filepath.Base(folder), stat.Ino); exchanged {
			return filepath.Join(filepath.Dir(folder), name)
		}
	}
	return Previous(folder)
}

// keepPrevious keeps the old directory as the previous generation. If another user has taken
// that name it removes the old directory and returns an error.
func keepPrevious(parent *safedir.Dir, old, name string) error {
	if err := bringOver(parent, old, name); err != nil {
		return err
	}
	previous := previousName(name)
	gone := previous + ".gone"
	for _, mine := range []string{previous, gone} {
		if stat, err := parent.Stat(mine); err == nil && !parent.MayTake(&stat) {
			return errors.Join(notOurs(parent, mine, &stat), parent.RemoveAll(old))
		}
	}
	if err := parent.RemoveAll(gone); err != nil {
		return err
	}
	if err := parent.Rename(previous, parent, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := parent.Rename(old, parent, previous); err != nil {
		return err
	}
	return parent.RemoveAll(gone)
}

// bringOver links into the directory in use each file that only the old one has, and replaces
// shared files in the old one by copies: writing into a file of one directory must not change
// the other.
func bringOver(parent *safedir.Dir, old, name string) error {
	from, err := parent.OpenDir(old)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := parent.OpenDir(name)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := bringTo(from, to); err != nil {
		return err
	}
	return from.RemoveIfThere(lockName)
}

func bringTo(d *safedir.Dir, to *safedir.Dir) error {
	names, err := d.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if isLeaving(name) {
			continue
		}
		if err := bringEntry(d, to, name); err != nil {
			return err
		}
	}
	return nil
}

func bringEntry(d *safedir.Dir, to *safedir.Dir, name string) error {
	mine, err := d.Stat(name)
	if err != nil {
		return err
	}
	other, err := to.Stat(name)
	there := err == nil
	switch isDir := mine.Mode&unix.S_IFMT == unix.S_IFDIR; {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case isDir && there && other.Mode&unix.S_IFMT != unix.S_IFDIR:
		return nil // it has made way for something else
	case isDir:
		return bringFolder(d, to, name, there)
	case !there:
		if err := d.Link(name, to, name); err != nil {
			return err
		}
		other = mine
	}
	if mine.Mode&unix.S_IFMT != unix.S_IFREG || mine.Ino != other.Ino || mine.Dev != other.Dev || mine.Size > MaxPEM {
		return nil
	}
	return copyOver(d, name)
}

// bringFolder brings over the contents of a directory, and makes the directory if it does not
// exist.
func bringFolder(d *safedir.Dir, to *safedir.Dir, name string, there bool) error {
	from, err := d.OpenDir(name)
	if err != nil {
		return err
	}
	defer from.Close()
	if there {
		into, err := to.OpenDir(name)
		if err != nil {
			return err
		}
		defer into.Close()
		return bringTo(from, into)
	}
	into, err := mkdirLike(to, name, from)
	if err != nil {
		return err
	}
	defer into.Close()
	return bringTo(from, into)
}

// mkdirLike makes a directory with the mode, owner and label of another.
func mkdirLike(d *safedir.Dir, name string, like *safedir.Dir) (*safedir.Dir, error) {
	stat, err := like.Self()
	if err != nil {
		return nil, err
	}
	made, err := d.Mkdir(name)
	if err != nil {
		return nil, err
	}
	safedir.CopyLabel(like.File, made.File)
	if err := made.Settle(&Owner{UID: int(stat.Uid), GID: int(stat.Gid)}, safedir.ModeFrom(&stat)); err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, nil
}

// copyOver replaces a file under one of its names by a copy. It takes contents, owner and mode
// from one opened file.
func copyOver(d *safedir.Dir, name string) error {
	file, err := d.Open(name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	data, err := safedir.ReadOpen(file, MaxPEM)
	if err != nil {
		return err
	}
	was := stateOf(info)
	return replaceFile(d, name, Change{Mode: was.mode, Owner: &was.owner, data: data}, file)
}

// recoverSwapsIn finishes or undoes the swaps of a directory that a killed run has left. It
// leaves entries alone that other users have given such a name.
func recoverSwapsIn(parent *safedir.Dir, name string) error {
	entries, err := parent.Names()
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry, swapPrefix(name)) {
			continue
		}
		if err := recoverSwap(parent, entry, name); err != nil {
			return fmt.Errorf("finishing an earlier run: %w", err)
		}
	}
	return nil
}

func recoverSwap(parent *safedir.Dir, staged, name string) error {
	stat, err := parent.Stat(staged)
	if err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR || !parent.MayTake(&stat) {
		return nil
	}
	if _, exchanged := swapped(staged, name, stat.Ino); !exchanged {
		return parent.RemoveAll(staged)
	}
	err = keepPrevious(parent, staged, name)
	if r := (*Refusal)(nil); errors.As(err, &r) {
		return nil // the previous generation cannot be kept then, but that does not block the run
	}
	return err
}

// Rollback exchanges a directory with its previous generation, in one instant. Running it twice
// restores the current state. After an error nothing has changed.
func (t Tree) Rollback(folder string) error {
	parent, err := t.OpenDir(filepath.Dir(folder), safedir.Policy{Secret: true})
	if err != nil {
		return err
	}
	defer parent.Close()
	name := filepath.Base(folder)
	stat, err := parent.Stat(previousName(name))
	if err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR || !parent.MayTake(&stat) {
		return notOurs(parent, previousName(name), &stat)
	}
	if err := recoverSwapsIn(parent, name); err != nil {
		return err
	}
	if err := safedir.Exchange(parent, previousName(name), name); err != nil {
		return err
	}
	if err := parent.Sync(); err != nil {
		return errors.Join(err, safedir.Exchange(parent, previousName(name), name))
	}
	return nil
}

// RollbackFile exchanges a file with its previous version, which lies at [Previous], in one
// instant. Running it twice restores the current state. After an error nothing has changed.
func (t Tree) RollbackFile(path string) error {
	parent, err := t.OpenDir(filepath.Dir(path), safedir.Policy{Secret: true})
	if err != nil {
		return err
	}
	defer parent.Close()
	name := filepath.Base(path)
	for _, mine := range []string{name, previousName(name)} {
		stat, err := parent.Stat(mine)
		if err != nil {
			return err
		}
		if stat.Mode&unix.S_IFMT != unix.S_IFREG {
			return fmt.Errorf("%s: not a regular file", parent.In(mine))
		}
		if mine != name && !parent.MayTake(&stat) {
			return notOurs(parent, mine, &stat)
		}
	}
	if err := safedir.Exchange(parent, previousName(name), name); err != nil {
		return err
	}
	if err := parent.Sync(); err != nil {
		return errors.Join(err, safedir.Exchange(parent, previousName(name), name))
	}
	return nil
}
