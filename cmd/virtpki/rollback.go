package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

const rollbackHelp = `Put the generation of keys and certificates before the last renewal back, in one
instant, have the daemon read it, and prove it. Done twice, it is as before;
--dry-run tells between which certificates.

The system's pairs are meant, QEMU's too, with --user the user's own. CA and CRL
stay as they are: what was revoked stays so.`

func newRollback(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	var user bool
	cmd := &cobra.Command{
		Use:     "rollback",
		Short:   "Put the generation before the last renewal back",
		Long:    help(rollbackHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki rollback\n  virtpki rollback --dry-run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.rollback(cmd.Context(), g, o, user)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&user, "user", false, "roll the pairs in ~/.pki/libvirt back")
	g.addDryRun(cmd)
	return cmd
}

func (e *env) rollback(ctx context.Context, g *globals, o *reloadOptions, user bool) error {
	generations, err := previousOf(g.Machine, user)
	if err != nil {
		return err
	}
	j := change.NewJob(g.Machine)
	if g.dryRun {
		for _, before := range generations {
			j.Did("%s is in the place of %s%s", store.Previous(before.layout.PairFolder()), before.layout.PairFolder(), before.text)
		}
		return e.tell(g, j)
	}
	err = change.Locked(ctx, g.Machine, generations[0].layout, func() error {
		if err := exchangeAll(g.Tree(), generations); err != nil {
			return err
		}
		for _, before := range generations {
			j.Did("%s is as it was before%s", before.layout.PairFolder(), before.text)
		}
		if user {
			return nil
		}
		return e.reloadSystem(ctx, g.Machine, o, j)
	})
	if !user && len(j.Done) > 0 {
		err = errors.Join(err, e.refreshGuests(ctx, g.Machine, *o, j))
	}
	return e.tellWith(g, j, err)
}

// exchangeAll brings each generation before back: all of them or, when one fails,
// none. A copy for QEMU that is not of libvirt's time would not follow it any more.
func exchangeAll(t store.Tree, generations []previous) error {
	for i, before := range generations {
		err := t.Rollback(before.layout.PairFolder())
		if err == nil {
			continue
		}
		for _, done := range slices.Backward(generations[:i]) {
			err = errors.Join(err, t.Rollback(done.layout.PairFolder()))
		}
		return err
	}
	return nil
}

// previous is the generation before of a layout.
type previous struct {
	layout libvirt.Layout
	text   string // see exchanged
}

// previousOf lists the layouts that have a generation before, and wants each to
// be whole.
func previousOf(m *machine.Machine, user bool) ([]previous, error) {
	candidates := append([]libvirt.Layout{m.System()}, libvirt.QEMU(m.Path(m.Sysconfdir))...)
	if layouts := m.Layouts(); user && len(layouts) > 1 {
		candidates = layouts[1:]
	}
	var found []previous
	for i, layout := range candidates {
		if i > 0 && !m.Tree().Exists(store.Previous(layout.PairFolder())) {
			continue
		}
		if err := keypair.CheckPrevious(m.Tree(), layout); err != nil {
			return nil, err
		}
		found = append(found, previous{layout, exchanged(m.Tree(), layout)})
	}
	return found, nil
}

// exchanged tells the certificates that come back, and those that go: "; server:
// serial A until DAY, was serial B until DAY". What is damaged is told as none: it
// is what a rollback is for.
func exchanged(t store.Tree, layout libvirt.Layout) (text string) {
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		back, live := keypair.PreviousPair(t, layout, role), keypair.New(t, layout, role)
		_ = errors.Join(back.ReadCert(), live.ReadCert())
		if back.Cert != nil || live.Cert != nil {
			text += fmt.Sprintf("; %s: %s, was %s", role, serialAndEnd(back.Cert), serialAndEnd(live.Cert))
		}
	}
	return text
}

