package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// MaxPEM is the size, in bytes, up to which a PEM file is read. libvirt itself
// reads no more than 64 KiB of a certificate; a CRL of a million entries takes
// some 60 MiB.
const MaxPEM = 256 << 20

// ReadFile reads a file of the machine; see [Tree.ReadFile].
func ReadFile(path string, limit int64) ([]byte, error) { return Tree{}.ReadFile(path, limit) }

// ReadFile returns the contents of a regular file of at most limit bytes. It never waits for a
// FIFO or a device. A missing file is fs.ErrNotExist. A link that leads nowhere is an error of
// its own, because somebody put it there for a reason.
func (t Tree) ReadFile(path string, limit int64) ([]byte, error) {
	file, err := t.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, t.missing(path, err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return safedir.ReadOpen(file, limit)
}

// Open opens a file or a directory for reading. It never waits for a FIFO or a device.
func (t Tree) Open(path string) (file *os.File, err error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK
	if !t.holdsPath(path) {
		return os.OpenFile(path, flags, 0)
	}
	if file, done, err := safedir.OpenStraight(filepath.Clean(path), flags); done {
		return file, err
	}
	err = t.reach(path, true, func(here safedir.Step, name string) error {
		fd, err := safedir.OpenAt(here.Fd, name, path, flags|unix.O_NOFOLLOW, 0)
		if err == nil {
			file = os.NewFile(uintptr(fd), path)
		}
		return err
	})
	return file, err
}

// Stat describes the file at a path, behind any links.
func (t Tree) Stat(path string) (fs.FileInfo, error) {
	if !t.holdsPath(path) {
		return os.Stat(path)
	}
	if info, done, err := safedir.LstatStraight(filepath.Clean(path)); done && (err != nil || info.Mode()&fs.ModeSymlink == 0) {
		return info, err
	}
	return t.describe(path, true)
}

// Lstat describes the entry at a path, a link included.
func (t Tree) Lstat(path string) (fs.FileInfo, error) {
	if !t.holdsPath(path) {
		return os.Lstat(path)
	}
	if info, done, err := safedir.LstatStraight(filepath.Clean(path)); done {
		return info, err
	}
	return t.describe(path, false)
}

func (t Tree) describe(path string, follow bool) (info fs.FileInfo, err error) {
	err = t.reach(path, follow, func(here safedir.Step, name string) error {
		info, err = here.Lstat(name)
		return err
	})
	return info, err
}

// Readlink returns the target of a link.
func (t Tree) Readlink(path string) (target string, err error) {
	if !t.holdsPath(path) {
		return os.Readlink(path)
	}
	err = t.reach(path, false, func(here safedir.Step, name string) error {
		target, err = safedir.ReadlinkAt(here.Fd, name, path)
		return err
	})
	return target, err
}

// ReadDir lists a directory by name.
func (t Tree) ReadDir(path string) ([]fs.DirEntry, error) {
	if !t.holdsPath(path) {
		return os.ReadDir(path)
	}
	var entries []fs.DirEntry
	err := t.reach(path, true, func(here safedir.Step, name string) error {
		fd, err := safedir.OpenAt(here.Fd, name, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		folder := os.NewFile(uintptr(fd), path)
		defer folder.Close()
		entries, err = folder.ReadDir(-1)
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		return err
	})
	return entries, err
}

// reach follows a path in the image, over the links of any user, and calls use with the
// directory and the name at its end.
func (t Tree) reach(path string, follow bool, use func(here safedir.Step, name string) error) error {
	w := &safedir.Walk{Follow: true}
	defer w.Close()
	name, err := t.find(w, filepath.Clean(path), follow)
	if err != nil {
		return err
	}
	return use(w.Here(), name)
}

// find goes to the directory at the end of a path, and returns the name in it.
func (t Tree) find(w *safedir.Walk, path string, follow bool) (name string, err error) {
	if path != filepath.Clean(t.root) {
		if name, done, err := w.JumpTo(path, follow); done {
			return name, err
		}
	}
	rel, err := t.enterImage(w, path)
	if err != nil {
		return "", err
	}
	return w.DownTo(rel, follow)
}

// Exists is [Tree.Exists] for the machine.
func Exists(path string) bool { return Tree{}.Exists(path) }

// Exists reports whether path exists, as a dangling link too.
func (t Tree) Exists(path string) bool {
	_, err := t.Lstat(path)
	return err == nil
}

// missing returns the error for a link that leads nowhere, else err.
func (t Tree) missing(path string, err error) error {
	if !t.Exists(path) {
		return err
	}
	target, linkErr := t.Readlink(path)
	switch {
	case linkErr != nil:
		return err
	case t.holdsPath(path):
		return fmt.Errorf("%s: a link to %q, which does not exist below %s", path, target, t.root)
	}
	return fmt.Errorf("%s: a link to %q, which does not exist", path, target)
}
