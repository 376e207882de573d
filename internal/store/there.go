package store

import (
	"os"
	"path/filepath"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// OpenThere opens a regular file if [CheckThere] allows it. It never waits for a FIFO.
func OpenThere(path string) (*os.File, error) {
	folder, err := openDir(filepath.Dir(path), safedir.Policy{Secret: true})
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if err := refuseStrange(folder, filepath.Base(path)); err != nil {
		return nil, err
	}
	return folder.Open(filepath.Base(path), unix.O_RDONLY)
}

// CheckThere returns an error unless a former run can have made the file or directory at path.
// Strangers must not be able to exchange it. If they can make files beside it, as in /tmp, it
// must belong to root or to this process's user.
func CheckThere(path string) error {
	folder, err := openDir(filepath.Dir(path), safedir.Policy{Secret: true})
	if err != nil {
		return err
	}
	defer folder.Close()
	return refuseStrange(folder, filepath.Base(path))
}

// refuseStrange returns an error when a stranger can have made an entry, or can change it.
func refuseStrange(d *safedir.Dir, name string) error {
	stat, err := d.Stat(name)
	if err != nil {
		return err
	}
	self, err := d.Self()
	if err != nil || safedir.NodeOf(&self).Mode&0o022 == 0 {
		return err // root or this user has put it there
	}
	if why := safedir.Foreign(safedir.NodeOf(&stat)); why != "" {
		return safedir.Refuse(d.In(name), why, "remove it, or choose another --out")
	}
	return nil
}
