package reload

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
)

// ErrNeedsRestart is the error for a daemon that reads its files again only after a restart.
var ErrNeedsRestart = errors.New("its configuration names files of its own, so it must be restarted to read them: a reload would switch it to the default files")

// restart restarts a daemon. One with files of its own cannot be reloaded: a reload would
// switch it to the default files and to their identity, and report success.
func (r *Reloader) restart(ctx context.Context, d running.Daemon) (running.Daemon, error) {
	if r.o.Restart == "" {
		return d, hint.With(ErrNeedsRestart, "restart it, or have this command do it with --restart-command")
	}
	again, err := r.bring(ctx, "restart", func(ctx context.Context) (running.Daemon, bool) {
		again, err := running.At(ctx, d.AdminSocket, r.m.Sysconfdir)
		return again, err == nil && (again.PID != d.PID || again.PID == 0)
	})
	if err != nil {
		r.down = append(r.down, d)
		return d, err
	}
	return again, nil
}

// Start starts a daemon that does not run, Restart command that restarts it, and verifies that
// it serves the certificate on disk.
func (r *Reloader) Start(ctx context.Context, d libvirt.Daemon) error {
	started, err := r.bring(ctx, "start", func(ctx context.Context) (running.Daemon, bool) {
		all, _ := running.Find(ctx, r.m.Root, r.m.Sysconfdir)
		for _, running := range all {
			if running.Daemon.Name == d.Name {
				return running, true
			}
		}
		return running.Daemon{}, false
	})
	if err == nil {
		err = r.prove(ctx, started)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	return nil
}

// How long a daemon may take to start, and how often it is looked for meanwhile.
const (
	bringTimeout = 30 * time.Second
	bringPause   = 100 * time.Millisecond
)

// bring runs the command that starts or restarts a daemon, and waits until look finds it and it
// responds. doing is the verb for the messages.
func (r *Reloader) bring(ctx context.Context, doing string, look func(context.Context) (running.Daemon, bool)) (running.Daemon, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", r.o.Restart)
	cmd.Stdout, cmd.Stderr = r.o.Output, r.o.Output
	if err := cmd.Run(); err != nil {
		return running.Daemon{}, fmt.Errorf("%sing it with %q: %w", doing, r.o.Restart, err)
	}
	ctx, cancel := context.WithTimeout(ctx, bringTimeout)
	defer cancel()
	for {
		if d, found := look(ctx); found && answers(ctx, d) {
			r.j.Did("%s was %sed", d.Daemon.Name, doing)
			return d, nil
		}
		select {
		case <-ctx.Done():
			return running.Daemon{}, fmt.Errorf("it did not respond within %v after %q", bringTimeout, r.o.Restart)
		case <-time.After(bringPause):
		}
	}
}

// answers reports whether a daemon already speaks TLS, if it is configured to.
func answers(ctx context.Context, d running.Daemon) bool {
	if d.Address == "" {
		return true
	}
	_, err := rpc.Probe(ctx, rpc.ProbeRequest{Address: d.Address})
	return !errors.Is(err, rpc.ErrNobodyListens)
}
