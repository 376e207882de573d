package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dir is a directory that was opened once and is used by its descriptor: whatever
// happens to its path afterwards, what is done in it is done in this one. Names are
// single names, never paths, and links are never followed. What is made is made
// exclusively.
type dir struct {
	file *os.File
	path string // for messages
}

// openDir opens a directory, if the policy trusts the way to it. The path may be
// relative, and may lead over links of root and of this process's user.
func openDir(path string, p policy) (*dir, error) { return Tree{}.openDir(path, p) }

func (d *dir) fd() int { return int(d.file.Fd()) }

func (d *dir) in(name string) string { return filepath.Join(d.path, name) }

func (d *dir) close() error { return d.file.Close() }

// fail adds a path to an error of the system.
func (d *dir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.in(name), Err: err}
}

// stat looks at an entry, never through a link.
func (d *dir) stat(name string) (unix.Stat_t, error) { return statAt(d.fd(), name, d.in(name)) }

// self looks at the directory.
func (d *dir) self() (stat unix.Stat_t, err error) {
	return stat, d.fail("stat", "", unix.Fstat(d.fd(), &stat))
}

// exists reports whether there is an entry.
func (d *dir) exists(name string) bool {
	_, err := d.stat(name)
	return err == nil
}

// names lists the entries.
func (d *dir) names() ([]string, error) {
	fd, err := openAt(d.fd(), ".", d.path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	again := os.NewFile(uintptr(fd), d.path)
	defer again.Close()
	return again.Readdirnames(-1)
}

// create makes a file for writing and reading that was not there, closed to others.
func (d *dir) create(name string) (*os.File, error) {
	fd, err := openAt(d.fd(), name, d.in(name), unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), d.in(name)), nil
}

// open opens a regular file. It never waits for a FIFO or a device.
func (d *dir) open(name string, flags int) (*os.File, error) {
	fd, err := openAt(d.fd(), name, d.in(name), flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), d.in(name))
	info, err := file.Stat()
	if err == nil {
		err = regular(d.in(name), info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// openDir opens a directory in this one, and no link to one.
func (d *dir) openDir(name string) (*dir, error) {
	fd, err := openAt(d.fd(), name, d.in(name), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return &dir{file: os.NewFile(uintptr(fd), d.in(name)), path: d.in(name)}, nil
}

// mkdir makes a directory that only this process's user can enter, and opens it.
func (d *dir) mkdir(name string) (*dir, error) { return d.mkdirAs(name, 0o700) }

// mkdirAs makes a directory with a mode, as far as the umask lets it, and opens it.
// Where others can exchange it in between, what is opened is shown to be that one, or
// another of the same user's that is as empty and as closed.
func (d *dir) mkdirAs(name string, mode fs.FileMode) (*dir, error) {
	if err := d.makeDir(name, mode); err != nil {
		return nil, err
	}
	made, err := d.openDir(name)
	if err != nil {
		return nil, errors.Join(err, d.removeDir(name))
	}
	if d.allows(policy{secret: true}) == nil {
		return made, nil
	}
	if err := made.isNew(mode); err != nil {
		return nil, errors.Join(err, made.close())
	}
	return made, nil
}

// makeDir makes a directory with a mode, as far as the umask lets it.
func (d *dir) makeDir(name string, mode fs.FileMode) error {
	return d.fail("mkdir", name, untilDone(func() error { return unix.Mkdirat(d.fd(), name, uint32(mode.Perm())) }))
}

// isNew returns an error unless the directory is ours, empty, and no more open than it
// was made.
func (d *dir) isNew(mode fs.FileMode) error {
	stat, err := d.self()
	if err != nil {
		return err
	}
	names, err := d.names()
	if err != nil {
		return err
	}
	if n := nodeOf(&stat); n.uid != os.Geteuid() || n.mode.Perm()&^mode != 0 || len(names) > 0 {
		return &Refusal{d.path, "was exchanged while it was made", "name a directory in which nobody else can write"}
	}
	return nil
}

// wasMade returns an error unless the directory belongs to this process's user.
func (d *dir) wasMade() error {
	stat, err := d.self()
	if err == nil && int(stat.Uid) != os.Geteuid() {
		err = &Refusal{d.path, "was exchanged while it was made", "name a directory in which nobody else can write"}
	}
	return err
}

// allows returns an error unless the policy trusts the directory.
func (d *dir) allows(p policy) error {
	stat, err := d.self()
	if err != nil {
		return err
	}
	return p.check(d.path, nodeOf(&stat))
}

// isPrivate returns an error unless the directory belongs to this process's user and
// nobody else can enter it.
func (d *dir) isPrivate() error {
	stat, err := d.self()
	if err != nil {
		return err
	}
	if n := nodeOf(&stat); n.uid != os.Geteuid() || n.mode&0o077 != 0 {
		return &Refusal{d.path, "is not a private directory of the user who runs this", "rm -r " + quote(d.path)}
	}
	return nil
}

// settle gives the directory its owner and mode.
func (d *dir) settle(owner *Owner, mode fs.FileMode) error { return settle(d.file, owner, mode) }

// settle gives an opened file or directory its owner and mode.
func settle(file *os.File, owner *Owner, mode fs.FileMode) error {
	if owner != nil {
		if err := file.Chown(owner.UID, owner.GID); err != nil {
			return err
		}
	}
	return file.Chmod(mode)
}

// rename gives an entry another name, in this directory or in another one.
func (d *dir) rename(from string, other *dir, to string) error {
	err := untilDone(func() error { return unix.Renameat(d.fd(), from, other.fd(), to) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: d.in(from), New: other.in(to), Err: err}
	}
	return nil
}

// link gives a file a second name. Of a link it is the link that gets it.
func (d *dir) link(from string, other *dir, to string) error {
	err := untilDone(func() error { return unix.Linkat(d.fd(), from, other.fd(), to, 0) })
	if err != nil {
		return &os.LinkError{Op: "link", Old: d.in(from), New: other.in(to), Err: err}
	}
	return nil
}

// remove removes a file or a link.
func (d *dir) remove(name string) error {
	return d.fail("remove", name, untilDone(func() error { return unix.Unlinkat(d.fd(), name, 0) }))
}

// removeIfThere removes a file or a link that may be there.
func (d *dir) removeIfThere(name string) error {
	if err := d.remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeDir removes an empty directory.
func (d *dir) removeDir(name string) error {
	return d.fail("remove", name, untilDone(func() error { return unix.Unlinkat(d.fd(), name, unix.AT_REMOVEDIR) }))
}

// removeAll removes an entry with all that is in it. It follows no link.
func (d *dir) removeAll(name string) error {
	stat, err := d.stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case stat.Mode&unix.S_IFMT != unix.S_IFDIR:
		return d.removeIfThere(name)
	}
	if err := d.empty(name); err != nil {
		return err
	}
	return d.removeDir(name)
}

// empty removes all that is in a directory of this one.
func (d *dir) empty(name string) error {
	child, err := d.openDir(name)
	if err != nil {
		return err
	}
	defer child.close()
	names, err := child.names()
	for _, name := range names {
		err = errors.Join(err, child.removeAll(name))
	}
	return err
}

// read returns the contents of a regular file of at most limit bytes.
func (d *dir) read(name string, limit int64) ([]byte, error) {
	file, err := d.open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readOpen(file, limit)
}

// sync makes the names in the directory last.
func (d *dir) sync() error { return d.file.Sync() }
