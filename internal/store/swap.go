package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A swap replaces several files of a folder in one instant. The folder is built
// anew beside itself, out of links to the files that stay and of the new ones,
// and the two exchange their names in one system call. Whatever is killed when,
// a daemon that starts then finds the files of before or those of after, and
// never a key beside another key's certificate. The folder of before stays,
// under the name that [Previous] gives.
//
// While it is built, the new folder is called .NAME.swap-INODE, INODE being that
// of the folder in use. After the exchange it is the old folder that has this
// name, and its own inode in it: so a run that finds one after a kill knows on
// which side of the exchange that was.
type swap struct {
	folder string // in use
	staged string // beside it
}

// swapInfix stands between the name of a folder and an inode.
const swapInfix = ".swap-"

// Previous is where the generation before the last swap of a folder is kept.
func Previous(folder string) string {
	return filepath.Join(filepath.Dir(folder), "."+filepath.Base(folder)+".previous")
}

// Before is where the generation before the last swap of a folder lies at this
// moment: at [Previous], or, where a run was killed right after the exchange, under
// the name that the next one will take from it.
func Before(folder string) string {
	prefix := "." + filepath.Base(folder) + swapInfix
	entries, _ := os.ReadDir(filepath.Dir(folder)) // without them there is no other
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), prefix)
		path := filepath.Join(filepath.Dir(folder), entry.Name())
		if inode, err := inodeOf(path); ok && err == nil && number == strconv.FormatUint(inode, 10) {
			return path
		}
	}
	return Previous(folder)
}

// errNoExchange says that the system or the file system cannot exchange two
// folders.
var errNoExchange = errors.New("two folders cannot be exchanged here")

// newSwap builds the folder of after.
func newSwap(folder string, changes []Change, done *undoList) (*swap, error) {
	inode, err := inodeOf(folder)
	if err != nil {
		return nil, err
	}
	name := "." + filepath.Base(folder) + swapInfix + strconv.FormatUint(inode, 10)
	s := &swap{folder: folder, staged: filepath.Join(filepath.Dir(folder), name)}
	done.add(func() error { return os.RemoveAll(s.staged) })
	if err := linkTree(s.folder, s.staged); err != nil {
		return s, err
	}
	for _, change := range changes {
		if err := s.stage(change); err != nil {
			return s, err
		}
	}
	return s, syncTree(s.staged)
}

// stage makes one change in the folder of after.
func (s *swap) stage(c Change) error {
	rel, err := filepath.Rel(s.folder, c.Path)
	if err != nil {
		return err
	}
	path := filepath.Join(s.staged, rel)
	switch {
	case c.Dir && c.Action == Create:
		return Change{Path: path, Dir: true, Mode: c.Mode, Owner: c.Owner}.makeFolder()
	case c.Dir:
		return setOwnerMode(path, c.Owner, c.Mode)
	case c.Action == Adjust:
		if c.data, err = ReadFile(c.Path, MaxPEM); err != nil {
			return err
		}
		if c.Owner == nil {
			c.Owner = &c.was.owner
		}
	}
	temp, err := Change{Path: path, Mode: c.Mode, Owner: c.Owner, data: c.data, was: c.was}.write(&undoList{})
	if err != nil {
		return err
	}
	copyLabel(c.Path, temp)
	return os.Rename(temp, path)
}

// makeWhole makes a folder that is not there with all that is in it, in one
// instant: for some folders it matters that they exist. It is built beside its
// place, under the name of a swap with no folder in use, so that the next run
// removes what a kill leaves.
func makeWhole(folder string, changes []Change, done *undoList) error {
	s := &swap{folder: folder, staged: filepath.Join(filepath.Dir(folder), "."+filepath.Base(folder)+swapInfix+"0")}
	done.add(func() error { return os.RemoveAll(s.staged) })
	for _, change := range changes {
		if err := s.stage(change); err != nil {
			return err
		}
	}
	if err := syncTree(s.staged); err != nil {
		return err
	}
	if err := os.Rename(s.staged, folder); err != nil {
		return err
	}
	done.add(func() error { return os.Rename(folder, s.staged) })
	return syncFolder(filepath.Dir(folder))
}

// commit exchanges the two folders.
func (s *swap) commit(done *undoList) error {
	if err := exchange(s.staged, s.folder); err != nil {
		return err
	}
	done.add(func() error { return exchange(s.staged, s.folder) })
	return syncFolder(filepath.Dir(s.folder))
}

