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

// Back is the way back from a change of the files that daemons read.
type Back struct {
	Pairs []libvirt.Layout // those of which the previous keys and certificates can be put back
	// Beside are the CA and the CRL as they were before the change: the contents, and nil
	// of a file that did not exist. A nil map leaves them as they are.
	Beside map[libvirt.File][]byte
}

// ProveOrRollBack is ReloadLocked after a change. When a daemon does not take what is on
// disk, the previous keys and certificates are put back and read again. Only where that does
// not help, what was beside them is put back too: a newer CRL is not given up for a pair. A
// daemon that waits for a restart has not refused anything: what is new stays.
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

// goBack goes back step by step until the daemons take what is on disk. It returns refused,
// which is why, with what was wrong on the way.
func (r *Reloader) goBack(ctx context.Context, back Back, refused error) error {
	again, err := stepBack(r.steps(back), func() error { return r.Reload(ctx) })
	if err != nil {
		return errors.Join(refused, fmt.Errorf("putting the files of before back: %w", err))
	}
	switch {
	case len(back.Pairs) > 0:
		for _, layout := range back.Pairs {
			r.j.Note("the files of before are back in %s", keypair.Held(layout))
		}
	case back.Beside != nil:
		r.j.Note("the files of before are back in %s", filepath.Dir(r.m.System().Path(libvirt.CACert)))
	}
	if again != nil && again.Error() == refused.Error() {
		return refused // what it refuses is something else than what has changed, and has been said
	}
	return errors.Join(refused, again)
}

// stepBack takes one step after another until try succeeds, and no further. It returns what
// the last try says; err is that of a step that could not be taken.
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

// steps are the steps back that there are, the first one first.
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

// rollBack puts the previous keys and certificates of some layouts back: of all of them or,
// when one fails, of none.
func (r *Reloader) rollBack(layouts []libvirt.Layout) error {
	for _, layout := range layouts {
		if err := keypair.CheckPrevious(r.m.Tree(), layout); err != nil {
			return err
		}
	}
	return rollBackAll(r.m.Tree(), layouts)
}

// putBack brings the files beside the pairs back.
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
