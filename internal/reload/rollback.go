package reload

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// RollbackRequest asks for the keys and certificates before the last renewal.
type RollbackRequest struct {
	Options
	User   bool // those in the user's directory, which no daemon reads
	DryRun bool // tell what would come back, and stop
}

// Rollback exchanges the live keys and certificates for the previous ones, makes the daemons
// and guests read them, and proves it. Running it twice restores the current state. Without
// a job nothing was done.
func Rollback(ctx context.Context, m *machine.Machine, request RollbackRequest) (*change.Job, error) {
	all, err := previousOf(m, request.User)
	if err != nil {
		return nil, err
	}
	j := change.NewJob(m)
	if request.DryRun {
		for _, before := range all {
			j.Did("%s is in the place of %s%s", store.Previous(before.layout.PairFolder()), before.layout.PairFolder(), before.text)
		}
		return j, nil
	}
	r := New(m, request.Options, j)
	err = change.Locked(ctx, m, all[0].layout, func() error {
		if err := r.exchange(all); err != nil || request.User {
			return err
		}
		return r.Reload(ctx)
	})
	if !request.User && len(j.Done) > 0 {
		err = errors.Join(err, r.Guests(ctx, Changed{Any: true}))
	}
	return j, err
}

// exchange brings the previous files of each layout back, and tells it.
func (r *Reloader) exchange(all []previous) error {
	if err := exchangeAll(r.m.Tree(), all); err != nil {
		return err
	}
	for _, before := range all {
		r.j.Did("%s is as it was before%s", before.layout.PairFolder(), before.text)
	}
	return nil
}

// exchangeAll brings the previous files of each layout back: all of them or, when one fails,
// none. A copy for QEMU that is not of libvirt's time would not follow it any more.
func exchangeAll(t store.Tree, all []previous) error {
	for i, before := range all {
		err := t.Rollback(before.layout.PairFolder())
		if err == nil {
			continue
		}
		for _, done := range slices.Backward(all[:i]) {
			err = errors.Join(err, t.Rollback(done.layout.PairFolder()))
		}
		return err
	}
	return nil
}

// previous is a layout that has previous keys and certificates.
type previous struct {
	layout libvirt.Layout
	text   string // see exchanged
}

// previousOf lists the layouts that have previous keys and certificates, and wants each to
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
