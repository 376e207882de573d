package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// tempPattern names the files under construction, and those about to go. A name
// that begins with a dot is no file libvirt reads.
const (
	tempPattern = ".virtpki-*" + tempSuffix
	tempSuffix  = ".tmp"
)

// Apply makes the changes: all of them, or, when one fails, none. The caller
// holds the [Lock] of the folders. After a kill each file is whole, the old one
// or the new one; leavings are swept by the next Apply in the same folders.
func (p *Plan) Apply() error {
	if p.spoilt != nil {
		return fmt.Errorf("the plan is not whole: %w", p.spoilt)
	}
	var done undoList
	defer done.dropKept()
	swaps, err := p.apply(&done)
	if err != nil {
		return errors.Join(err, done.undo())
	}
	p.finishSwaps(swaps)
	return nil
}

func (p *Plan) apply(done *undoList) (swaps []*swap, err error) {
	if err := p.sweep(); err != nil {
		return nil, err
	}
	loose, together := p.split()
	if err := applyLoose(loose, done); err != nil {
		return nil, err
	}
	for _, folder := range p.swaps { // in the order of the plan: copies come after their originals
		if len(together[folder]) == 0 {
			continue
		}
		s, err := p.applyTogether(folder, together[folder], done)
		if err != nil {
			return nil, err
		}
		swaps = append(swaps, s)
	}
	return swaps, p.syncFolders()
}

// finishSwaps tidies up behind what has taken effect. Where that fails the next
// run goes on with it.
func (p *Plan) finishSwaps(swaps []*swap) {
	for _, s := range swaps {
		if s == nil {
			continue
		}
		if err := s.finish(); err != nil {
			p.weaker = append(p.weaker, fmt.Sprintf("%s: keeping the generation before is left to the next run: %v", s.folder, err))
		}
	}
}

// applyLoose makes changes one after another: first all that can fail for want
// of space or permission, then the renames.
func applyLoose(changes []Change, done *undoList) (err error) {
	staged := make([]string, len(changes))
	for i, change := range changes {
		if staged[i], err = change.stage(done); err != nil {
			return err
		}
	}
	for i, change := range changes {
		if err = change.commit(staged[i], done); err != nil {
			return err
		}
	}
	return nil
}

// split tells the changes that take effect one after another from those that do
// so together, by folder. The first to replace something makes it worth while, and
// so does a folder that is not there yet.
func (p *Plan) split() (loose []Change, together map[string][]Change) {
	together = make(map[string][]Change)
	for _, change := range p.changes {
		if folder := p.swapOf(change); folder != "" && (p.replacesIn(folder) || p.makes(folder)) {
			together[folder] = append(together[folder], change)
		} else {
			loose = append(loose, change)
		}
	}
	return loose, together
}

// swapOf is the folder together with whose files a change takes effect.
func (p *Plan) swapOf(c Change) string {
	for _, folder := range p.swaps {
		if rel, err := filepath.Rel(folder, c.Path); err == nil && filepath.IsLocal(rel) {
			return folder
		}
	}
	return ""
}

// makes reports whether a folder is one that the plan makes, and not one that the
// lock has made already.
func (p *Plan) makes(folder string) bool {
	return slices.ContainsFunc(p.changes, func(c Change) bool {
		return c.Dir && c.Action == Create && c.Path == folder && !c.adopted
	})
}

func (p *Plan) replacesIn(folder string) bool {
	return slices.ContainsFunc(p.changes, func(c Change) bool {
		return c.Action == Replace && p.swapOf(c) == folder
	})
}

// applyTogether makes the changes of one folder in one instant, or, where that
// cannot be, one after another in the order of the plan; then there is no swap to
// finish.
func (p *Plan) applyTogether(folder string, changes []Change, done *undoList) (*swap, error) {
	if p.makes(folder) {
		return nil, makeWhole(folder, changes, done)
	}
	s, err := newSwap(folder, changes, done)
	if err == nil {
		err = s.commit(done)
	}
	if errors.Is(err, errNoExchange) || errors.Is(err, syscall.EXDEV) {
		p.weaker = append(p.weaker, fmt.Sprintf("%s: its files changed one after another, not in one instant: %v", folder, err))
		if err := os.RemoveAll(s.staged); err != nil {
			return nil, err
		}
		return nil, applyLoose(changes, done)
	}
	return s, err
}

