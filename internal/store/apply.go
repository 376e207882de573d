package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// tempPattern names the files under construction. A name that begins with a
// dot is no file libvirt reads.
const tempPattern = ".virtpki-*.tmp"

// Apply makes the changes: all of them, or, when one fails, none. The caller
// holds the [Lock] of the folders. After a kill each file is whole, the old one
// or the new one; leavings are swept by the next Apply in the same folders.
func (p *Plan) Apply() (err error) {
	var done undoList
	defer func() {
		if err != nil {
			err = errors.Join(err, done.undo())
		}
	}()
	if err = p.sweep(); err != nil {
		return err
	}
	staged := make([]string, len(p.changes))
	for i, change := range p.changes {
		if staged[i], err = change.stage(&done); err != nil {
			return err
		}
	}
	for i, change := range p.changes {
		if err = change.commit(staged[i], &done); err != nil {
			return err
		}
	}
	return p.syncFolders()
}

// stage does all that can fail for want of space or permission: it makes the
// folder, or writes the file under a temporary name, which it returns.
func (c Change) stage(done *undoList) (temp string, err error) {
	switch {
	case c.Action == Adjust:
		return "", nil
	case c.Dir:
		if err := c.makeFolder(); err != nil {
			return "", err
		}
		if !c.adopted {
			done.add(func() error { return os.Remove(c.Path) })
		}
		return "", nil
	}
	return c.write(done)
}

// write puts the data into a synced temporary file with its final owner and
// mode. The file is 0600 until it has its owner.
func (c Change) write(done *undoList) (temp string, err error) {
	file, err := os.CreateTemp(c.folder(), tempPattern)
	if err != nil {
		return "", err
	}
	done.add(func() error { return removeIfThere(file.Name()) })
	_, err = file.Write(c.data)
	if err == nil && c.Owner != nil {
		err = file.Chown(c.Owner.UID, c.Owner.GID)
	}
	if err == nil {
		err = file.Chmod(c.Mode)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("writing %s: %w", c.Path, err)
	}
	return file.Name(), nil
}

// commit gives a staged file its name, or sets mode and owner.
func (c Change) commit(temp string, done *undoList) error {
	switch {
	case c.Action == Adjust:
		done.add(func() error { return setOwnerMode(c.Path, &c.was.owner, c.was.mode) })
		return setOwnerMode(c.Path, c.Owner, c.Mode)
	case c.Dir:
		return nil
	}
	if err := os.Rename(temp, c.Path); err != nil {
		return err
	}
	done.add(c.restore)
	return nil
}

// restore puts back what stood at the path before.
func (c Change) restore() error {
	if c.was == nil {
		return os.Remove(c.Path)
	}
	back := Change{Action: Replace, Path: c.Path, Mode: c.was.mode, Owner: &c.was.owner, data: c.was.data}
	var scrap undoList
	temp, err := back.write(&scrap)
	if err != nil {
		return errors.Join(err, scrap.undo())
	}
	return os.Rename(temp, c.Path)
}

// makeFolder makes one folder, closed to others until it has its owner.
func (c Change) makeFolder() error {
	if c.adopted {
		return setOwnerMode(c.Path, c.Owner, c.Mode)
	}
	if err := os.Mkdir(c.Path, 0o700); err != nil {
		return err
	}
	if err := setOwnerMode(c.Path, c.Owner, c.Mode); err != nil {
		return errors.Join(err, os.Remove(c.Path))
	}
	return nil
}

func setOwnerMode(path string, owner *Owner, mode fs.FileMode) error {
	if owner != nil {
		if err := os.Chown(path, owner.UID, owner.GID); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}

// sweep removes what a killed run has left under construction in the folders
// of the plan.
func (p *Plan) sweep() error {
	for folder := range p.folders() {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, entry := range entries {
			if unfinished, _ := filepath.Match(tempPattern, entry.Name()); !unfinished {
				continue
			}
			if err := removeIfThere(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// folders is the set of folders in which something changes.
func (p *Plan) folders() map[string]bool {
	folders := make(map[string]bool)
	for _, change := range p.changes {
		folders[change.folder()] = true
	}
	return folders
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolders makes the new names last.
func (p *Plan) syncFolders() error {
	for folder := range p.folders() {
		if err := syncFolder(folder); err != nil {
			return err
		}
	}
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// undoList holds what takes back each step done so far.
type undoList struct{ steps []func() error }

func (u *undoList) add(step func() error) { u.steps = append(u.steps, step) }

// undo takes the steps back, the last one first, and tells what it could not.
func (u *undoList) undo() error {
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		errs = append(errs, u.steps[i]())
	}
	return errors.Join(errs...)
}
