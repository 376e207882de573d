package wizard

import (
	"context"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/generate"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
)

// Work is the result of the answers: the requests of the commands that do the same, checked.
type Work struct {
	Answers    *Answers
	Keys       *change.Keyring
	Passphrase []byte          // of the CA's key, as far as it is known
	Leaf       authority.Leaf  // of the certificates
	Host       *provision.Host // this one
	Deliveries []provision.Delivery
	Files      []generate.File // that run renew
	Note       string          // the step that is left before the files count
	Restart    string          // the command that starts the daemon again; empty: none
}

// Decide collects the decisions of the commands, one after the other, in one plan.
func (w *Work) Decide(j *change.Job) error {
	a, err := w.authority(j)
	if err != nil {
		return err
	}
	if err := w.Host.Decide(j, w.Keys, a); err != nil {
		return err
	}
	if len(w.Deliveries) > 0 {
		if err := a.Unlock(w.Keys); err != nil {
			return err
		}
	}
	for _, d := range w.Deliveries {
		if _, err := d.Fill(j, a, w.Keys, authority.Order{Leaf: w.Leaf, Now: w.Answers.Now()}); err != nil {
			return err
		}
	}
	return generate.Plan(j, w.Files, false, w.Note)
}

// authority is the CA that is there, or planned.
func (w *Work) authority(j *change.Job) (*authority.Authority, error) {
	if !w.Answers.Imports() {
		return w.Host.FindOrMakeCA(j, w.Keys)
	}
	w.Keys.Passphrase = w.Passphrase
	return w.Answers.Imported.Take(j, w.Answers.Machine, w.Keys)
}

// Running reports whether the daemon was running when the wizard looked.
func (w *Work) Running() bool { return w.Answers.Runs(w.Host.Daemon.Name) }

// Enforce makes the daemon use the files, as bootstrap does, and starts a stopped one if the
// user wants that.
func (w *Work) Enforce(ctx context.Context, r *reload.Reloader) error {
	if err := r.Settle(ctx); err != nil || w.Restart == "" || w.Running() {
		return err
	}
	return r.Start(ctx, w.Host.Daemon.Daemon)
}
