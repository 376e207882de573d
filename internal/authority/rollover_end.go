package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// underWay reads the CA, and returns an error if it is not in a rollover.
func underWay(m *machine.Machine) (*Authority, error) {
	a, _, err := Read(m)
	if err == nil && a.Rollover == nil {
		err = hint.With(errNoRollover, "start one with: virtpki %sca rollover start", m.Flags())
	}
	return a, err
}

// errNoRollover says that a CA has one generation.
var errNoRollover = errors.New("no rollover is in progress")

// PlanFinish plans the end of a rollover: the new generation becomes the only one. It refuses that
// while the old one is needed. With force it ignores certificates elsewhere that need it.
func PlanFinish(j *change.Job, m *machine.Machine, keys *change.Keyring, force bool) error {
	a, err := underWay(m)
	if err != nil {
		return err
	}
	if m.Now().Before(a.Rollover.Switch) {
		return hint.With(fmt.Errorf("the old CA signs until %s", termtext.Instant(a.Rollover.Switch)), "virtpki ca rollover abort cancels the rollover")
	}
	if err := nothingNeedsOld(a, m, force); err != nil {
		return err
	}
	if err := a.Unlock(keys); err != nil {
		return err
	}
	return succession{a, m, j}.finish()
}

// finish works in an order that leaves a working CA when the run is killed: first the key, then the
// trusted certificates.
func (s succession) finish() error {
	old := s.a.byKeyID(s.a.Rollover.Old)
	newKey, err := machine.ReadIfThere(s.m.Tree(), s.a.Layout.Path(libvirt.CANextKey))
	if err != nil {
		return err
	}
	if newKey != nil { // else a run that was killed has been here
		if err := s.takeKey(s.a.Rollover.Old, newKey); err != nil {
			return err
		}
	}
	return hint.First(s.without(old), s.drop())
}

// without removes one generation, and its list, from the CAs that this machine trusts.
func (s succession) without(gone *x509.Certificate) error {
	if gone == nil {
		return nil
	}
	bundle := slices.DeleteFunc(slices.Clone(s.a.Certificates), gone.Equal)
	// Its list is kept before it goes: a kill in between must not lose it.
	if err := hint.First(s.retire(gone), s.trust(bundle)); err != nil {
		return err
	}
	places, err := s.crls().places()
	if err != nil {
		return err
	}
	for _, path := range places {
		if err := s.crls().without(path, gone); err != nil {
			return err
		}
	}
	s.j.Did("%s is no longer trusted here", subject.Of(gone))
	s.j.Next("give %s and %s to every host and client", s.a.Layout.Path(libvirt.CACert), s.a.Layout.Path(libvirt.CACRL))
	return nil
}

// leftByRollover reports whether files of a rollover exist. If there is no rollover, a start or an
// abort was interrupted.
func leftByRollover(a *Authority) bool {
	return a.Tree.Exists(a.Layout.Path(libvirt.CANextKey)) || a.Tree.Exists(a.Layout.Path(libvirt.CARollover))
}

// drop plans to remove the files of a rollover.
func (s succession) drop() error {
	return hint.First(s.j.Plan.Remove(s.a.Layout.Path(libvirt.CANextKey)), s.j.Plan.Remove(s.a.Layout.Path(libvirt.CARollover)))
}

// PlanAbort plans to undo the start of a rollover. It refuses that once the new generation has
// signed a certificate that is still live.
func PlanAbort(j *change.Job, m *machine.Machine) error {
	a, err := underWay(m)
	if errors.Is(err, errNoRollover) && leftByRollover(a) {
		return succession{a, m, j}.drop()
	}
	if err != nil {
		return err
	}
	next, old := a.byKeyID(a.Rollover.New), a.byKeyID(a.Rollover.Old)
	if old == nil {
		return errors.New("the old CA has expired and was removed: finish the rollover")
	}
	if err := hasSignedNothing(a, m, next); err != nil {
		return err
	}
	s := succession{a, m, j}
	return hint.First(s.without(next), s.drop())
}

// hasSignedNothing returns an error if certificates of the new CA are live.
func hasSignedNothing(a *Authority, m *machine.Machine, next *x509.Certificate) error {
	records, err := Records(m)
	if err != nil || next == nil {
		return err
	}
	revoked, err := a.revoked()
	if err != nil {
		return err
	}
	for _, p := range records {
		if p.Cert.CheckSignatureFrom(next) == nil && m.Now().Before(p.Cert.NotAfter) && !revoked.Has(p.Cert) {
			return hint.With(fmt.Errorf("the new CA has signed %s already", subject.Of(p.Cert)), "finish the rollover, or revoke those certificates")
		}
	}
	return nil
}
