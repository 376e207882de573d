package store

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OpenThere opens a regular file that a former run has made, and that counts as
// [CheckThere] says. It never waits for a FIFO.
func OpenThere(path string) (*os.File, error) {
	folder, err := openDir(filepath.Dir(path), policy{secret: true})
	if err != nil {
		return nil, err
	}
	defer folder.close()
	if err := folder.isOurs(filepath.Base(path)); err != nil {
		return nil, err
	}
	return folder.open(filepath.Base(path), unix.O_RDONLY)
}

// CheckThere returns an error unless the file or directory at path can be what a
// former run has made: strangers cannot exchange it, and where they can make files
// beside it, as in /tmp, it belongs to root or to this process's user.
func CheckThere(path string) error {
	folder, err := openDir(filepath.Dir(path), policy{secret: true})
	if err != nil {
		return err
	}
	defer folder.close()
	return folder.isOurs(filepath.Base(path))
}

// isOurs returns an error when a stranger can have made an entry, or can change it.
func (d *dir) isOurs(name string) error {
	stat, err := d.stat(name)
	if err != nil {
		return err
	}
	self, err := d.self()
	if err != nil || nodeOf(&self).mode&0o022 == 0 {
		return err // root or this user has put it there
	}
	if why := foreign(nodeOf(&stat)); why != "" {
		return &Refusal{d.in(name), why, "remove it, or choose another --out"}
	}
	return nil
}
