package safedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// jump does the work of down in one call, where the kernel can do it and the path has no link.
// done is false if down still has to look at the path. Above a directory that jump reached, up
// does not know the path.
func (w *Walk) jump(path string) (done bool, err error) {
	if w.Policy.Secret || path == "" {
		return false, nil
	}
	here := Step{Fd: unix.AT_FDCWD}
	if len(w.steps) > 0 {
		here = w.Here()
	}
	fd, err := openStraight(here.Fd, path)
	switch {
	case err == nil:
		w.steps = append(w.steps, Step{fd, filepath.Join(here.path, path)})
		return true, nil
	case isFinal(err):
		return true, &fs.PathError{Op: "open", Path: filepath.Join(here.path, path), Err: err}
	}
	return false, nil
}

// isFinal reports whether a call that follows no link failed for a reason that a walk would
// meet too.
func isFinal(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.EIO)
}

// OpenStraight opens the file at a path in one call, where the kernel can do it and the path has
// no link. done is false if the path still has to be walked.
func OpenStraight(path string, flags int) (file *os.File, done bool, err error) {
	fd, err := openNoLink(path, flags)
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), path), true, nil
	case isFinal(err):
		return nil, true, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return nil, false, nil
}

// JumpTo is DownTo in one call, as jump is for down.
func (w *Walk) JumpTo(path string, follow bool) (name string, done bool, err error) {
	folder, name := filepath.Split(strings.TrimRight(path, "/"))
	if name == "" || name == "." || name == ".." {
		return "", false, nil
	}
	steps := len(w.steps)
	if done, err := w.jump(folder); !done || err != nil || !follow {
		return name, done, err
	}
	linked, err := w.isLink(name)
	if linked {
		w.cut(steps, len(w.steps))
		return "", false, nil
	}
	return name, true, err
}

// isLink reports whether a name in the directory that was reached is a link.
func (w *Walk) isLink(name string) (bool, error) {
	here := w.Here()
	stat, err := statAt(here.Fd, name, filepath.Join(here.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && stat.Mode&unix.S_IFMT == unix.S_IFLNK, err
}
