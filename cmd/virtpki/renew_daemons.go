package main

import (
	"context"
	"errors"

	"virtpki/internal/change"
	"virtpki/internal/reload"
	"virtpki/internal/termtext"
)

// nothingDue ends a run with nothing to renew. A daemon that serves something
// else than what is on disk, because a run was killed before the reload or was
// told to leave it alone, is made to read it now, as is a guest's VNC; so is one that answers nobody,
// because a run was killed in the middle of the reload.
func (r *renewal) nothingDue(ctx context.Context) error {
	j := change.NewJob(r.g.Machine)
	daemons := r.reloader(j)
	serving, err := daemons.Serving(ctx)
	r.warnCustom(serving)
	stale := reload.Stale(serving)
	if err == nil && len(stale) > 0 && r.g.dryRun {
		for _, d := range stale {
			termtext.Fprintf(r.stdout, "%s serves another certificate than that in %s: would have it read again\n", d.Daemon.Name, d.Files.Cert)
		}
		return nil
	}
	if err == nil && len(stale) > 0 {
		err = daemons.ReloadLocked(ctx)
	}
	guests := r.staleGuests(ctx, j) // a daemon that answered nobody does so by now
	if guests != nil || len(j.Done)+len(j.Notes) > 0 {
		return r.tellWith(r.g, j, errors.Join(err, guests))
	}
	return errors.Join(r.tellNothing(), err)
}

// reloader deals with the daemons and guests here.
func (r *renewal) reloader(j *change.Job) *reload.Reloader {
	return reload.New(r.g.Machine, r.reloadOptions.request(r.env), j)
}

// warnCustom tells of a certificate that a daemon serves from a place of its own
// and that comes to its end: renew does not know who put it there.
func (r *renewal) warnCustom(serving []reload.Serving) {
	for _, d := range serving {
		if d.Files.Custom && !r.here.Now().Before(r.window.CertificateOpens(d.OnDisk)) {
			r.warn("%s serves %s, which ends on %s: a file of its own is not renewed here", d.Daemon.Daemon.Name, d.Files.Cert, termtext.Day(d.OnDisk.NotAfter))
		}
	}
}

// swapped reports whether a pair of the system was renewed.
func (r *renewal) swapped() bool {
	for _, in := range r.renewed {
		if in.system {
			return true
		}
	}
	return false
}
