package store

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// ReadOwn is [ReadFile] for a file whose contents are believed: it returns a [Refusal]
// where somebody besides root and this process's user can write to the file, or
// exchange it. The way there is walked, and the file is looked at, by descriptor.
//
// A link that root or this process's user made is followed. Nobody writes through it,
// so that what it leads to is looked at and never replaced.
func (t Tree) ReadOwn(path string, limit int64) ([]byte, error) {
	folder, err := t.openDir(filepath.Dir(path), policy{secret: true})
	if err != nil {
		return nil, err
	}
	defer folder.close()
	name := filepath.Base(path)
	stat, err := folder.stat(name)
	if err != nil {
		return nil, err
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		if err := folder.followed(path, nodeOf(&stat)); err != nil {
			return nil, err
		}
		return t.ReadFile(path, limit)
	}
	file, err := folder.open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := refuseFile(path, file); err != nil {
		return nil, err
	}
	return readOpen(file, limit)
}

// followed returns an error unless root or this process's user made the link in the
// directory.
func (d *dir) followed(path string, link node) error {
	self, err := d.self()
	if err != nil {
		return err
	}
	target, err := readlinkAt(d.fd(), filepath.Base(path), path)
	if err != nil {
		return err
	}
	return refuseLink(path, target, nodeOf(&self), link)
}

// refuseFile returns an error when somebody besides root and this process's user can
// write to an opened file.
func refuseFile(path string, file *os.File) error {
	var stat unix.Stat_t
	if err := untilDone(func() error { return unix.Fstat(int(file.Fd()), &stat) }); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if why := foreign(nodeOf(&stat)); why != "" {
		return &Refusal{path, why, fmt.Sprintf("chown %d: %[2]s && chmod go-w %[2]s", os.Geteuid(), quote(path))}
	}
	return nil
}

// foreign says who besides root and this process's user can have written a file or
// a directory; empty when nobody can.
func foreign(n node) string {
	switch {
	case !slices.Contains([]int{0, os.Geteuid()}, n.uid):
		return fmt.Sprintf("belongs to another user (uid %d), who could have written it", n.uid)
	case n.mode&0o002 != 0, n.mode&0o020 != 0 && !n.ownGroup():
		return fmt.Sprintf("can be written by others than its owner (mode %04o)", n.mode.Perm())
	}
	return ""
}
