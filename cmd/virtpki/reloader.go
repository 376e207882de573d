package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"virtpki/dn"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
	"virtpki/internal/reload"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// reloadOptions say how the daemons here are made to read their files again.
type reloadOptions struct {
	restart  string
	noReload bool
}

func (o *reloadOptions) addFlags(cmd *cobra.Command) {
	o.addRestart(cmd)
	cmd.Flags().BoolVar(&o.noReload, "no-reload", false, "write the files and leave the daemons alone")
}

func (o *reloadOptions) addRestart(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.restart, "restart-command", "", "`command` that restarts a daemon which has files of its own and cannot re-read them")
	var values []string
	for _, name := range libvirt.DaemonNames() {
		values = append(values, "systemctl restart "+name)
	}
	completeFrom(cmd, "restart-command", values...)
}

// find lists the daemons that run below --root.
func (o *reloadOptions) find(ctx context.Context, m *machine.Machine) ([]running.Daemon, error) {
	if o.noReload {
		return nil, nil
	}
	daemons, err := running.Find(ctx, m.Root, m.Sysconfdir)
	if err != nil {
		return nil, hint.With(fmt.Errorf("asking the daemon here: %w", err), "run as root, or leave it alone with --no-reload")
	}
	return daemons, nil
}

// reloader has daemons read their files again, and proves it.
type reloader struct {
	e *env
	m *machine.Machine
	reloadOptions
	j *change.Job
}

// refresh has a daemon read its files again. No other run exchanges them while it
// reads, or it would find a key beside another key's certificate.
func (r reloader) refresh(ctx context.Context, d running.Daemon) (again running.Daemon, err error) {
	err = change.Locked(ctx, r.m, r.m.System(), func() error {
		again, err = r.refreshLocked(ctx, d)
		return err
	})
	return again, err
}

