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

// Options say how daemons and guests are made to reload their files.
type Options struct {
	Restart string    // command that restarts a daemon if a reload is not enough; empty for none
	Leave   bool      // leave daemons and guests alone
	Output  io.Writer // where the command prints
}

// Daemons returns the daemons that run on a machine; none with the option Leave.
func (o Options) Daemons(ctx context.Context, m *machine.Machine) ([]running.Daemon, error) {
	if o.Leave {
		return nil, nil
	}
	daemons, err := running.Find(ctx, m.Root, m.Sysconfdir)
	if err != nil {
		return nil, hint.With(fmt.Errorf("asking the daemon here: %w", err), "run as root, or use --no-reload")
	}
	return daemons, nil
}

// Reloader makes the daemons and guests of a machine reload their files. It adds to a job the
// changes that it has made and the steps that are left to do.
type Reloader struct {
	m *machine.Machine
	o Options
	j *change.Job

	minded      []string // certificates of this run at paths that a daemon's configuration sets
	leaveSystem bool
	// down are the daemons that a failed restart has stopped, or may have.
	down []running.Daemon
}

// New returns a reloader for a machine that adds to j.
func New(m *machine.Machine, o Options, j *change.Job) *Reloader {
	return &Reloader{m: m, o: o, j: j}
}

// Mind makes [Reloader.Reload] restart a daemon that is configured to read this certificate,
// because the run has changed it, or may have. The path is as this process sees it.
func (r *Reloader) Mind(cert string) { r.minded = append(r.minded, filepath.Clean(cert)) }

// LeaveSystem makes [Reloader.Reload] skip the daemons that serve the system's certificate,
// because they cannot be made to serve the one on disk.
func (r *Reloader) LeaveSystem() { r.leaveSystem = true }

// Reload makes each daemon that serves the system's key and certificate reload them, and
// verifies that it serves them. A daemon with files of its own that [Reloader.Mind] has named
// is restarted if it serves another certificate.
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
			r.j.Note("%s serves files of its own (%s): it was not reloaded", d.Daemon.Name, d.Files.Cert)
		case d.Address != "" && served(ctx, d).Stale():
			errs = append(errs, r.refreshAndProve(ctx, d))
		}
	}
	errs = append(errs, r.startAgain(ctx, daemons))
	if len(daemons) == 0 && !r.o.Leave {
		r.j.Note("no daemon runs here: one that starts later uses the files on disk")
	}
	return errors.Join(errs...)
}

// startAgain starts the daemons that a restart with other files has stopped.
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

// refreshAndProve makes a daemon reload its files and verifies the result. The caller holds the
// lock: the file that it compares with must be the one that the daemon has read.
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

// Refresh makes a daemon reload its files, and returns the daemon as it runs then. It holds the
// lock, so that no other run replaces the files while the daemon reads: it would find a key
// beside another key's certificate.
func (r *Reloader) Refresh(ctx context.Context, d running.Daemon) (again running.Daemon, err error) {
	err = change.Locked(ctx, r.m, r.m.System(), func() error {
		again, err = r.refresh(ctx, d)
		return err
	})
	return again, err
}

// refresh is Refresh under a lock that the caller holds. It uses the daemon's admin interface
// if its files are the default ones, otherwise a restart. A daemon without a port for TLS has
// not read any files, and would return an error.
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
	r.j.Did("%s reloaded its TLS files", d.Daemon.Name)
	return d, nil
}

// Serving is a daemon that serves TLS, and the state of its certificate.
type Serving struct {
	running.Daemon
	State
}

// servedTimeout is the longest time that a healthy daemon needs for a handshake.
const servedTimeout = 5 * time.Second

// served is Served for a daemon that may not be healthy.
func served(ctx context.Context, d running.Daemon) State {
	ctx, cancel := context.WithTimeout(ctx, servedTimeout)
	defer cancel()
	return Served(ctx, d)
}

// Serving returns the daemons that serve a certificate which this run can read. A user who may
// not ask the daemons gets none.
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

// Stale returns the daemons that have to reload their files: a run was killed before it reached
// them, or in the middle of it.
func Stale(all []Serving) []running.Daemon {
	var stale []running.Daemon
	for _, d := range all {
		if d.State.Stale() {
			stale = append(stale, d.Daemon)
		}
	}
	return stale
}
