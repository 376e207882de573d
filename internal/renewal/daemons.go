package renewal

import (
	"context"
	"errors"

	"virtpki/internal/change"
	"virtpki/internal/reload"
	"virtpki/internal/termtext"
)

// nothingDue ends a run with nothing to renew. A daemon that serves something
// else than what is on disk, because a run was killed before the reload or was
// told to leave it alone, is made to read it now, as is a guest's VNC; so is one that
// answers nobody, because a run was killed in the middle of the reload.
func (r *renewal) nothingDue(ctx context.Context) error {
	r.end(Idle, nil)
	j := change.NewJob(r.m)
	daemons := r.reloader(j)
	serving, err := daemons.Serving(ctx)
	r.noteCustom(serving)
	stale := reload.Stale(serving)
	if r.o.DryRun {
		for _, d := range stale {
			r.report.Stale = append(r.report.Stale, termtext.Sprintf("%s serves another certificate than that in %s", d.Daemon.Name, d.Files.Cert))
		}
		return err
	}
	if err == nil && len(stale) > 0 {
		err = daemons.ReloadLocked(ctx)
	}
	guests := daemons.Guests(ctx, reload.Changed{}) // a daemon that answered nobody does so by now
	if guests != nil || len(j.Done)+len(j.Notes) > 0 {
		r.report.Outcome, r.report.Job = Renewed, j
	}
	return errors.Join(err, guests)
}

// noteCustom tells of a certificate that a daemon serves from a place of its own
// and that comes to its end: renew does not know who put it there.
func (r *renewal) noteCustom(serving []reload.Serving) {
	for _, d := range serving {
		if d.Files.Custom && !r.m.Now().Before(r.Window.CertificateOpens(d.OnDisk)) {
			r.report.Custom = append(r.report.Custom, termtext.Sprintf("%s serves %s, which ends on %s: a file of its own is not renewed here", d.Daemon.Daemon.Name, d.Files.Cert, termtext.Day(d.OnDisk.NotAfter)))
		}
	}
}
