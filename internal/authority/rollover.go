package authority

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Rollover is how far the change to a new generation is. It lies beside the CA
// in JSON while there is one.
type Rollover struct {
	Old     string    `json:"old"` // SubjectKeyId of the CA on its way out, hexadecimal
	New     string    `json:"new"` // of the one that comes
	Started time.Time `json:"started"`
	// Switch is when the new generation begins to sign. Until then every host
	// and client can be given the new cacert.pem.
	Switch time.Time `json:"switch"`
}

// loadRollover reads the state of a rollover, and picks the certificate that
// signs: the first of the bundle outside of one.
func (a *Authority) loadRollover(now time.Time) error {
	a.CA.Certificate = a.Certificates[0]
	path := a.Layout.Path(libvirt.CARollover)
	data, err := machine.ReadIfThere(a.Tree, path)
	if err != nil || data == nil {
		return err
	}
	state := &Rollover{}
	if err := json.Unmarshal(data, state); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if a.ByKeyID(state.New) == nil {
		return nil // a start or an abort was cut short: nobody trusts the new generation
	}
	a.Rollover = state
	signs := a.Rollover.Old
	if !now.Before(a.Rollover.Switch) {
		signs = a.Rollover.New
	}
	if cert := a.ByKeyID(signs); cert != nil {
		a.CA.Certificate = cert
	}
	return nil
}

// Start is what a new generation of the CA is to be.
type Start struct {
	Wait     time.Duration // for which the old one goes on signing
	Validity time.Duration
	KeyType  pki.KeyType // empty for that of the old one
}

// PlanStart plans the beginning of a rollover: a new generation is made and published
// beside the old one. A CA that has expired is replaced at once.
func PlanStart(j *change.Job, m *machine.Machine, keys *change.Keyring, r Start) error {
	a, _, err := Read(m)
	if err != nil {
		return err
	}
	if a.Rollover != nil {
		return hint.With(errors.New("a rollover is under way already"), "see virtpki %sca rollover status", m.Flags())
	}
	if err := a.Unlock(keys); err != nil {
		return err
	}
	if r.KeyType == "" {
		r.KeyType = a.keyType()
	}
	next, err := a.next(keys, r, m.Now())
	if err != nil {
		return err
	}
	return a.publish(j, m, next, keys, r.Wait)
}

// keyType is the type of the CA's key, as far as virtpki makes such.
func (a *Authority) keyType() pki.KeyType {
	if t, known := pki.KeyTypeOf(a.CA.Certificate.PublicKey); known {
		return t
	}
	return pki.DefaultKeyType
}

// publish plans both generations, of which next signs after wait.
func (a *Authority) publish(j *change.Job, m *machine.Machine, next *Generation, keys *change.Keyring, wait time.Duration) error {
	keyPEM, err := keys.EncodeLike(next.CA.Signer, a.Layout.Path(libvirt.CAKey))
	if err != nil {
		return err
	}
	crl, err := next.NextCRL(m.Now(), nil, nil, pki.DefaultCRLValidity)
	if err != nil {
		return err
	}
	j.Made = append(j.Made, change.Placed{Cert: next.CA.Certificate, Path: a.Layout.Path(libvirt.CACert)})
	if !m.Now().Before(a.CA.Certificate.NotAfter) {
		return a.planReplace(j, m, next, crl, keyPEM)
	}
	state := Rollover{Old: keyID(a.CA.Certificate), New: keyID(next.CA.Certificate), Started: m.Now().UTC(), Switch: m.Now().Add(wait).UTC()}
	if err := hint.First(
		keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}.Write(&j.Plan, libvirt.CANextKey, keyPEM),
		a.planState(j, state),
		a.planTrust(j, m, append(slices.Clone(a.Certificates), next.CA.Certificate)),
		a.planCRLsHere(j, m, []*pki.CRL{crl}),
	); err != nil {
		return err
	}
	j.Note("give %s and %s to every host and client before %s, when renewal and issue go over to the new CA",
		a.Layout.Path(libvirt.CACert), a.Layout.Path(libvirt.CACRL), termtext.Instant(state.Switch))
	return nil
}

