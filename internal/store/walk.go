package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links are followed on one way, as Linux has it.
const maxLinks = 40

// walk goes down to a directory, one name at a time and by descriptor, and looks at
// each step whether a stranger could lead it astray. It does not leave its first
// step: there ".." stays where it is and an absolute link begins, as in a chroot.
type walk struct {
	policy policy
	follow bool // every link: nothing is written
	steps  []step
	links  int
}

// step is a directory that was reached.
type step struct {
	fd   int
	path string
	stat unix.Stat_t
}

// openTop begins at the file system's root.
func (w *walk) openTop() error { return w.push(unix.AT_FDCWD, "/", "/") }

// confine makes the directory that was reached the first step.
func (w *walk) confine() {
	last := w.steps[len(w.steps)-1]
	w.cut(0, len(w.steps)-1)
	w.steps = []step{last}
}

// down goes along a path.
func (w *walk) down(path string) error {
	names := strings.Split(path, "/")
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		switch {
		case name == "" || name == ".":
		case name == "..":
			w.cut(max(1, len(w.steps)-1), len(w.steps))
		default:
			more, err := w.enter(name)
			if err != nil {
				return err
			}
			names = append(more, names...)
		}
	}
	return nil
}

// enter goes down by one name. For a link it returns the names to which it leads.
func (w *walk) enter(name string) (more []string, err error) {
	here := w.steps[len(w.steps)-1]
	if w.policy.secret {
		if err := refuseDirectory(here.path, here.node()); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(here.path, name)
	stat, err := statAt(here.fd, name, path)
	if err != nil {
		return nil, err
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		return w.link(here, name, nodeOf(&stat))
	}
	return nil, w.push(here.fd, name, path)
}

// link reads a link.
func (w *walk) link(here step, name string, link node) ([]string, error) {
	path := filepath.Join(here.path, name)
	target, err := readlinkAt(here.fd, name, path)
	if err != nil {
		return nil, err
	}
	if err := refuseLink(path, target, here.node(), link); err != nil && !w.follow {
		return nil, err
	}
	if w.links++; w.links > maxLinks {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
	}
	if filepath.IsAbs(target) {
		w.cut(1, len(w.steps))
	}
	return strings.Split(target, "/"), nil
}

func (w *walk) push(at int, name, path string) error {
	fd, err := openAt(at, name, path, openPath|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	s := step{fd: fd, path: path}
	if err := unix.Fstat(fd, &s.stat); err != nil {
		unix.Close(fd)
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	w.steps = append(w.steps, s)
	return nil
}

// cut closes steps and forgets them.
func (w *walk) cut(from, to int) {
	for _, s := range w.steps[from:to] {
		unix.Close(s.fd)
	}
	w.steps = slices.Delete(w.steps, from, to)
}

// close ends the walk.
func (w *walk) close() { w.cut(0, len(w.steps)) }

// last opens the directory that was reached, to be used.
func (w *walk) last(name string) (*dir, error) {
	here := w.steps[len(w.steps)-1]
	if w.policy.secret {
		var known []int
		if w.policy.owner != nil {
			known = append(known, w.policy.owner.UID)
		}
		if err := refuseDirectory(here.path, here.node(), known...); err != nil {
			return nil, err
		}
	}
	fd, err := openAt(here.fd, ".", name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &dir{file: os.NewFile(uintptr(fd), name), path: name}, nil
}

func (s step) node() node { return nodeOf(&s.stat) }

func nodeOf(stat *unix.Stat_t) node {
	mode := fs.FileMode(stat.Mode) & fs.ModePerm
	if stat.Mode&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return node{uid: int(stat.Uid), gid: int(stat.Gid), mode: mode}
}

func statAt(fd int, name, path string) (stat unix.Stat_t, err error) {
	err = untilDone(func() error { return unix.Fstatat(fd, name, &stat, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		err = &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return stat, err
}

func openAt(at int, name, path string, flags int, mode uint32) (fd int, err error) {
	err = untilDone(func() error {
		fd, err = unix.Openat(at, name, flags|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

func readlinkAt(at int, name, path string) (string, error) {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(at, name, buffer)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	return string(buffer[:n]), nil
}

// untilDone repeats a call that a signal has cut short.
func untilDone(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
