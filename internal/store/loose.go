package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"virtpki/internal/safedir"
	"virtpki/internal/termtext"

	"golang.org/x/sys/unix"
)

// applyLoose makes changes one after another: first all that can fail for want
// of space or permission, then the renames.
func (w *work) applyLoose(changes []Change) (err error) {
	staged := make([]string, len(changes))
	for i, change := range changes {
		if staged[i], err = w.stage(change); err != nil {
			return err
		}
	}
	for i, change := range changes {
		if err = w.commit(change, staged[i]); err != nil {
			return err
		}
	}
	return nil
}

// stage does all that can fail for want of space or permission: it makes the directory, or
// writes the file under a temporary name, which it returns.
func (w *work) stage(c Change) (temp string, err error) {
	if c.Action == Adjust || c.Action == Remove {
		return "", nil
	}
	if c.Dir && c.adopted {
		return "", w.settleAdopted(c)
	}
	in, err := w.at(c.folder())
	if err != nil {
		return "", err
	}
	if c.Dir {
		return "", w.makeFolder(in, c)
	}
	if temp, err = writeTemp(in, c, nil, &w.done); err != nil {
		return "", fmt.Errorf("writing %s: %w", c.Path, err)
	}
	return temp, nil
}

// settleAdopted sets the owner and mode of a directory that the lock has made.
func (w *work) settleAdopted(c Change) error {
	d, err := w.at(c.Path)
	if err == nil {
		err = d.WasMade()
	}
	if err != nil {
		return err
	}
	return d.Settle(c.Owner, c.Mode)
}

// makeFolder makes one directory. It has its mode from the start, as far as the umask allows. If
// the run is interrupted before the directory has its owner, a plan that leaves existing
// directories as they are will not fix it later.
func (w *work) makeFolder(in *safedir.Dir, c Change) error {
	d, err := in.MkdirAs(c.base(), c.Mode.Perm())
	if err != nil {
		return err
	}
	w.dirs[c.Path] = d
	w.done.Add(func() error { return in.RemoveDir(c.base()) })
	return d.Settle(c.Owner, c.Mode)
}

// writeTemp puts the data of a change into a synced temporary file with its final owner
// and mode, and the label of the file that it replaces. The file is 0600 until it has
// its owner.
func writeTemp(d *safedir.Dir, c Change, label *os.File, done *safedir.UndoList) (temp string, err error) {
	temp = safedir.TempPrefix + safedir.Unpredictable() + safedir.TempSuffix
	file, err := d.Create(temp)
	if err != nil {
		return "", err
	}
	done.Add(func() error { return d.RemoveIfThere(temp) })
	_, err = file.Write(c.data)
	if err == nil {
		err = safedir.Settle(file, c.Owner, c.Mode)
	}
	if err == nil {
		err = file.Sync()
	}
	if label != nil {
		safedir.CopyLabel(label, file)
	}
	return temp, errors.Join(err, file.Close())
}

// commit gives a staged file its name, or sets mode and owner.
func (w *work) commit(c Change, temp string) error {
	if c.Dir && c.Action != Adjust {
		return nil
	}
	in, err := w.at(c.folder())
	if err != nil {
		return err
	}
	switch {
	case c.Action == Adjust:
		return adjustEntry(in, c, &w.done)
	case c.Action == Remove:
		return takeAway(in, c.base(), &w.done)
	}
	restore, err := keepEntry(in, c, temp, &w.done)
	if err != nil {
		return err
	}
	if err := in.Rename(temp, in, c.base()); err != nil {
		return err
	}
	w.done.Add(restore)
	return nil
}

// adjustEntry sets the mode and owner of a file or directory, by its descriptor.
func adjustEntry(d *safedir.Dir, c Change, done *safedir.UndoList) error {
	file, err := openToAdjust(d, c)
	if errors.Is(err, fs.ErrPermission) && !c.Dir {
		return adjustClosed(d, c, done)
	}
	if err != nil {
		return err
	}
	done.AtEnd(func() { file.Close() })
	done.Add(func() error { return safedir.Settle(file, &c.was.owner, c.was.mode) })
	return safedir.Settle(file, c.Owner, c.Mode)
}

// openToAdjust opens the file or directory. A file with a second name somewhere may be one that
// a stranger has linked here.
func openToAdjust(d *safedir.Dir, c Change) (*os.File, error) {
	if c.Dir {
		child, err := d.OpenDir(c.base())
		if err != nil {
			return nil, err
		}
		return child.File, nil
	}
	file, err := d.Open(c.base(), unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Sys().(*syscall.Stat_t).Nlink > 1 && d.Exclusive() != nil {
		err = safedir.Refuse(c.Path, "has a second name, and others can write here", "rm "+termtext.ShellWord(c.Path))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// adjustClosed sets the mode of a file that its owner may not even open. That works by name
// only, so adjustClosed does it only if no other user can exchange the file.
func adjustClosed(d *safedir.Dir, c Change, done *safedir.UndoList) error {
	if err := d.Exclusive(); err != nil {
		return err
	}
	chmod := func(mode fs.FileMode) error {
		return d.Fail("chmod", c.base(), unix.Fchmodat(d.Fd(), c.base(), uint32(mode.Perm()), 0))
	}
	done.Add(func() error { return chmod(c.was.mode) })
	return chmod(c.Mode)
}

// takeAway takes a file's name away. The file itself is removed when all is done.
func takeAway(d *safedir.Dir, name string, done *safedir.UndoList) error {
	gone := safedir.TempPrefix + "gone-" + safedir.Unpredictable() + safedir.TempSuffix
	if err := d.Rename(name, d, gone); err != nil {
		return err
	}
	done.AtEnd(func() { d.Remove(gone) })
	done.Add(func() error { return d.Rename(gone, d, name) })
	return nil
}

// keepEntry gives the old file at the path a second name beside the temporary file. To put it
// back is then one rename, which a full disk cannot refuse. On a file system without second
// names the contents are kept in memory.
func keepEntry(d *safedir.Dir, c Change, temp string, done *safedir.UndoList) (restore func() error, err error) {
	if c.was == nil {
		return func() error { return d.Remove(c.base()) }, nil
	}
	kept := strings.TrimSuffix(temp, safedir.TempSuffix) + "-was" + safedir.TempSuffix
	err = d.Link(c.base(), d, kept)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EMLINK):
		return keepInMemory(d, c)
	case err != nil:
		return nil, err
	}
	done.AtEnd(func() { d.Remove(kept) })
	return func() error { return d.Rename(kept, d, c.base()) }, nil
}

// keepInMemory reads the old file at the path; restore writes it again.
func keepInMemory(d *safedir.Dir, c Change) (restore func() error, err error) {
	data, err := d.Read(c.base(), MaxPEM)
	if err != nil {
		return nil, err
	}
	return func() error {
		return replaceFile(d, c.base(), Change{Mode: c.was.mode, Owner: &c.was.owner, data: data}, nil)
	}, nil
}

// replaceFile writes a new file and puts it in the place of an old one.
func replaceFile(d *safedir.Dir, name string, c Change, label *os.File) error {
	var scrap safedir.UndoList
	temp, err := writeTemp(d, c, label, &scrap)
	if err == nil {
		err = d.Rename(temp, d, name)
	}
	if err != nil {
		return errors.Join(err, scrap.Undo())
	}
	return nil
}

// base returns the name that a change has in its directory.
func (c Change) base() string { return filepath.Base(c.Path) }
