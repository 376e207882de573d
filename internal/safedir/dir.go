package safedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Dir is a directory that was opened once and is used by its descriptor. If its path leads
// elsewhere later, Dir still works in the same directory. Names are single names, never paths.
// Dir never follows a link, and creates files and directories exclusively.
type Dir struct {
	File *os.File
	Path string // for messages
}

// Fd returns the descriptor, for a system call.
func (d *Dir) Fd() int { return int(d.File.Fd()) }

// In returns the path of a name in the directory, for messages.
func (d *Dir) In(name string) string { return filepath.Join(d.Path, name) }

// Close closes the descriptor.
func (d *Dir) Close() error { return d.File.Close() }

// Fail adds the path of a name to an error of the system; nil stays nil.
func (d *Dir) Fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.In(name), Err: err}
}

// Stat returns the attributes of an entry, never through a link.
func (d *Dir) Stat(name string) (unix.Stat_t, error) { return statAt(d.Fd(), name, d.In(name)) }

// Self returns the attributes of the directory itself.
func (d *Dir) Self() (stat unix.Stat_t, err error) {
	return stat, d.Fail("stat", "", unix.Fstat(d.Fd(), &stat))
}

// Exists reports whether there is an entry.
func (d *Dir) Exists(name string) bool {
	_, err := d.Stat(name)
	return err == nil
}

// Names lists the entries.
func (d *Dir) Names() ([]string, error) {
	fd, err := OpenAt(d.Fd(), ".", d.Path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	again := os.NewFile(uintptr(fd), d.Path)
	defer again.Close()
	return again.Readdirnames(-1)
}

// Create makes a new file for writing and reading, closed to others.
func (d *Dir) Create(name string) (*os.File, error) {
	fd, err := OpenAt(d.Fd(), name, d.In(name), unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), d.In(name)), nil
}

// Open opens a regular file. It never waits for a FIFO or a device.
func (d *Dir) Open(name string, flags int) (*os.File, error) {
	fd, err := OpenAt(d.Fd(), name, d.In(name), flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), d.In(name))
	info, err := file.Stat()
	if err == nil {
		err = Regular(d.In(name), info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// OpenDir opens a directory in this one. It does not follow a link.
func (d *Dir) OpenDir(name string) (*Dir, error) {
	fd, err := OpenAt(d.Fd(), name, d.In(name), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{File: os.NewFile(uintptr(fd), d.In(name)), Path: d.In(name)}, nil
}

// Mkdir makes a directory that only this process's user can enter, and opens it.
func (d *Dir) Mkdir(name string) (*Dir, error) { return d.MkdirAs(name, 0o700) }

// MkdirAs makes a directory with a mode, as far as the umask allows, and opens it. Where others
// can exchange it in between, MkdirAs checks that it has opened that directory, or another of
// the same user's that is just as empty and closed.
func (d *Dir) MkdirAs(name string, mode fs.FileMode) (*Dir, error) {
	if err := d.MakeDir(name, mode); err != nil {
		return nil, err
	}
	made, err := d.OpenDir(name)
	if err != nil {
		return nil, errors.Join(err, d.RemoveDir(name))
	}
	if d.Allows(Policy{Secret: true}) == nil {
		return made, nil
	}
	if err := made.isNew(mode); err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, nil
}

// MakeDir makes a directory with a mode, as far as the umask allows.
func (d *Dir) MakeDir(name string, mode fs.FileMode) error {
	return d.Fail("mkdir", name, UntilDone(func() error { return unix.Mkdirat(d.Fd(), name, uint32(mode.Perm())) }))
}

// Settle gives the directory its owner and mode.
func (d *Dir) Settle(owner *Owner, mode fs.FileMode) error { return Settle(d.File, owner, mode) }

// Settle gives an opened file or directory its owner and mode.
func Settle(file *os.File, owner *Owner, mode fs.FileMode) error {
	if owner != nil {
		if err := file.Chown(owner.UID, owner.GID); err != nil {
			return err
		}
	}
	return file.Chmod(mode)
}

// Rename gives an entry another name, in this directory or in another one.
func (d *Dir) Rename(from string, other *Dir, to string) error {
	err := UntilDone(func() error { return unix.Renameat(d.Fd(), from, other.Fd(), to) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: d.In(from), New: other.In(to), Err: err}
	}
	return nil
}

// Link gives a file a second name. For a link, the link itself gets it.
func (d *Dir) Link(from string, other *Dir, to string) error {
	err := UntilDone(func() error { return unix.Linkat(d.Fd(), from, other.Fd(), to, 0) })
	if err != nil {
		return &os.LinkError{Op: "link", Old: d.In(from), New: other.In(to), Err: err}
	}
	return nil
}

// Remove removes a file or a link.
func (d *Dir) Remove(name string) error {
	return d.Fail("remove", name, UntilDone(func() error { return unix.Unlinkat(d.Fd(), name, 0) }))
}

// RemoveIfThere removes a file or a link that may be there.
func (d *Dir) RemoveIfThere(name string) error {
	if err := d.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveDir removes an empty directory.
func (d *Dir) RemoveDir(name string) error {
	return d.Fail("remove", name, UntilDone(func() error { return unix.Unlinkat(d.Fd(), name, unix.AT_REMOVEDIR) }))
}

// RemoveAll removes an entry with all its contents. It does not follow a link.
func (d *Dir) RemoveAll(name string) error {
	stat, err := d.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case stat.Mode&unix.S_IFMT != unix.S_IFDIR:
		return d.RemoveIfThere(name)
	}
	if err := d.empty(name); err != nil {
		return err
	}
	return d.RemoveDir(name)
}

// empty removes the contents of a directory in this one.
func (d *Dir) empty(name string) error {
	child, err := d.OpenDir(name)
	if err != nil {
		return err
	}
	defer child.Close()
	names, err := child.Names()
	for _, name := range names {
		err = errors.Join(err, child.RemoveAll(name))
	}
	return err
}

// Read returns the contents of a regular file of at most limit bytes.
func (d *Dir) Read(name string, limit int64) ([]byte, error) {
	file, err := d.Open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ReadOpen(file, limit)
}

// Sync writes the names in the directory to the disk.
func (d *Dir) Sync() error { return d.File.Sync() }
