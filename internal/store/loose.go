package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

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

// stage does all that can fail for want of space or permission: it makes the
// folder, or writes the file under a temporary name, which it returns.
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
	if temp, err = in.write(c, nil, &w.done); err != nil {
		return "", fmt.Errorf("writing %s: %w", c.Path, err)
	}
	return temp, nil
}

// settleAdopted gives a folder that the lock has made its owner and mode.
func (w *work) settleAdopted(c Change) error {
	d, err := w.at(c.Path)
	if err == nil {
		err = d.wasMade()
	}
	if err != nil {
		return err
	}
	return d.settle(c.Owner, c.Mode)
}

// makeFolder makes one folder. It has its mode from the start, as far as the umask
// lets it: a folder that is cut short before it has its owner is not fixed later
// where a plan leaves the folders it finds as they are.
func (w *work) makeFolder(in *dir, c Change) error {
	d, err := in.mkdirAs(c.base(), c.Mode.Perm())
	if err != nil {
		return err
	}
	w.dirs[c.Path] = d
	w.done.add(func() error { return in.removeDir(c.base()) })
	return d.settle(c.Owner, c.Mode)
}

// write puts the data of a change into a synced temporary file with its final owner
// and mode, and the label of the file that it replaces. The file is 0600 until it has
// its owner.
func (d *dir) write(c Change, label *os.File, done *undoList) (temp string, err error) {
	temp = tempPrefix + unpredictable() + tempSuffix
	file, err := d.create(temp)
	if err != nil {
		return "", err
	}
	done.add(func() error { return d.removeIfThere(temp) })
	_, err = file.Write(c.data)
	if err == nil {
		err = settle(file, c.Owner, c.Mode)
	}
	if err == nil {
		err = file.Sync()
	}
	if label != nil {
		copyLabel(label, file)
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
		return in.adjust(c, &w.done)
	case c.Action == Remove:
		return in.takeAway(c.base(), &w.done)
	}
	restore, err := in.keep(c, temp, &w.done)
	if err != nil {
		return err
	}
	if err := in.rename(temp, in, c.base()); err != nil {
		return err
	}
	w.done.add(restore)
	return nil
}

// adjust sets mode and owner of what is there, by its descriptor.
func (d *dir) adjust(c Change, done *undoList) error {
	file, err := d.toAdjust(c)
	if errors.Is(err, fs.ErrPermission) && !c.Dir {
		return d.adjustClosed(c, done)
	}
	if err != nil {
		return err
	}
	done.atEnd(func() { file.Close() })
	done.add(func() error { return settle(file, &c.was.owner, c.was.mode) })
	return settle(file, c.Owner, c.Mode)
}

// toAdjust opens what is to be adjusted. A file with a second name somewhere may be
// one that a stranger has linked here.
func (d *dir) toAdjust(c Change) (*os.File, error) {
	if c.Dir {
		child, err := d.openDir(c.base())
		if err != nil {
			return nil, err
		}
		return child.file, nil
	}
	file, err := d.open(c.base(), unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Sys().(*syscall.Stat_t).Nlink > 1 && d.exclusive() != nil {
		err = &Refusal{c.Path, "has a second name, and others can write here", "rm " + quote(c.Path)}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// adjustClosed sets the mode of a file that its owner may not even open. That goes
// by name alone, so only where nobody else can exchange it.
func (d *dir) adjustClosed(c Change, done *undoList) error {
	if err := d.exclusive(); err != nil {
		return err
	}
	chmod := func(mode fs.FileMode) error {
		return d.fail("chmod", c.base(), unix.Fchmodat(d.fd(), c.base(), uint32(mode.Perm()), 0))
	}
	done.add(func() error { return chmod(c.was.mode) })
	return chmod(c.Mode)
}

// takeAway takes a file's name away; the file itself goes when all is done.
func (d *dir) takeAway(name string, done *undoList) error {
	gone := tempPrefix + "gone-" + unpredictable() + tempSuffix
	if err := d.rename(name, d, gone); err != nil {
		return err
	}
	done.atEnd(func() { d.remove(gone) })
	done.add(func() error { return d.rename(gone, d, name) })
	return nil
}

// keep gives what stands at the path a second name beside the temporary file.
// To put it back is then one rename, which a full disk cannot refuse. Where the
// file system knows no second names the contents are kept in memory.
func (d *dir) keep(c Change, temp string, done *undoList) (restore func() error, err error) {
	if c.was == nil {
		return func() error { return d.remove(c.base()) }, nil
	}
	kept := strings.TrimSuffix(temp, tempSuffix) + "-was" + tempSuffix
	err = d.link(c.base(), d, kept)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EMLINK):
		return d.keepInMemory(c)
	case err != nil:
		return nil, err
	}
	done.atEnd(func() { d.remove(kept) })
	return func() error { return d.rename(kept, d, c.base()) }, nil
}

// keepInMemory reads what stands at the path, to be written again if need be.
func (d *dir) keepInMemory(c Change) (restore func() error, err error) {
	data, err := d.read(c.base(), MaxPEM)
	if err != nil {
		return nil, err
	}
	return func() error {
		return d.replace(c.base(), Change{Mode: c.was.mode, Owner: &c.was.owner, data: data}, nil)
	}, nil
}

// replace writes a file anew under a name that it has or had.
func (d *dir) replace(name string, c Change, label *os.File) error {
	var scrap undoList
	temp, err := d.write(c, label, &scrap)
	if err == nil {
		err = d.rename(temp, d, name)
	}
	if err != nil {
		return errors.Join(err, scrap.undo())
	}
	return nil
}

// base is the name of what a change makes, in its folder.
func (c Change) base() string { return filepath.Base(c.Path) }
