package reload

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"virtpki/internal/change"
	"virtpki/internal/inventory"
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
	DryRun bool // tell which files would be restored, and stop
}

// Rollback exchanges the live keys and certificates for the previous ones, makes the daemons
// and guests reload them, and verifies the result. Running it twice restores the current state.
// Without a job nothing was done.
func Rollback(ctx context.Context, m *machine.Machine, request RollbackRequest) (*change.Job, error) {
	all, err := previousOf(ctx, m, request.User)
	if err != nil {
		return nil, err
	}
	j := change.NewJob(m)
	if request.DryRun {
		for _, before := range all {
			held := keypair.Held(before.layout)
			j.Did("%s is in the place of %s%s", store.Previous(held), held, before.text)
		}
		return j, nil
	}
	r := New(m, request.Options, j)
	r.mindAll(all)
	err = change.Locked(ctx, m, lockedLayout(m, request.User), func() error {
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

// exchange restores the previous files of each layout, and adds that to the job.
func (r *Reloader) exchange(all []previous) error {
	var layouts []libvirt.Layout
	for _, before := range all {
		layouts = append(layouts, before.layout)
	}
	if err := rollBackAll(r.m.Tree(), layouts); err != nil {
		return err
	}
	for _, before := range all {
		r.j.Did("restored %s%s", keypair.Held(before.layout), before.text)
	}
	return nil
}

// rollBackAll restores the previous files of all layouts or, if one fails, of none: a copy for
// QEMU must not be older or newer than the files of libvirt.
func rollBackAll(t store.Tree, layouts []libvirt.Layout) error {
	for i, layout := range layouts {
		err := keypair.RollBack(t, layout)
		if err == nil {
			continue
		}
		for _, done := range slices.Backward(layouts[:i]) {
			err = errors.Join(err, keypair.RollBack(t, done))
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

// mindAll marks the layouts that daemons read at paths of their own, so that these daemons are
// restarted.
func (r *Reloader) mindAll(all []previous) {
	for _, before := range all {
		if path := before.layout.Path(libvirt.ServerCert); path != "" {
			r.Mind(path)
		}
	}
}

// lockedLayout returns the layout whose lock a rollback takes.
func lockedLayout(m *machine.Machine, user bool) libvirt.Layout {
	if layouts := m.Layouts(); user && len(layouts) > 1 {
		return layouts[1]
	}
	return m.System()
}

// previousOf lists the layouts that have previous keys and certificates, each directory once,
// and requires each to be complete. There must be at least one.
func previousOf(ctx context.Context, m *machine.Machine, user bool) ([]previous, error) {
	candidates := []libvirt.Layout{lockedLayout(m, user)}
	if !user {
		own, err := inventory.Of(ctx, m).OwnLayouts()
		if err != nil {
			return nil, err
		}
		candidates = append(append(candidates, libvirt.QEMU(m.Path(m.Sysconfdir))...), own...)
	}
	var found []previous
	seen := make(map[string]bool)
	for _, layout := range candidates {
		held := keypair.Held(layout)
		err := keypair.CheckPrevious(m.Tree(), layout)
		if err != nil && m.Tree().Exists(store.Previous(held)) {
			return nil, err
		}
		if err != nil || seen[held] {
			continue
		}
		seen[held] = true
		found = append(found, previous{layout, exchanged(m.Tree(), layout)})
	}
	if len(found) == 0 {
		return nil, keypair.CheckPrevious(m.Tree(), candidates[0])
	}
	return found, nil
}

// exchanged words the certificates that come back, and those that they replace: "; server:
// serial A until DAY, was serial B until DAY". A damaged certificate counts as none: damage is
// a reason for a rollback.
func exchanged(t store.Tree, layout libvirt.Layout) (text string) {
	for _, name := range layout.Roles() {
		role := pki.Role(name)
		back, live := keypair.PreviousPair(t, layout, role), keypair.New(t, layout, role)
		_ = errors.Join(back.ReadCert(), live.ReadCert())
		if back.Cert != nil || live.Cert != nil {
			text += fmt.Sprintf("; %s: %s, was %s", role, serialAndEnd(back.Cert), serialAndEnd(live.Cert))
		}
	}
	return text
}

// serialAndEnd words the serial and the expiry of a certificate, which distinguish it from
// others of its subject.
func serialAndEnd(cert *x509.Certificate) string {
	if cert == nil {
		return "none"
	}
	return fmt.Sprintf("serial %s until %s", store.SerialText(cert.SerialNumber), termtext.Day(cert.NotAfter))
}