// refreshLocked has a daemon read its files again: by its admin interface when they
// are the default ones, else by a restart. It returns the daemon as it runs then.
// One that has no port for TLS has read none, and would answer with an error.
func (r reloader) refreshLocked(ctx context.Context, d running.Daemon) (running.Daemon, error) {
	if d.Address == "" {
		return d, nil
	}
	if d.Files.Custom {
		return r.restartOne(ctx, d)
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

// errNeedsRestart is a daemon that only a restart makes read its files again.
var errNeedsRestart = errors.New("its conf names files of its own, so it must be restarted to read them: a reload would switch it to the default files")

// restartTimeout is how long a daemon may take to come back.
const restartTimeout = 30 * time.Second

// restartOne restarts a daemon that has files of its own. A reload would switch
// it to the default files, identity and all, and report success.
func (r reloader) restartOne(ctx context.Context, d running.Daemon) (running.Daemon, error) {
	if r.restart == "" {
		return d, hint.With(errNeedsRestart, "restart it, or let this command do it with --restart-command")
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", r.restart)
	cmd.Stdout, cmd.Stderr = r.e.stderr, r.e.stderr
	if err := cmd.Run(); err != nil {
		return d, fmt.Errorf("restarting it with %q: %w", r.restart, err)
	}
	ctx, cancel := context.WithTimeout(ctx, restartTimeout)
	defer cancel()
	for {
		again, err := running.At(ctx, d.AdminSocket, r.m.Sysconfdir)
		if err == nil && (again.PID != d.PID || again.PID == 0) && answers(ctx, again) {
			r.j.Did("%s was restarted", d.Daemon.Name)
			return again, nil
		}
		select {
		case <-ctx.Done():
			return d, fmt.Errorf("it did not come back within %v of %q", restartTimeout, r.restart)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// answers reports whether a daemon speaks TLS already, if it is to.
func answers(ctx context.Context, d running.Daemon) bool {
	if d.Address == "" {
		return true
	}
	_, err := rpc.Probe(ctx, rpc.ProbeRequest{Address: d.Address})
	return !errors.Is(err, rpc.ErrNobodyListens)
}

// prove connects to a daemon and wants the certificate that is on disk; then,
// with the system's client pair, the byte by which libvirt lets a client in.
func (r reloader) prove(ctx context.Context, d running.Daemon, client *keypair.Pair) error {
	if d.Address == "" {
		r.j.Note("%s does not listen for TLS: there is nothing to prove", d.Daemon.Name)
		return nil
	}
	served, err := rpc.Probe(ctx, rpc.ProbeRequest{Address: d.Address})
	if served.Leaf() == nil {
		return fmt.Errorf("it serves no certificate: %w", err)
	}
	cert, err := reload.Served(d, served)
	if err != nil {
		return err
	}
	r.j.Did("%s serves what is in %s, until %s", d.Daemon.Name, d.Files.Cert, termtext.Day(cert.NotAfter))
	return r.proveClient(ctx, d, client)
}

// proveClient connects as this host's own client.
func (r reloader) proveClient(ctx context.Context, d running.Daemon, client *keypair.Pair) error {
	if client == nil || client.Cert == nil || client.Key == nil || client.Mismatch() != nil {
		return nil
	}
	request := rpc.ProbeRequest{Address: d.Address, Client: client.TLS()}
	_, err := rpc.Probe(ctx, request)
	switch {
	case err == nil:
		r.j.Did("%s lets %s in", d.Daemon.Name, subject.Of(client.Cert))
		return nil
	case errors.Is(err, rpc.ErrClientRefused) && listRefuses(d.Conf, subject.Of(client.Cert)):
		r.j.Note("%s: its %s does not let %s in", d.Daemon.Name, libvirt.AllowedDNs, subject.Of(client.Cert))
		return nil
	}
	return fmt.Errorf("it does not let %s in: %w", subject.Of(client.Cert), err)
}

// listRefuses reports whether a daemon's list keeps a client out.
func listRefuses(file *conf.File, name string) bool {
	list, ok := file.Lookup(libvirt.AllowedDNs)
	if !ok {
		return false
	}
	_, in := dn.Compile(list.List(), dn.Glob).Match(name)
	return !in
}

// systemClient is the client pair that is installed for the system, if there is
// a whole one.
func systemClient(m *machine.Machine) *keypair.Pair {
	p, err := keypair.Load(m.Tree(), m.System(), pki.Client)
	if err != nil {
		return nil
	}
	return p
}

const reloadHelp = `Have the daemon here read its TLS files again, and prove it: connect, compare the
certificate that it serves with the one on disk, and read the byte by which
libvirt lets a client in.

A daemon on the default files re-reads them by its admin interface; connections
stay. One whose conf names files of its own must be restarted: a reload would
switch it to the default ones and report success. Guests that run read VNC's
files again.`

func newReload(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	var socket string
	var rollback bool
	cmd := &cobra.Command{
		Use:     "reload",
		Short:   "Have the daemon read its files again, and prove it",
		Long:    help(reloadHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki reload\n  virtpki reload --restart-command 'systemctl restart libvirtd'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.reload(cmd.Context(), g, o, socket, rollback)
		},
	}
	o.addRestart(cmd)
	cmd.Flags().StringVar(&socket, "socket", "", "admin `socket` of the daemon (default: found)")
	cmd.Flags().BoolVar(&rollback, "rollback", false, "where the daemon does not take the files, put the generation before back")
	cmd.MarkFlagFilename("socket")
	return cmd
}

func (e *env) reload(ctx context.Context, g *globals, o *reloadOptions, socket string, rollback bool) error {
	daemons, err := o.daemons(ctx, g.Machine, socket)
	if err != nil {
		return err
	}
	if len(daemons) == 0 {
		return hint.With(errors.New("no daemon runs here"), "name its admin socket with --socket")
	}
	j := &change.Job{}
	r := reloader{e, g.Machine, *o, j}
	all := func() error {
		var errs []error
		for _, d := range daemons {
			errs = append(errs, r.refreshAndProve(ctx, d, systemClient(g.Machine)))
		}
		return errors.Join(errs...)
	}
	err = change.Locked(ctx, g.Machine, g.System(), func() error {
		err := all()
		if err == nil || !rollback || errors.Is(err, errNeedsRestart) {
			return err
		}
		return errors.Join(err, r.goBack(all))
	})
	return e.tellWith(g, j, errors.Join(err, e.refreshGuests(ctx, g.Machine, *o, j)))
}

// goBack puts the generation before back and reloads again. Where that does not
// help either, what was there is put back too: it is something else then.
func (r reloader) goBack(again func() error) error {
	folder := r.m.System().PairFolder()
	err := keypair.CheckPrevious(r.m.Tree(), r.m.System())
	if err == nil {
		err = r.m.Tree().Rollback(folder)
	}
	if err != nil {
		return fmt.Errorf("putting the files of before back: %w", err)
	}
	if err := again(); err != nil {
		return r.m.Tree().Rollback(folder)
	}
	r.j.Note("the files of before are back in %s; what the daemon did not take is in %s", folder, store.Previous(folder))
	return nil
}

// tellWith is tell for a command that goes on after an error. Where there is
// nothing but the error it says no more.
func (e *env) tellWith(g *globals, j *change.Job, err error) error {
	if err != nil && !g.json && len(j.Plan.Changes())+len(j.Done)+len(j.Notes) == 0 {
		return err
	}
	return errors.Join(e.tell(g, j), err)
}

// daemons are those found, or the one behind a socket.
func (o *reloadOptions) daemons(ctx context.Context, m *machine.Machine, socket string) ([]running.Daemon, error) {
	if socket == "" {
		return o.find(ctx, m)
	}
	d, err := running.At(ctx, socket, m.Sysconfdir)
	return []running.Daemon{d}, err
}

// refreshAndProve has a daemon read its files again and proves it, under a lock
// that the caller holds: the file that it compares with must be the one that the
// daemon has read.
func (r reloader) refreshAndProve(ctx context.Context, d running.Daemon, client *keypair.Pair) error {
	d, err := r.refreshLocked(ctx, d)
	if err == nil {
		err = r.prove(ctx, d, client)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.Daemon.Name, err)
	}
	return nil
}