// serialAndEnd tells one certificate of a subject from another.
func serialAndEnd(cert *x509.Certificate) string {
	if cert == nil {
		return "none"
	}
	return fmt.Sprintf("serial %s until %s", store.SerialText(cert.SerialNumber), termtext.Day(cert.NotAfter))
}

// reloadSystem has each daemon that serves the system's pair read it, and proves
// that it does.
func (e *env) reloadSystem(ctx context.Context, m *machine.Machine, o *reloadOptions, j *change.Job) error {
	daemons, err := o.find(ctx, m)
	if err != nil {
		return err
	}
	r := reloader{e, m, *o, j}
	var errs []error
	for _, d := range daemons {
		if filepath.Join(d.Root, d.Files.Cert) != filepath.Clean(m.System().Path(libvirt.ServerCert)) {
			j.Note("%s serves files of its own (%s): it was left alone", d.Daemon.Name, d.Files.Cert)
			continue
		}
		errs = append(errs, r.refreshAndProve(ctx, d, systemClient(m)))
	}
	if len(daemons) == 0 && !o.noReload {
		j.Note("no daemon runs here: what is on disk counts when one starts")
	}
	return errors.Join(errs...)
}

// proveOrRollBack reloads after pairs have changed. When the daemon does not take
// what is on disk, the generation before is put back and read again. Only where
// that does not help, what was beside the pairs is put back too, the CA and the CRL
// as far as beside has them: a newer CRL is not given up for a pair. A daemon that
// waits for a restart has not refused anything: what is new stays.
func (e *env) proveOrRollBack(ctx context.Context, m *machine.Machine, o *reloadOptions, j *change.Job, swapped bool, beside map[libvirt.File][]byte) error {
	if o.noReload {
		return nil
	}
	return change.Locked(ctx, m, m.System(), func() error { return e.proveOrExchange(ctx, m, o, j, swapped, beside) })
}

func (e *env) proveOrExchange(ctx context.Context, m *machine.Machine, o *reloadOptions, j *change.Job, swapped bool, beside map[libvirt.File][]byte) error {
	err := e.reloadSystem(ctx, m, o, j)
	if err == nil || errors.Is(err, errNeedsRestart) {
		return err
	}
	var again error
	for _, back := range []func() error{backTo(swapped, rollBack(m.Tree(), m.System())), backTo(beside != nil, putBack(m.Tree(), m.System(), beside))} {
		if back == nil {
			continue
		}
		if backErr := back(); backErr != nil {
			return errors.Join(err, fmt.Errorf("putting the files of before back: %w", backErr))
		}
		if again = e.reloadSystem(ctx, m, o, j); again == nil {
			break
		}
	}
	switch {
	case swapped:
		j.Note("the files of before are back in %s", m.System().PairFolder())
	case beside != nil:
		j.Note("the files of before are back in %s", filepath.Dir(m.System().Path(libvirt.CACert)))
	}
	if again != nil && again.Error() == err.Error() {
		return err // what it refuses is something else than what has changed, and has been said
	}
	return errors.Join(err, again)
}

// backTo is a step back, nil where there is nothing to go back to.
func backTo(possible bool, step func() error) func() error {
	if !possible {
		return nil
	}
	return step
}

// rollBack brings the generation before back.
func rollBack(t store.Tree, layout libvirt.Layout) func() error {
	return func() error {
		if err := keypair.CheckPrevious(t, layout); err != nil {
			return err
		}
		return t.Rollback(layout.PairFolder())
	}
}

// putBack brings the files beside the pairs back.
func putBack(t store.Tree, layout libvirt.Layout, beside map[libvirt.File][]byte) func() error {
	return func() error {
		var plan store.Plan
		plan.In(t)
		for file, data := range beside {
			path, mode := layout.Place(file)
			state := func() error { return plan.Keep(path, data, mode, machine.Owner()) }
			if data == nil {
				state = func() error { return plan.Remove(path) }
			}
			if err := state(); err != nil {
				return err
			}
		}
		return plan.Apply()
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
