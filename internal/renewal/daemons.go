package renewal

import (
	"context"
	"errors"

	"virtpki/internal/change"
	"virtpki/internal/reload"
	"virtpki/internal/termtext"
)

// nothingDue ends a run with nothing to renew. A daemon may serve other files than those on
// disk, because a run was killed before the reload or was told to leave the daemon alone: it is
// made to reload now, as is a guest's VNC. So is a daemon that does not respond, because a run
// was killed in the middle of the reload.
func (r *renewal) nothingDue(ctx context.Context) error {
	r.end(Idle, nil)
	j := change.NewJob(r.m)
	daemons := r.reloader(j)
	serving, err := daemons.Serving(ctx)
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
	guests := daemons.Guests(ctx, reload.Changed{}) // a daemon that did not respond does so by now
	if guests != nil || len(j.Done)+len(j.Notes)+len(j.Steps) > 0 {
		r.report.Outcome, r.report.Job = Renewed, j
	}
	return errors.Join(err, guests)
}