// finish keeps the folder of before as the previous generation. What others put
// into it while the new one was built is brought over.
func (s *swap) finish() error { return keepPrevious(s.staged, s.folder) }

func keepPrevious(old, folder string) error {
	if err := bringOver(old, folder); err != nil {
		return err
	}
	if err := separate(old, folder); err != nil {
		return err
	}
	if err := removeIfThere(filepath.Join(old, lockName)); err != nil {
		return err
	}
	previous := Previous(folder)
	gone := previous + ".gone"
	if err := os.RemoveAll(gone); err != nil {
		return err
	}
	if err := os.Rename(previous, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(old, previous); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// bringOver links into folder each file that old has and folder has not.
func bringOver(old, folder string) error {
	return filepath.WalkDir(old, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(old, path)
		if err != nil || isLeaving(entry.Name()) {
			return err
		}
		target := filepath.Join(folder, rel)
		if Exists(target) {
			return nil
		}
		if entry.IsDir() {
			return likeFolder(path, target)
		}
		return os.Link(path, target)
	})
}

// separate gives old a copy of each file that it shares with folder: what is
// written into one in place must not reach the other.
func separate(old, folder string) error {
	return filepath.WalkDir(old, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || isLeaving(entry.Name()) {
			return err
		}
		rel, err := filepath.Rel(old, path)
		if err != nil {
			return err
		}
		mine, err1 := os.Lstat(path)
		other, err2 := os.Lstat(filepath.Join(folder, rel))
		if err1 != nil || err2 != nil || !os.SameFile(mine, other) || mine.Size() > MaxPEM {
			return err1
		}
		return copyOver(path, mine)
	})
}

// copyOver puts a copy in the place of one of a file's names.
func copyOver(path string, info fs.FileInfo) error {
	data, err := ReadFile(path, MaxPEM)
	if err != nil {
		return err
	}
	was := stateOf(info)
	var scrap undoList
	temp, err := Change{Path: path, Mode: was.mode, Owner: &was.owner, data: data}.write(&scrap)
	if err != nil {
		return errors.Join(err, scrap.undo())
	}
	copyLabel(path, temp)
	return os.Rename(temp, path)
}

// recover finishes or takes back the swaps that a killed run has left.
func recoverSwaps(folder string) error {
	prefix := "." + filepath.Base(folder) + swapInfix
	entries, err := os.ReadDir(filepath.Dir(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), prefix)
		if !ok {
			continue
		}
		if err := recoverSwap(folder, filepath.Join(filepath.Dir(folder), entry.Name()), number); err != nil {
			return fmt.Errorf("finishing what an earlier run began: %w", err)
		}
	}
	return nil
}

func recoverSwap(folder, staged, number string) error {
	inode, err := inodeOf(staged)
	if err != nil {
		return err
	}
	if number == strconv.FormatUint(inode, 10) {
		return keepPrevious(staged, folder) // it was in use before: the exchange has happened
	}
	return os.RemoveAll(staged)
}

// linkTree makes a folder like another one, with links to its files.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.IsDir():
			return likeFolder(path, target)
		case isLeaving(entry.Name()) && entry.Name() != lockName:
			return nil
		}
		return os.Link(path, target)
	})
}

// isLeaving reports whether a file is virtpki's own and no part of the contents.
func isLeaving(name string) bool {
	return unfinished(name) || name == lockName
}

// likeFolder makes a folder with the mode, owner and label of another.
func likeFolder(like, path string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	was := stateOf(info)
	if err := (Change{Path: path, Dir: true, Mode: was.mode, Owner: &was.owner}).makeFolder(); err != nil {
		return err
	}
	copyLabel(like, path)
	return nil
}

// syncTree makes the folders of a new tree last.
func syncTree(folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return syncFolder(path)
	})
}

// Rollback exchanges a folder with its previous generation, in one instant. Done
// twice, it is as before. After an error nothing has been exchanged.
func Rollback(folder string) error {
	previous := Previous(folder)
	if !Exists(previous) {
		return fmt.Errorf("%s: %w", previous, fs.ErrNotExist)
	}
	if err := recoverSwaps(folder); err != nil {
		return err
	}
	if err := exchange(previous, folder); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(folder)); err != nil {
		return errors.Join(err, exchange(previous, folder))
	}
	return nil
}
