package safedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links a walk follows on one path, as Linux does.
const maxLinks = 40

// Walk goes down to a directory, one name at a time and by descriptor. At each step it checks
// whether a stranger could redirect it. In an image it does not leave its first step: there ".."
// stays where it is and an absolute link begins, as in a chroot.
type Walk struct {
	Policy   Policy
	Follow   bool // every link: nothing is written
	confined bool // to the first step
	steps    []Step
	links    int
}

// Step is a directory on the way.
type Step struct {
	Fd   int
	path string
}

// Here returns the last step.
func (w *Walk) Here() Step { return w.steps[len(w.steps)-1] }

// From goes along a path of the machine. A relative path begins at the working directory,
// without a look at the directories above it, unless the policy is for a secret.
func (w *Walk) From(path string) error {
	path = filepath.Clean(path)
	if filepath.IsLocal(path) && !w.Policy.Secret {
		if err := w.push(unix.AT_FDCWD, ".", ".", 0); err != nil {
			return err
		}
		return w.Down(path)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := w.restart(); err != nil {
		return err
	}
	return w.Down(full)
}

// EnterRoot goes to the root directory of an image. All further steps stay in it.
func (w *Walk) EnterRoot(root string) (err error) {
	if w.Follow { // the root directory of another process may not have a path
		err = w.push(unix.AT_FDCWD, root, root, 0)
	} else {
		err = w.From(root)
	}
	if err == nil {
		w.confine()
	}
	return err
}

// confine makes the last step the first one: nothing is above it.
func (w *Walk) confine() {
	w.confined = true
	last := w.Here()
	w.cut(0, len(w.steps)-1)
	w.steps = []Step{last}
}

// Down goes along a path to a directory.
func (w *Walk) Down(path string) error {
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

// DownTo goes along a path to the directory of its last name, and returns the name. With follow
// it also follows a link of this name. If the path leads to the directory itself, the name is
// ".".
func (w *Walk) DownTo(path string, follow bool) (name string, err error) {
	if name, done, err := w.JumpTo(path, follow); done {
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

// linkAt returns the names to which a link leads, and none if the entry is not a link or does
// not exist.
func (w *Walk) linkAt(name string) ([]string, error) {
	here := w.Here()
	stat, err := statAt(here.Fd, name, filepath.Join(here.path, name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return w.link(here, name, NodeOf(&stat))
}

// next goes down by one name of a path.
func (w *Walk) next(name string) (more []string, err error) {
	switch name {
	case "", ".":
		return nil, nil
	case "..":
		return nil, w.up()
	}
	return w.enter(name)
}

// up goes to the parent directory. The first step of an image has no parent.
func (w *Walk) up() error {
	last := len(w.steps) - 1
	if last > 0 || w.confined {
		w.cut(max(1, last), last+1)
		return nil
	}
	here := w.steps[0]
	if err := w.push(here.Fd, "..", filepath.Join(here.path, ".."), 0); err != nil {
		return err
	}
	w.cut(0, 1)
	return nil
}

// restart goes to where absolute paths begin.
func (w *Walk) restart() error {
	if w.confined {
		w.cut(1, len(w.steps))
		return nil
	}
	w.cut(0, len(w.steps))
	return w.push(unix.AT_FDCWD, "/", "/", 0)
}

// enter goes down by one name. For a link it returns the names to which it leads.
func (w *Walk) enter(name string) (more []string, err error) {
	here := w.Here()
	if err := refuseStep(here, Policy{Secret: w.Policy.Secret}); err != nil {
		return nil, err
	}
	path := filepath.Join(here.path, name)
	err = w.push(here.Fd, name, path, unix.O_NOFOLLOW)
	if !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) {
		return nil, err
	}
	stat, statErr := statAt(here.Fd, name, path)
	if statErr != nil || stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil, err
	}
	return w.link(here, name, NodeOf(&stat))
}

// refuseStep returns an error unless a policy trusts a directory on the way.
func refuseStep(s Step, p Policy) error {
	if !p.Secret {
		return nil
	}
	n, err := s.node()
	if err != nil {
		return err
	}
	return p.Check(s.path, n)
}

// Link reads a link, if the policy trusts it.
func (w *Walk) link(here Step, name string, link Node) ([]string, error) {
	path := filepath.Join(here.path, name)
	target, err := ReadlinkAt(here.Fd, name, path)
	if err != nil {
		return nil, err
	}
	if !w.Follow {
		folder, err := here.node()
		if err == nil {
			err = RefuseLink(path, target, folder, link)
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

func (w *Walk) push(at int, name, path string, flags int) error {
	fd, err := OpenAt(at, name, path, openPath|unix.O_DIRECTORY|flags, 0)
	if err == nil {
		w.steps = append(w.steps, Step{fd, path})
	}
	return err
}

// cut closes steps and forgets them.
func (w *Walk) cut(from, to int) {
	for _, s := range w.steps[from:to] {
		unix.Close(s.Fd)
	}
	w.steps = slices.Delete(w.steps, from, to)
}

// Close ends the walk.
func (w *Walk) Close() { w.cut(0, len(w.steps)) }

// Last opens the last step for use.
func (w *Walk) Last(name string) (*Dir, error) {
	here := w.Here()
	if err := refuseStep(here, w.Policy); err != nil {
		return nil, err
	}
	fd, err := OpenAt(here.Fd, ".", name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{File: os.NewFile(uintptr(fd), name), Path: name}, nil
}

func (s Step) node() (Node, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(s.Fd, &stat); err != nil {
		return Node{}, &fs.PathError{Op: "stat", Path: s.path, Err: err}
	}
	return NodeOf(&stat), nil
}

// NodeOf returns the attributes that a trust decision needs.
func NodeOf(stat *unix.Stat_t) Node {
	return Node{UID: int(stat.Uid), GID: int(stat.Gid), Mode: ModeFrom(stat)}
}

// ModeFrom returns the mode as package fs has it, without the type.
func ModeFrom(stat *unix.Stat_t) fs.FileMode {
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
	err = UntilDone(func() error { return unix.Fstatat(fd, name, &stat, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		err = &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return stat, err
}

// OpenAt opens a name in the directory at. The path is for the error.
func OpenAt(at int, name, path string, flags int, mode uint32) (fd int, err error) {
	err = UntilDone(func() error {
		fd, err = unix.Openat(at, name, flags|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// ReadlinkAt returns the target of a link in the directory at. The path is for the error.
func ReadlinkAt(at int, name, path string) (string, error) {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(at, name, buffer)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	return string(buffer[:n]), nil
}

// UntilDone repeats a call that a signal has interrupted.
func UntilDone(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
