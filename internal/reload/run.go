package reload

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// Request asks for a reload without any other change.
type Request struct {
	Options
	Socket   string // admin socket of the daemon; empty for those that are found
	RollBack bool   // restore the previous files if the daemon does not accept those on disk
}

// Run makes all daemons and guests of a machine reload their files, and verifies the result.
// Without a job nothing was done.
func Run(ctx context.Context, m *machine.Machine, request Request) (*change.Job, error) {
	daemons, err := request.daemons(ctx, m)
	if err != nil {
		return nil, err
	}
	if len(daemons) == 0 {
		return nil, hint.With(errors.New("no daemon runs here"), "name its admin socket with --socket")
	}
	r := New(m, request.Options, change.NewJob(m))
	err = change.Locked(ctx, m, m.System(), func() error {
		err := r.all(ctx, daemons)
		if err == nil || !request.RollBack || errors.Is(err, ErrNeedsRestart) {
			return err
		}
		return errors.Join(err, r.tryPrevious(ctx, daemons))
	})
	return r.j, errors.Join(err, r.Guests(ctx, Changed{Any: true}))
}

// daemons returns the daemons found, or the one behind a socket.
func (r Request) daemons(ctx context.Context, m *machine.Machine) ([]running.Daemon, error) {
	if r.Socket == "" {
		return r.Daemons(ctx, m)
	}
	d, err := running.At(ctx, r.Socket, m.Sysconfdir)
	return []running.Daemon{d}, err
}

// all makes each of the daemons reload its files.
func (r *Reloader) all(ctx context.Context, daemons []running.Daemon) error {
	var errs []error
	for _, d := range daemons {
		errs = append(errs, r.refreshAndProve(ctx, d))
	}
	return errors.Join(errs...)
}

// tryPrevious restores the previous files and reloads again. If that does not help, the
// certificates are not the cause, and it restores the newer files too.
func (r *Reloader) tryPrevious(ctx context.Context, daemons []running.Daemon) error {
	layouts, err := r.layoutsOf(ctx, daemons)
	if err == nil {
		err = r.rollBack(layouts)
	}
	if err != nil {
		return fmt.Errorf("restoring the previous files: %w", err)
	}
	if err := r.all(ctx, daemons); err != nil {
		return rollBackAll(r.m.Tree(), layouts)
	}
	for _, layout := range layouts {
		held := keypair.Held(layout)
		r.j.Note("the previous files are back in %s; the files that the daemon refused are in %s", held, store.Previous(held))
	}
	return nil
}

// layoutsOf lists the layouts from which daemons read their keys and certificates, each
// directory once: the system's if none of them has paths of its own.
func (r *Reloader) layoutsOf(ctx context.Context, daemons []running.Daemon) ([]libvirt.Layout, error) {
	var layouts []libvirt.Layout
	seen := make(map[string]bool)
	own, err := inventory.Of(ctx, r.m).OwnLayouts()
	for _, layout := range own {
		reads := func(d running.Daemon) bool {
			return filepath.Join(d.Root, d.Files.Cert) == filepath.Clean(layout.Path(libvirt.ServerCert))
		}
		if held := keypair.Held(layout); !seen[held] && slices.ContainsFunc(daemons, reads) {
			seen[held] = true
			layouts = append(layouts, layout)
		}
	}
	if len(layouts) == 0 {
		layouts = append(layouts, r.m.System())
	}
	return layouts, err
}
