package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// OwnFiles reads files of one directory that must be trustworthy. It returns a [Refusal] if a
// user besides root and this process's user can write to a file, or exchange it. It walks the
// path once, and looks at the files by descriptor.
//
// A link that root or this process's user made is followed: OwnFiles only reads, and never
// replaces the file behind it.
type OwnFiles struct {
	tree Tree
	path string
	dir  *safedir.Dir // nil where err says why
	err  error
}

// OwnFiles opens a directory for reading. If that fails, each Read returns the error.
func (t Tree) OwnFiles(folder string) *OwnFiles {
	o := &OwnFiles{tree: t, path: folder}
	if _, o.err = t.Lstat(folder); o.err == nil { // most do not exist, and need no walk
		o.dir, o.err = t.OpenDir(folder, safedir.Policy{Secret: true})
	}
	return o
}

// Close closes the directory.
func (o *OwnFiles) Close() error {
	if o.dir == nil {
		return nil
	}
	return o.dir.Close()
}

// ReadOwn reads one file as [OwnFiles] does.
func (t Tree) ReadOwn(path string, limit int64) ([]byte, error) {
	files := t.OwnFiles(filepath.Dir(path))
	defer files.Close()
	return files.Read(filepath.Base(path), limit)
}

// ReadPrivate is [Tree.ReadOwn] for a file with a secret. It refuses one that a user besides
// its owner can read, before it reads it.
func (t Tree) ReadPrivate(path string, limit int64) ([]byte, error) {
	files := t.OwnFiles(filepath.Dir(path))
	defer files.Close()
	file, err := files.open(filepath.Base(path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := safedir.RefuseReadable(path, file); err != nil {
		return nil, err
	}
	return safedir.ReadOpen(file, limit)
}

// Read returns the contents of a file of at most limit bytes.
func (o *OwnFiles) Read(name string, limit int64) ([]byte, error) {
	file, err := o.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return safedir.ReadOpen(file, limit)
}

func (o *OwnFiles) open(name string) (*os.File, error) {
	if o.err != nil {
		return nil, o.err
	}
	stat, err := o.dir.Stat(name)
	if err != nil {
		return nil, err
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		return o.openLink(name, safedir.NodeOf(&stat))
	}
	file, err := o.dir.Open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	if err := safedir.RefuseFile(o.dir.In(name), file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (o *OwnFiles) openLink(name string, link safedir.Node) (*os.File, error) {
	path := o.dir.In(name)
	if err := refuseFollowed(o.dir, path, link); err != nil {
		return nil, err
	}
	file, err := o.tree.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, o.tree.missing(path, err)
	}
	return file, err
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