// planReplace puts the new generation in the place of one that has expired:
// nothing that it has signed is accepted any more, so there is nothing to wait
// for.
func (a *Authority) planReplace(j *change.Job, m *machine.Machine, next *Generation, crl *pki.CRL, keyPEM []byte) error {
	expired := func(cert *x509.Certificate) bool { return !m.Now().Before(cert.NotAfter) }
	bundle := slices.DeleteFunc(slices.Clone(a.Certificates), expired)
	gone := slices.DeleteFunc(slices.Clone(a.Certificates), func(cert *x509.Certificate) bool { return !expired(cert) })
	j.Note("%s has expired: the new CA takes its place at once, and virtpki renew makes what is installed here anew", subject.Of(a.CA.Certificate))
	j.Note("give %s and %s to every host and client", a.Layout.Path(libvirt.CACert), a.Layout.Path(libvirt.CACRL))
	return hint.First(
		a.planRetired(j, gone...),
		a.planKey(j, keyID(a.CA.Certificate), keyPEM),
		a.planTrust(j, m, append(bundle, next.CA.Certificate)),
		a.planCRLsHere(j, m, []*pki.CRL{crl}),
	)
}

// planKey makes a new key the CA's and keeps the old one as retired.
func (a *Authority) planKey(j *change.Job, oldID string, keyPEM []byte) error {
	path, mode := a.Layout.Place(libvirt.CAKey)
	old, err := j.Plan.Tree().ReadFile(path, store.MaxPEM)
	if err != nil || bytes.Equal(old, keyPEM) {
		return err // when they are equal, a run that was killed has been here
	}
	return hint.First(
		j.Plan.File(filepath.Join(filepath.Dir(path), "retired-"+oldID+".pem"), old, mode, machine.Owner()),
		j.Plan.File(path, keyPEM, mode, machine.Owner()),
	)
}

// planState plans the state of a rollover.
func (a *Authority) planState(j *change.Job, state Rollover) error {
	data, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	return keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}.Write(&j.Plan, libvirt.CARollover, append(data, '\n'))
}

// planTrust plans a new bundle for each place here that trusts the CA.
func (a *Authority) planTrust(j *change.Job, m *machine.Machine, bundle []*x509.Certificate) error {
	data := pki.EncodeCertificates(bundle...)
	if err := judge.CheckCAs(data, m.Now()); err != nil {
		return fmt.Errorf("the new %s: %w", a.Layout.Path(libvirt.CACert), err)
	}
	if err := (keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}).Write(&j.Plan, libvirt.CACert, data); err != nil {
		return err
	}
	for _, layout := range m.AllLayouts() {
		path := layout.Path(libvirt.CACert)
		certs, err := keypair.ReadCerts(m.Tree(), path)
		if machine.Unread(err) {
			return err // it may trust the CA, and would be left behind
		}
		if err != nil || path == a.Layout.Path(libvirt.CACert) || !slices.ContainsFunc(certs, a.CA.Certificate.Equal) {
			continue
		}
		if err := j.Plan.Keep(path, data, recordMode, machine.Owner()); err != nil {
			return err
		}
	}
	return nil
}

// next makes the generation that is to follow, for the same organisation and with the same
// limits: the key and the life are those of r.
func (a *Authority) next(keys *change.Keyring, r Start, now time.Time) (*Generation, error) {
	signer, err := keys.Key(Slot, r.KeyType)
	if err != nil {
		return nil, err
	}
	subject, err := subject.ForCA(organizationOf(a.CA.Certificate))
	if err != nil {
		return nil, err
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: subject, Signer: signer, Now: now, Validity: r.Validity, Permit: pki.PermitOf(a.CA.Certificate)})
	if err != nil {
		return nil, err
	}
	return &Generation{CA: *ca}, nil
}

func organizationOf(cert *x509.Certificate) string {
	if len(cert.Subject.Organization) > 0 {
		return cert.Subject.Organization[0]
	}
	return cert.Subject.CommonName
}
