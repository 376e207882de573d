package change

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// Options say how a run makes a change.
type Options struct {
	Lock   []string // directories that are locked meanwhile, in this order
	Since  string   // store.Tree.Marks of Lock when the first decide's facts were read; empty where it reads them itself
	DryRun bool     // only decide
	Track  *Tracker // nil if no signal interrupts the run
	// ReplaceLinks has files take the place of links, which is an error otherwise.
	ReplaceLinks bool
}

// Run decides what to do, and does it. It decides once without a lock, so that bad input leaves
// no trace and a run with nothing to do writes nothing. Then it takes the locks, decides again,
// and applies. decide is called twice and must reach the same result, so it takes keys from a
// keyring.
func Run(ctx context.Context, m *machine.Machine, o Options, decide func(*Job) error) (*Job, error) {
	before := o.Since
	if before == "" {
		before = m.Tree().Marks(o.Lock...)
	}
	j := o.job(m)
	if err := decide(j); err != nil {
		if !o.DryRun && (m.Tree().Interrupted(o.Lock...) || m.Tree().Marks(o.Lock...) != before) {
			return applyLocked(ctx, m, o, decide) // decide has seen the half-made changes of another run
		}
		return nil, err
	}
	if o.DryRun || len(j.Plan.Changes()) == 0 && !m.Tree().Interrupted(o.Lock...) {
		return j, nil
	}
	return applyLocked(ctx, m, o, decide)
}

// job begins a job with the options.
func (o Options) job(m *machine.Machine) *Job {
	j := NewJob(m)
	if o.ReplaceLinks {
		j.Plan.OverLinks()
	}
	return j
}

func applyLocked(ctx context.Context, m *machine.Machine, o Options, decide func(*Job) error) (*Job, error) {
	j := o.job(m)
	for i, folder := range o.Lock {
		lock, err := Lock(ctx, m, folder)
		if i > 0 && notOurs(err) {
			continue // a user's own CA: nothing is written there, or the write says so
		}
		if err != nil {
			return nil, err
		}
		defer lock.Release()
		j.Plan.Adopt(lock)
	}
	if err := decide(j); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, hint.ErrInterrupted
	}
	err := o.Track.Apply(&j.Plan)
	j.Notes = append(j.Notes, j.Plan.Weaker()...)
	return j, err
}

// Lock returns the lock of a directory, and warns if it has to wait for another run.
func Lock(ctx context.Context, m *machine.Machine, folder string) (*store.Lock, error) {
	return m.Tree().Acquire(ctx, folder, func() { m.Warn("waiting for another run to end (%s)", folder) })
}

// notOurs reports whether a lock could not be taken because this run may not
// write there.
func notOurs(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// Locked calls do while no other run changes a layout's files. If the lock cannot be written, no
// run can change them.
func Locked(ctx context.Context, m *machine.Machine, layout libvirt.Layout, do func() error) error {
	folder := layout.Top()
	lock, err := Lock(ctx, m, folder)
	switch {
	case notOurs(err):
		return do()
	case err != nil:
		return err
	}
	defer lock.Release()
	return do()
}
