package safedir

import "errors"

// UndoList holds what takes back each step done so far.
type UndoList struct {
	steps []func() error
	kept  []func() // second names of files that were replaced, and descriptors
}

func (u *UndoList) Add(step func() error) { u.steps = append(u.steps, step) }

func (u *UndoList) AtEnd(step func()) { u.kept = append(u.kept, step) }

// Undo takes the steps back, the last one first, and tells what it could not.
func (u *UndoList) Undo() error {
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		errs = append(errs, u.steps[i]())
	}
	return errors.Join(errs...)
}

// DropKept removes the second names that are left. What cannot be removed now is
// swept later: the change itself has been made, or taken back.
func (u *UndoList) DropKept() {
	for _, step := range u.kept {
		step()
	}
}
