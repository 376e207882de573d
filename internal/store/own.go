package store

import (
	"path/filepath"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// ReadOwn is [ReadFile] for a file whose contents are believed: it returns a [Refusal]
// where somebody besides root and this process's user can write to the file, or
// exchange it. The way there is walked, and the file is looked at, by descriptor.
//
// A link that root or this process's user made is followed. Nobody writes through it,
// so that what it leads to is looked at and never replaced.
func (t Tree) ReadOwn(path string, limit int64) ([]byte, error) {
	folder, err := t.OpenDir(filepath.Dir(path), safedir.Policy{Secret: true})
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	name := filepath.Base(path)
	stat, err := folder.Stat(name)
	if err != nil {
		return nil, err
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		if err := refuseFollowed(folder, path, safedir.NodeOf(&stat)); err != nil {
			return nil, err
		}
		return t.ReadFile(path, limit)
	}
	file, err := folder.Open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := safedir.RefuseFile(path, file); err != nil {
		return nil, err
	}
	return safedir.ReadOpen(file, limit)
}

// refuseFollowed returns an error unless root or this process's user made the link in the
// directory.
func refuseFollowed(d *safedir.Dir, path string, link safedir.Node) error {
	self, err := d.Self()
	if err != nil {
		return err
	}
	target, err := safedir.ReadlinkAt(d.Fd(), filepath.Base(path), path)
	if err != nil {
		return err
	}
	return safedir.RefuseLink(path, target, safedir.NodeOf(&self), link)
}
