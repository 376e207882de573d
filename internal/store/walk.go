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
// each step whether a stranger could lead it astray. In an image it does not leave its
// first step: there ".." stays where it is and an absolute link begins, as in a chroot.
type walk struct {
	policy   policy
	follow   bool // every link: nothing is written
	confined bool // to the first step
	steps    []step
	links    int
}

// step is a directory that was reached.
type step struct {
	fd   int
	path string
}

// confine makes the directory that was reached the first step, above which there is
// nothing.
func (w *walk) confine() {
	w.confined = true
	last := w.steps[len(w.steps)-1]
	w.cut(0, len(w.steps)-1)
	w.steps = []step{last}
}

// down goes along a path to a directory.
func (w *walk) down(path string) error {
	if done, err := w.jump(strings.TrimPrefix(path, "/")); done {
		return err
	}
	names := strings.Split(path, "/")
	for len(names) > 0 {
		more, err := w.next(names[0])
		if err != nil {
			return err
		}
		names = append(more, names[1:]...)
	}
	return nil
}

// downTo goes along a path to the directory of its last name, and returns that. With
// follow a link of this name is followed too. The name is "." for the directory.
func (w *walk) downTo(path string, follow bool) (name string, err error) {
	if name, done, err := w.jumpTo(path, follow); done {
		return name, err
	}
	names := strings.Split(path, "/")
	for {
		name := names[0]
		last := len(strings.Trim(strings.Join(names[1:], ""), "/")) == 0
		if last && name != "" && name != "." && name != ".." {
			if !follow {
				return name, nil
			}
			more, err := w.linkAt(name)
			if err != nil || len(more) == 0 {
				return name, err
			}
			names = more
			continue
		}
		more, err := w.next(name)
		if err != nil {
			return "", err
		}
		if names = append(more, names[1:]...); len(names) == 0 {
			return ".", nil
		}
	}
}

// linkAt returns the names to which a link leads, and none for what is not a link or
// not there.
func (w *walk) linkAt(name string) ([]string, error) {
	here := w.steps[len(w.steps)-1]
	stat, err := statAt(here.fd, name, filepath.Join(here.path, name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return w.link(here, name, nodeOf(&stat))
}

// next goes on by one name of a path.
func (w *walk) next(name string) (more []string, err error) {
	switch name {
	case "", ".":
		return nil, nil
	case "..":
		return nil, w.up()
	}
	return w.enter(name)
}

// up goes back to the directory above. Above an image there is none.
func (w *walk) up() error {
	last := len(w.steps) - 1
	if last > 0 || w.confined {
		w.cut(max(1, last), last+1)
		return nil
	}
	here := w.steps[0]
	if err := w.push(here.fd, "..", filepath.Join(here.path, ".."), 0); err != nil {
		return err
	}
	w.cut(0, 1)
	return nil
}

// restart goes to where absolute paths begin.
func (w *walk) restart() error {
	if w.confined {
		w.cut(1, len(w.steps))
		return nil
	}
	w.cut(0, len(w.steps))
	return w.push(unix.AT_FDCWD, "/", "/", 0)
}

// enter goes down by one name. For a link it returns the names to which it leads.
func (w *walk) enter(name string) (more []string, err error) {
	here := w.steps[len(w.steps)-1]
	if err := refuseStep(here, policy{secret: w.policy.secret}); err != nil {
		return nil, err
	}
	path := filepath.Join(here.path, name)
	err = w.push(here.fd, name, path, unix.O_NOFOLLOW)
	if !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) {
		return nil, err
	}
	stat, statErr := statAt(here.fd, name, path)
	if statErr != nil || stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil, err
	}
	return w.link(here, name, nodeOf(&stat))
}

// refuseStep returns an error unless a policy trusts a directory on the way.
func refuseStep(s step, p policy) error {
	if !p.secret {
		return nil
	}
	n, err := s.node()
	if err != nil {
		return err
	}
	return p.check(s.path, n)
}

// link reads a link.
func (w *walk) link(here step, name string, link node) ([]string, error) {
	path := filepath.Join(here.path, name)
	target, err := readlinkAt(here.fd, name, path)
	if err != nil {
		return nil, err
	}
	if !w.follow {
		folder, err := here.node()
		if err == nil {
			err = refuseLink(path, target, folder, link)
		}
		if err != nil {
			return nil, err
		}
	}
	if w.links++; w.links > maxLinks {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
	}
	if filepath.IsAbs(target) {
		err = w.restart()
	}
	return strings.Split(target, "/"), err
}

func (w *walk) push(at int, name, path string, flags int) error {
	fd, err := openAt(at, name, path, openPath|unix.O_DIRECTORY|flags, 0)
	if err == nil {
		w.steps = append(w.steps, step{fd, path})
	}
	return err
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
	if err := refuseStep(here, w.policy); err != nil {
		return nil, err
	}
	fd, err := openAt(here.fd, ".", name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &dir{file: os.NewFile(uintptr(fd), name), path: name}, nil
}

func (s step) node() (node, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(s.fd, &stat); err != nil {
		return node{}, &fs.PathError{Op: "stat", Path: s.path, Err: err}
	}
	return nodeOf(&stat), nil
}

func nodeOf(stat *unix.Stat_t) node {
	return node{uid: int(stat.Uid), gid: int(stat.Gid), mode: modeFrom(stat)}
}

// modeFrom is the mode as package fs has it, without the type.
func modeFrom(stat *unix.Stat_t) fs.FileMode {
	mode := fs.FileMode(stat.Mode) & fs.ModePerm
	if stat.Mode&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	if stat.Mode&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if stat.Mode&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	return mode
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
