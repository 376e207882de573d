package main

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// nothingDue ends a run with nothing to renew. A daemon that serves something
// else than what is on disk, because a run was killed before the reload or was
// told to leave it alone, is made to read it now, as is a guest's VNC; so is one that answers nobody,
// because a run was killed in the middle of the reload.
func (r *renewal) nothingDue(ctx context.Context) error {
	stale, err := r.staleDaemons(ctx, r.g.Machine, &r.reloadOptions, r.warnCustom)
	if err == nil && len(stale) > 0 && r.g.dryRun {
		for _, d := range stale {
			termtext.Fprintf(r.stdout, "%s serves another certificate than that in %s: would have it read again\n", d.Daemon.Name, d.Files.Cert)
		}
		return nil
	}
	j := change.NewJob(r.g.Machine)
	if err == nil && len(stale) > 0 {
		err = change.Locked(ctx, r.g.Machine, r.g.System(), func() error { return r.reloadSystem(ctx, r.g.Machine, &r.reloadOptions, j) })
	}
	guests := r.staleGuests(ctx, j) // a daemon that answered nobody does so by now
	if guests != nil || len(j.Done)+len(j.Notes) > 0 {
		return r.tellWith(r.g, j, errors.Join(err, guests))
	}
	return errors.Join(r.tellNothing(), err)
}

// wakeStale has the daemons read their files again that serve something else than
// what is on disk: a run was killed before it came to that.
func (e *env) wakeStale(ctx context.Context, m *machine.Machine, o *reloadOptions, j *change.Job) error {
	stale, err := e.staleDaemons(ctx, m, o, func(running.Daemon, *x509.Certificate) {})
	if err != nil || len(stale) == 0 {
		return err
	}
	return change.Locked(ctx, m, m.System(), func() error { return e.reloadSystem(ctx, m, o, j) })
}

// staleDaemons are those that serve the system's pair, and another one than is on
// disk. custom is told of those that serve files of their own. Who may not ask
// them is not told of any.
func (e *env) staleDaemons(ctx context.Context, m *machine.Machine, o *reloadOptions, custom func(running.Daemon, *x509.Certificate)) ([]running.Daemon, error) {
	if o.noReload {
		return nil, nil
	}
	daemons, err := running.Find(ctx, m.Root, m.Sysconfdir)
	var stale []running.Daemon
	for _, d := range daemons {
		certs, readErr := keypair.ReadCerts(store.At(d.Root), filepath.Join(d.Root, d.Files.Cert))
		if d.Address == "" || readErr != nil {
			continue
		}
		if d.Files.Custom {
			custom(d, certs[0])
		}
		if served := e.served(ctx, d); served == nil || !served.Equal(certs[0]) {
			stale = append(stale, d)
		}
	}
	if errors.Is(err, rpc.ErrNobodyListens) || errors.Is(err, fs.ErrPermission) {
		err = nil
	}
	return stale, err
}

// servedTimeout is how long a daemon that is well needs at most for a handshake.
const servedTimeout = 5 * time.Second

// served is the certificate that a daemon serves; nil when it does not answer.
func (e *env) served(ctx context.Context, d running.Daemon) *x509.Certificate {
	ctx, cancel := context.WithTimeout(ctx, servedTimeout)
	defer cancel()
	result, _ := rpc.Probe(ctx, rpc.ProbeRequest{Address: d.Address})
	return result.Leaf()
}

// warnCustom tells of a certificate that a daemon serves from a place of its own
// and that comes to its end: renew does not know who put it there.
func (r *renewal) warnCustom(d running.Daemon, cert *x509.Certificate) {
	if !r.here.Now().Before(r.window.CertificateOpens(cert)) {
		r.warn("%s serves %s, which ends on %s: a file of its own is not renewed here", d.Daemon.Name, d.Files.Cert, termtext.Day(cert.NotAfter))
	}
}
