package reload

import (
	"context"
	"errors"
	"fmt"

	"virtpki/internal/change"
	"virtpki/internal/libvirt/running"
)

// Settle makes the daemons of this machine use the files and the configuration now on disk. It
// runs at the end of a command, even if the job has not changed anything, and finishes the work
// of a run that was killed. A daemon that serves another certificate is reloaded. A daemon with
// a configuration newer than its process is restarted.
func (r *Reloader) Settle(ctx context.Context) error {
	if !r.m.Live() {
		return nil
	}
	daemons, err := r.o.Daemons(ctx, r.m)
	if err != nil {
		return err
	}
	changed := len(r.j.Plan.Changes()) > 0
	var errs []error
	for _, d := range daemons {
		if err := r.settleOne(ctx, d, changed); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.Daemon.Name, err))
		}
	}
	return errors.Join(errs...)
}

// settleOne updates a daemon, unless it is in order.
func (r *Reloader) settleOne(ctx context.Context, d running.Daemon, changed bool) error {
	switch {
	case d.ConfChanged && r.o.Restart == "":
		if !changed {
			r.j.Next("restart %s: its configuration has changed since it started", d.Daemon.Name)
		}
		return nil
	case !d.ConfChanged && (d.Address == "" || !changed && !served(ctx, d).Stale()):
		return nil
	}
	return change.Locked(ctx, r.m, r.m.System(), func() error { return r.catchUp(ctx, d) })
}

// catchUp makes a daemon use the files on disk, and verifies the result. The caller holds the
// lock.
func (r *Reloader) catchUp(ctx context.Context, d running.Daemon) (err error) {
	if d.ConfChanged {
		d, err = r.restart(ctx, d)
	} else {
		d, err = r.refresh(ctx, d)
	}
	if err != nil {
		return err
	}
	return r.prove(ctx, d)
}

// ReloadLocked is Reload while no other run changes the files.
func (r *Reloader) ReloadLocked(ctx context.Context) error {
	return change.Locked(ctx, r.m, r.m.System(), func() error { return r.Reload(ctx) })
}