// stage does all that can fail for want of space or permission: it makes the
// folder, or writes the file under a temporary name, which it returns.
func (c Change) stage(done *undoList) (temp string, err error) {
	switch {
	case c.Action == Adjust, c.Action == Remove:
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
		return "", fmt.Errorf("writing %s: %w", c.Path, err)
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
	case c.Action == Remove:
		return c.remove(done)
	case c.Dir:
		return nil
	}
	restore, err := c.keep(temp, done)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, c.Path); err != nil {
		return err
	}
	done.add(restore)
	return nil
}

// remove takes a file's name away; the file itself goes when all is done.
func (c Change) remove(done *undoList) error {
	gone := filepath.Join(c.folder(), strings.Replace(tempPattern, "*", "gone-"+filepath.Base(c.Path), 1))
	if err := os.Rename(c.Path, gone); err != nil {
		return err
	}
	done.kept = append(done.kept, gone)
	done.add(func() error { return os.Rename(gone, c.Path) })
	return nil
}

// keep gives what stands at the path a second name beside the temporary file.
// To put it back is then one rename, which a full disk cannot refuse. Where the
// file system knows no second names the contents are kept in memory.
func (c Change) keep(temp string, done *undoList) (restore func() error, err error) {
	if c.was == nil {
		return func() error { return os.Remove(c.Path) }, nil
	}
	kept := strings.TrimSuffix(temp, tempSuffix) + "-was" + tempSuffix
	err = os.Link(c.Path, kept)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EMLINK):
		return c.keepInMemory()
	case err != nil:
		return nil, err
	}
	done.kept = append(done.kept, kept)
	return func() error { return os.Rename(kept, c.Path) }, nil
}

// keepInMemory reads what stands at the path, to be written again if need be.
func (c Change) keepInMemory() (restore func() error, err error) {
	data, err := ReadFile(c.Path, MaxPEM)
	if err != nil {
		return nil, err
	}
	return func() error {
		back := Change{Action: Replace, Path: c.Path, Mode: c.was.mode, Owner: &c.was.owner, data: data}
		var scrap undoList
		temp, err := back.write(&scrap)
		if err != nil {
			return errors.Join(err, scrap.undo())
		}
		return os.Rename(temp, c.Path)
	}, nil
}

// makeFolder makes one folder. It has its mode from the start, as far as the umask
// lets it: a folder that is cut short before it has its owner is not mended later
// where a plan leaves the folders it finds as they are.
func (c Change) makeFolder() error {
	if c.adopted {
		return setOwnerMode(c.Path, c.Owner, c.Mode)
	}
	if err := os.Mkdir(c.Path, c.Mode.Perm()); err != nil {
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
	for _, folder := range p.swaps {
		if err := recoverSwaps(folder); err != nil {
			return err
		}
	}
	for folder := range p.folders() {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, entry := range entries {
			if !unfinished(entry.Name()) {
				continue
			}
			if err := removeIfThere(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// unfinished reports whether a name is that of a file under construction.
func unfinished(name string) bool {
	matched, _ := filepath.Match(tempPattern, name)
	return matched
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
type undoList struct {
	steps []func() error
	kept  []string // second names of files that were replaced
}

func (u *undoList) add(step func() error) { u.steps = append(u.steps, step) }

// undo takes the steps back, the last one first, and tells what it could not.
func (u *undoList) undo() error {
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		errs = append(errs, u.steps[i]())
	}
	return errors.Join(errs...)
}

// dropKept removes the second names that are left. What cannot be removed now is
// swept later: the change itself has been made, or taken back.
func (u *undoList) dropKept() {
	for _, name := range u.kept {
		os.Remove(name)
	}
}
