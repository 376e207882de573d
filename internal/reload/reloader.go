package reload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
)

// Options say how daemons and guests are made to read their files again.
type Options struct {
	Restart string    // command that restarts a daemon where a reload is not enough; empty for none
	Leave   bool      // leave daemons and guests alone
	Output  io.Writer // where the command prints
}

// Daemons returns the daemons that run on a machine; none where they are to be left alone.
func (o Options) Daemons(ctx context.Context, m *machine.Machine) ([]running.Daemon, error) {
	if o.Leave {
		return nil, nil
	}
	daemons, err := running.Find(ctx, m.Root, m.Sysconfdir)
	if err != nil {
		return nil, hint.With(fmt.Errorf("asking the daemon here: %w", err), "run as root, or leave it alone with --no-reload")
	}
	return daemons, nil
}

// Reloader makes the daemons and guests of a machine read their files again. It adds to a
// job what it has done, and what is left to do.
type Reloader struct {
	m *machine.Machine
	o Options
	j *change.Job

	minded      []string // certificates at paths of a daemon's own that are ours
	leaveSystem bool
	// down are the daemons that a restart has brought down, or may have.
	down []running.Daemon
}

// New returns a reloader for a machine that adds to j.
func New(m *machine.Machine, o Options, j *change.Job) *Reloader {
	return &Reloader{m: m, o: o, j: j}
}

// Mind has [Reloader.Reload] look after a daemon that reads a certificate of its own: the
// run has changed that, or may have. The path is as this process sees it.
func (r *Reloader) Mind(cert string) { r.minded = append(r.minded, filepath.Clean(cert)) }

// LeaveSystem has [Reloader.Reload] leave the daemons alone that serve the system's pair:
// it is one that they could not be made to serve.
func (r *Reloader) LeaveSystem() { r.leaveSystem = true }

// Reload makes each daemon that serves the system's key and certificate read them again, and
// proves that it serves them. A daemon with files of its own that are minded is restarted
// where it serves others.
func (r *Reloader) Reload(ctx context.Context) error {
	daemons, err := r.o.Daemons(ctx, r.m)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range daemons {
		cert := filepath.Join(d.Root, d.Files.Cert)
		switch {
		case cert == filepath.Clean(r.m.System().Path(libvirt.ServerCert)):
			if !r.leaveSystem {
				errs = append(errs, r.refreshAndProve(ctx, d))
			}
		case !slices.Contains(r.minded, cert):
			r.j.Note("%s serves files of its own (%s): it was left alone", d.Daemon.Name, d.Files.Cert)
		case d.Address != "" && served(ctx, d).Stale():
			errs = append(errs, r.refreshAndProve(ctx, d))
		}
	}
	errs = append(errs, r.startAgain(ctx, daemons))
	if len(daemons) == 0 && !r.o.Leave {
		r.j.Note("no daemon runs here: what is on disk counts when one starts")
	}
	return errors.Join(errs...)
}

// startAgain starts the daemons that a restart with other files has brought down.
func (r *Reloader) startAgain(ctx context.Context, running []running.Daemon) error {
	var errs []error
	for _, d := range r.down {
		if slices.ContainsFunc(running, sameDaemon(d)) {
			continue
		}
		errs = append(errs, r.Start(ctx, d.Daemon))
	}
	return errors.Join(errs...)
}

func sameDaemon(d running.Daemon) func(running.Daemon) bool {
	return func(other running.Daemon) bool { return other.AdminSocket == d.AdminSocket }
}

// refreshAndProve has a daemon read its files again and proves it, under a lock
// that the caller holds: the file that it compares with must be the one that the
// daemon has read.
func (r *Reloader) refreshAndProve(ctx context.Context, d running.Daemon) error {
	d, err := r.refresh(ctx, d)
	if err == nil {
		err = r.prove(ctx, d)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.Daemon.Name, err)
	}
	return nil
}

// Refresh makes a daemon read its files again, and returns it as it runs then. No other run
// exchanges them while it reads, or it would find a key beside another key's certificate.
func (r *Reloader) Refresh(ctx context.Context, d running.Daemon) (again running.Daemon, err error) {
	err = change.Locked(ctx, r.m, r.m.System(), func() error {
		again, err = r.refresh(ctx, d)
		return err
	})
	return again, err
}

// refresh is Refresh under a lock that the caller holds: by the daemon's admin interface
// when its files are the default ones, else by a restart. One that has no port for TLS has
// read none, and would answer with an error.
func (r *Reloader) refresh(ctx context.Context, d running.Daemon) (running.Daemon, error) {
	if d.Address == "" {
		return d, nil
	}
	if d.Files.Custom {
		return r.restart(ctx, d)
	}
	admin, err := rpc.DialAdmin(ctx, d.AdminSocket)
	if err != nil {
		return d, err
	}
	defer admin.Close()
	if err := admin.UpdateTLS(ctx, d.Daemon.Name); err != nil {
		return d, err
	}
	r.j.Did("%s has read its files again", d.Daemon.Name)
	return d, nil
}

// Serving is a daemon that serves TLS, and the state of its certificate.
type Serving struct {
	running.Daemon
	State
}

// servedTimeout is how long a daemon that is well needs at most for a handshake.
const servedTimeout = 5 * time.Second

// served is Served of a daemon that need not be well.
func served(ctx context.Context, d running.Daemon) State {
	ctx, cancel := context.WithTimeout(ctx, servedTimeout)
	defer cancel()
	return Served(ctx, d)
}

// Serving returns the daemons that serve a certificate which this run can read. Whoever may
// not ask them learns of none.
func (r *Reloader) Serving(ctx context.Context) ([]Serving, error) {
	if r.o.Leave {
		return nil, nil
	}
	daemons, err := running.Find(ctx, r.m.Root, r.m.Sysconfdir)
	var all []Serving
	for _, d := range daemons {
		if d.Address == "" {
			continue
		}
		if state := served(ctx, d); state.OnDisk != nil {
			all = append(all, Serving{d, state})
		}
	}
	if errors.Is(err, rpc.ErrNobodyListens) || errors.Is(err, fs.ErrPermission) {
		err = nil
	}
	return all, err
}

// Stale returns those of the daemons that have to read their files again: a run was killed
// before it came to that, or in the middle of it.
func Stale(all []Serving) []running.Daemon {
	var stale []running.Daemon
	for _, d := range all {
		if d.State.Stale() {
			stale = append(stale, d.Daemon)
		}
	}
	return stale
}
