package reload

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// Back says how to undo a change of the files that daemons read.
type Back struct {
	Pairs []libvirt.Layout // layouts with previous keys and certificates that can be restored
	// Beside holds the contents of the CA file and the CRL before the change, nil for a file
	// that did not exist. A nil map leaves both files as they are.
	Beside map[libvirt.File][]byte
}

// ProveOrRollBack is ReloadLocked after a change. If a daemon does not accept the files on
// disk, it restores the previous keys and certificates and reloads again. Only if that does not
// help, it restores the CA file and the CRL too: a newer CRL is not given up because of a key
// pair. A daemon that waits for a restart has not refused anything, so the new files stay.
func (r *Reloader) ProveOrRollBack(ctx context.Context, back Back) error {
	if r.o.Leave {
		return nil
	}
	return change.Locked(ctx, r.m, r.m.System(), func() error {
		err := r.Reload(ctx)
		if err == nil || errors.Is(err, ErrNeedsRestart) {
			return err
		}
		return r.goBack(ctx, back, err)
	})
}

// goBack undoes the change step by step until the daemons accept the files on disk. It returns
// refused, the reason, joined with errors on the way.
func (r *Reloader) goBack(ctx context.Context, back Back, refused error) error {
	again, err := stepBack(r.steps(back), func() error { return r.Reload(ctx) })
	if err != nil {
		return errors.Join(refused, fmt.Errorf("restoring the previous files: %w", err))
	}
	switch {
	case len(back.Pairs) > 0:
		for _, layout := range back.Pairs {
			r.j.Note("the previous files are back in %s", keypair.Held(layout))
		}
	case back.Beside != nil:
		r.j.Note("the previous files are back in %s", filepath.Dir(r.m.System().Path(libvirt.CACert)))
	}
	if again != nil && again.Error() == refused.Error() {
		return refused // the daemon refuses something else than the change, and refused says so
	}
	return errors.Join(refused, again)
}

// stepBack takes one step after another until try succeeds. again is the error of the last try;
// err is that of a step that failed.
func stepBack(steps []func() error, try func() error) (again, err error) {
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
		if again = try(); again == nil {
			return nil, nil
		}
	}
	return again, nil
}

// steps returns the possible steps back, the first one first.
func (r *Reloader) steps(back Back) []func() error {
	var steps []func() error
	if len(back.Pairs) > 0 {
		steps = append(steps, func() error { return r.rollBack(back.Pairs) })
	}
	if back.Beside != nil {
		steps = append(steps, func() error { return putBack(r.m, back.Beside) })
	}
	return steps
}

// rollBack restores the previous keys and certificates of all these layouts or, if one fails,
// of none.
func (r *Reloader) rollBack(layouts []libvirt.Layout) error {
	for _, layout := range layouts {
		if err := keypair.CheckPrevious(r.m.Tree(), layout); err != nil {
			return err
		}
	}
	return rollBackAll(r.m.Tree(), layouts)
}

// putBack restores the CA file and the CRL.
func putBack(m *machine.Machine, beside map[libvirt.File][]byte) error {
	var plan store.Plan
	plan.In(m.Tree())
	for file, data := range beside {
		path, mode := m.System().Place(file)
		if data == nil {
			if err := plan.Remove(path); err != nil {
				return err
			}
			continue
		}
		if err := plan.Keep(path, data, mode, machine.Owner()); err != nil {
			return err
		}
	}
	return plan.Apply()
}
