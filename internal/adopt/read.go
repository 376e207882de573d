package adopt

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/safedir"
	"virtpki/internal/store"
	"virtpki/internal/termtext"

	"golang.org/x/sys/unix"
)

// maxFile is the maximum size of a key or a file of certificates, in bytes. It is the limit of
// libvirt.
const maxFile = 64 << 10

// dataLink is the name of the link in a secret mount of Kubernetes and of similar programs.
// Replacing the link changes all files in one instant.
const dataLink = "..data"

// folder is a directory with trusted files, by its descriptor.
type folder struct {
	*safedir.Dir
	closed bool // only its owner and group can enter it, so that modes in it do not count
}

// openFolder opens a directory that only root or this process's user can change. In a secret
// mount it opens the directory that the link leads to at this moment: its files belong
// together.
func openFolder(path string) (*folder, error) {
	dir, err := store.Tree{}.OpenDir(path, safedir.Policy{Secret: true})
	if err != nil {
		return nil, err
	}
	f := &folder{Dir: dir}
	if err := f.look(); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	stat, err := dir.Stat(dataLink)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	defer dir.Close()
	if err != nil {
		return nil, err
	}
	return f.behind(&stat)
}

// look notes whether others can enter the directory.
func (f *folder) look() error {
	stat, err := f.Self()
	f.closed = f.closed || stat.Mode&0o001 == 0
	return err
}

// behind opens the directory that the link of a secret mount leads to, beside the link.
func (f *folder) behind(link *unix.Stat_t) (*folder, error) {
	path := f.In(dataLink)
	if link.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil, fmt.Errorf("%s: not a link, as in a secret mount", path)
	}
	target, err := safedir.ReadlinkAt(f.Fd(), dataLink, path)
	if err != nil {
		return nil, err
	}
	if target != filepath.Base(target) || target == "." || target == ".." {
		return nil, fmt.Errorf("%s: a link to %q, out of the directory", path, target)
	}
	self, err := f.Self()
	if err == nil {
		err = safedir.RefuseLink(path, target, safedir.NodeOf(&self), safedir.NodeOf(link))
	}
	if err != nil {
		return nil, err
	}
	dir, err := f.OpenDir(target)
	if err != nil {
		return nil, err
	}
	data := &folder{Dir: dir, closed: f.closed}
	err = data.look()
	if err == nil {
		err = dir.Allows(safedir.Policy{Secret: true})
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return data, nil
}

// read returns the contents of a file that only root or this process's user can have written.
// It does not follow links.
func (f *folder) read(name string, limit int64, secret bool) ([]byte, error) {
	stat, err := f.Stat(name)
	if err != nil {
		return nil, err
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		return nil, f.refuseLink(name)
	}
	file, err := f.Open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	path := f.In(name)
	if err := safedir.RefuseFile(path, file); err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if secret && !f.closed && info.Mode()&0o004 != 0 {
		return nil, hint.With(fmt.Errorf("%s: every user can read this key, and may have copied it (mode %04o)", path, info.Mode().Perm()),
			"chmod o-r %s", termtext.ShellWord(path))
	}
	return safedir.ReadOpen(file, limit)
}

// refuseLink returns the error for a link in the place of a file.
func (f *folder) refuseLink(name string) error {
	target, err := safedir.ReadlinkAt(f.Fd(), name, f.In(name))
	if err != nil {
		return err
	}
	return hint.With(fmt.Errorf("%s: it is a link to %q: virtpki follows no link there but %s of a secret mount", f.In(name), target, dataLink),
		"copy the file there, or name the files: virtpki install --key KEY CERTIFICATE CA")
}

// readNamed returns the contents of a file that the user names. It follows links of root and of
// this process's user.
func readNamed(path string, limit int64, secret bool) ([]byte, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	w := &safedir.Walk{Policy: safedir.Policy{Secret: true}}
	defer w.Close()
	if err := w.EnterRoot("/"); err != nil {
		return nil, err
	}
	name, err := w.DownTo(strings.TrimPrefix(absolute, "/"), true)
	if err != nil {
		return nil, err
	}
	dir, err := w.Last(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	f := &folder{Dir: dir}
	defer f.Close()
	if err := f.look(); err != nil {
		return nil, err
	}
	return f.read(name, limit, secret)
}
