package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// Output is a file that the user has named, or that has a name of its own beside the
// user's files.
type Output struct {
	Path  string
	Data  []byte
	Mode  fs.FileMode
	Owner *Owner
	// Ours reports whether virtpki has written such contents, for this purpose. An empty file
	// always counts as ours.
	Ours func(there []byte) bool
	// Force replaces another file too.
	Force bool
}

// ErrNotOurs is the error for an existing file that virtpki has not written.
var ErrNotOurs = errors.New("exists already, and virtpki did not write it")

// ErrPrivateKey is the error for an existing file that holds a private key.
var ErrPrivateKey = errors.New("contains a private key, which virtpki never replaces with something else")

// Output states that a file holds data, with this mode and owner. A file at the path is replaced
// only if a former run has written it and no other user can have changed it since, or if Force
// is set and no private key is lost. The new file does not keep the mode and owner of the old
// one. An entry that is not a file, such as a link, stays.
func (p *Plan) Output(o Output) error {
	there, err := lookAt(p.tree, o.Path)
	if err != nil {
		return err
	}
	if there == nil || there.ours(o.Ours) {
		return p.File(o.Path, o.Data, o.Mode, o.Owner)
	}
	if !o.Force || there.isKey() {
		return there.refusal(o.Path)
	}
	p.add(Change{Action: Replace, Path: o.Path, Mode: o.Mode, Owner: o.Owner, data: o.Data, was: there.was})
	return nil
}

// standing is an existing file at the path of an output.
type standing struct {
	was     *state
	foreign string // see foreign
	data    []byte
}

func (s *standing) ours(written func([]byte) bool) bool {
	return s.foreign == "" && (len(s.data) == 0 || written(s.data))
}

func (s *standing) isKey() bool { return bytes.Contains(s.data, []byte("PRIVATE KEY-----")) }

func (s *standing) refusal(path string) error {
	if s.isKey() {
		return fmt.Errorf("%s %w", path, ErrPrivateKey)
	}
	if s.foreign != "" {
		return fmt.Errorf("%s %w: it %s", path, ErrNotOurs, s.foreign)
	}
	return fmt.Errorf("%s %w", path, ErrNotOurs)
}

// lookAt looks at the file that is to be written. It returns nil if the file does not exist or
// the entry is not a file. It refuses a directory in which every user can exchange the file.
func lookAt(t Tree, path string) (*standing, error) {
	folder, err := t.OpenDir(filepath.Dir(path), safedir.Policy{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it will be made
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	self, err := folder.Self()
	if err != nil {
		return nil, err
	}
	if n := safedir.NodeOf(&self); n.Mode&0o002 != 0 {
		if err := safedir.RefuseDirectory(filepath.Dir(path), n, n.UID); err != nil {
			return nil, err
		}
	}
	return standingAt(folder, filepath.Base(path))
}

func standingAt(d *safedir.Dir, name string) (*standing, error) {
	stat, err := d.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &standing{foreign: safedir.Foreign(safedir.NodeOf(&stat))}
	file, err := d.Open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	s.was = stateOf(info)
	s.data, err = safedir.ReadOpen(file, MaxPEM)
	return s, err
}
