package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Previous is where the generation before the last swap of a folder is kept.
func Previous(folder string) string {
	return filepath.Join(filepath.Dir(folder), previousName(filepath.Base(folder)))
}

func previousName(name string) string { return "." + name + ".previous" }

func swapPrefix(name string) string { return "." + name + swapInfix }

// swapped reports whether an entry is the folder that was in use before an exchange:
// one that has its own inode in its name. isSwap is whether it belongs to a swap at all.
func swapped(entry, name string, inode uint64) (isSwap, exchanged bool) {
	rest, isSwap := strings.CutPrefix(entry, swapPrefix(name))
	number, _, _ := strings.Cut(rest, ".")
	return isSwap, number == strconv.FormatUint(inode, 10)
}

// Before is where the generation before the last swap of a folder lies at this
// moment: at [Previous], or, where a run was killed right after the exchange, under
// the name that the next one will take from it.
func (t Tree) Before(folder string) string {
	parent, err := t.openDir(filepath.Dir(folder), policy{})
	if err != nil {
		return Previous(folder) // where there is no other
	}
	defer parent.close()
	names, _ := parent.names()
	for _, name := range names {
		stat, err := parent.stat(name)
		if err != nil || !parent.mayTake(&stat) {
			continue
		}
		if _, exchanged := swapped(name, filepath.Base(folder), stat.Ino); exchanged {
			return filepath.Join(filepath.Dir(folder), name)
		}
	}
	return Previous(folder)
}

// keepPrevious makes the folder of before the previous generation. Where others have
// taken its name it goes.
func keepPrevious(parent *dir, old, name string) error {
	if err := bringOver(parent, old, name); err != nil {
		return err
	}
	previous := previousName(name)
	gone := previous + ".gone"
	for _, mine := range []string{previous, gone} {
		if stat, err := parent.stat(mine); err == nil && !parent.mayTake(&stat) {
			return errors.Join(parent.notOurs(mine, &stat), parent.removeAll(old))
		}
	}
	if err := parent.removeAll(gone); err != nil {
		return err
	}
	if err := parent.rename(previous, parent, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := parent.rename(old, parent, previous); err != nil {
		return err
	}
	return parent.removeAll(gone)
}

// bringOver links into the folder in use each file that only the old one has, and
// gives the old one copies of those that they share: what is written into one in
// place must not reach the other.
func bringOver(parent *dir, old, name string) error {
	from, err := parent.openDir(old)
	if err != nil {
		return err
	}
	defer from.close()
	to, err := parent.openDir(name)
	if err != nil {
		return err
	}
	defer to.close()
	if err := from.bringTo(to); err != nil {
		return err
	}
	return from.removeIfThere(lockName)
}

func (d *dir) bringTo(to *dir) error {
	names, err := d.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if isLeaving(name) {
			continue
		}
		if err := d.bringEntry(to, name); err != nil {
			return err
		}
	}
	return nil
}

func (d *dir) bringEntry(to *dir, name string) error {
	mine, err := d.stat(name)
	if err != nil {
		return err
	}
	other, err := to.stat(name)
	there := err == nil
	switch isDir := mine.Mode&unix.S_IFMT == unix.S_IFDIR; {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case isDir && there && other.Mode&unix.S_IFMT != unix.S_IFDIR:
		return nil // it has made way for something else
	case isDir:
		return d.bringFolder(to, name, there)
	case !there:
		if err := d.link(name, to, name); err != nil {
			return err
		}
		other = mine
	}
	if mine.Mode&unix.S_IFMT != unix.S_IFREG || mine.Ino != other.Ino || mine.Dev != other.Dev || mine.Size > MaxPEM {
		return nil
	}
	return d.copyOver(name)
}

// bringFolder brings over what is in a folder, and makes it if it is not there.
func (d *dir) bringFolder(to *dir, name string, there bool) error {
	from, err := d.openDir(name)
	if err != nil {
		return err
	}
	defer from.close()
	if there {
		into, err := to.openDir(name)
		if err != nil {
			return err
		}
		defer into.close()
		return from.bringTo(into)
	}
	into, err := to.mkdirLike(name, from)
	if err != nil {
		return err
	}
	defer into.close()
	return from.bringTo(into)
}

// mkdirLike makes a folder with the mode, owner and label of another.
func (d *dir) mkdirLike(name string, like *dir) (*dir, error) {
	stat, err := like.self()
	if err != nil {
		return nil, err
	}
	made, err := d.mkdir(name)
	if err != nil {
		return nil, err
	}
	copyLabel(like.file, made.file)
	if err := made.settle(&Owner{int(stat.Uid), int(stat.Gid)}, modeFrom(&stat)); err != nil {
		return nil, errors.Join(err, made.close())
	}
	return made, nil
}

// copyOver puts a copy in the place of one of a file's names. What it reads and whose
// owner and mode it takes is one opened file.
func (d *dir) copyOver(name string) error {
	file, err := d.open(name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	data, err := readOpen(file, MaxPEM)
	if err != nil {
		return err
	}
	was := stateOf(info)
	return d.replace(name, Change{Mode: was.mode, Owner: &was.owner, data: data}, file)
}

// recoverSwaps finishes or takes back the swaps of a folder that a killed run has
// left. What others have given such a name is left alone.
func (parent *dir) recoverSwaps(name string) error {
	entries, err := parent.names()
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry, swapPrefix(name)) {
			continue
		}
		if err := parent.recoverSwap(entry, name); err != nil {
			return fmt.Errorf("finishing what an earlier run began: %w", err)
		}
	}
	return nil
}

func (parent *dir) recoverSwap(staged, name string) error {
	stat, err := parent.stat(staged)
	if err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR || !parent.mayTake(&stat) {
		return nil
	}
	if _, exchanged := swapped(staged, name, stat.Ino); !exchanged {
		return parent.removeAll(staged)
	}
	err = keepPrevious(parent, staged, name)
	if r := (*Refusal)(nil); errors.As(err, &r) {
		return nil // there is none to keep then, which blocks nobody
	}
	return err
}

// Rollback exchanges a folder with its previous generation, in one instant. Done
// twice, it is as before. After an error nothing has changed.
func (t Tree) Rollback(folder string) error {
	parent, err := t.openDir(filepath.Dir(folder), policy{secret: true})
	if err != nil {
		return err
	}
	defer parent.close()
	name := filepath.Base(folder)
	stat, err := parent.stat(previousName(name))
	if err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR || !parent.mayTake(&stat) {
		return parent.notOurs(previousName(name), &stat)
	}
	if err := parent.recoverSwaps(name); err != nil {
		return err
	}
	if err := exchange(parent, previousName(name), name); err != nil {
		return err
	}
	if err := parent.sync(); err != nil {
		return errors.Join(err, exchange(parent, previousName(name), name))
	}
	return nil
}
