package safedir

import "errors"

// UndoList holds the steps that undo the work done so far.
type UndoList struct {
	steps []func() error
	kept  []func() // second names of files that were replaced, and descriptors
}

func (u *UndoList) Add(step func() error) { u.steps = append(u.steps, step) }

func (u *UndoList) AtEnd(step func()) { u.kept = append(u.kept, step) }

// Undo runs the steps, the last one first, and returns the errors of those that failed.
func (u *UndoList) Undo() error {
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		errs = append(errs, u.steps[i]())
	}
	return errors.Join(errs...)
}

// DropKept removes the second names that are left. The next sweep removes those that cannot be
// removed now: the change itself has been made, or undone.
func (u *UndoList) DropKept() {
	for _, step := range u.kept {
		step()
	}
}
