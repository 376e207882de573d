package keypair

import (
	"path/filepath"

	"virtpki/internal/libvirt"
	"virtpki/internal/store"
)

// Dest is the destination of files: a layout, with the owners.
type Dest struct {
	Layout   libvirt.Layout
	Owner    *store.Owner
	KeyOwner *store.Owner // of the private keys, if it differs
	Keep     bool         // keep the mode and owner of an existing file
}

// ownerOf returns the owner that a file is given.
func (t Dest) ownerOf(file libvirt.File) *store.Owner {
	if file.IsKey() && t.KeyOwner != nil {
		return t.KeyOwner
	}
	return t.Owner
}

// Write plans one file with the directories that it needs.
func (t Dest) Write(p *store.Plan, file libvirt.File, data []byte) error {
	path, mode := t.Layout.Place(file)
	if err := t.Folders(p, path); err != nil {
		return err
	}
	if t.Keep {
		return p.Keep(path, data, mode, t.ownerOf(file))
	}
	return p.File(path, data, mode, t.ownerOf(file))
}

// Folders plans the directories above path.
func (t Dest) Folders(p *store.Plan, path string) error {
	if err := p.Parents(filepath.Dir(t.Layout.Top()), t.Layout.Parents, t.Owner); err != nil {
		return err
	}
	for _, folder := range t.Layout.FoldersFor(path) {
		if err := p.Dir(folder.Path, folder.Mode, t.Owner); err != nil {
			return err
		}
	}
	return nil
}
