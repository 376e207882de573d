package authority

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"virtpki/internal/cakey"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Rollover is the state of the change to a new generation. During a rollover it lies beside the CA
// as JSON.
type Rollover struct {
	Old     string    `json:"old"` // SubjectKeyId of the CA on its way out, hexadecimal
	New     string    `json:"new"` // of the new one
	Started time.Time `json:"started"`
	// Switch is when the new generation begins to sign. Until then every host
	// and client can be given the new cacert.pem.
	Switch time.Time `json:"switch"`
}

// loadRollover reads the state of a rollover, and picks the certificate that signs. Without a
// rollover it is the first one of cacert.pem.
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
	if a.byKeyID(state.New) == nil {
		return nil // a start or an abort was interrupted: nobody trusts the new generation
	}
	a.Rollover = state
	signs := a.Rollover.Old
	if !now.Before(a.Rollover.Switch) {
		signs = a.Rollover.New
	}
	if cert := a.byKeyID(signs); cert != nil {
		a.CA.Certificate = cert
	}
	return nil
}

// Start describes a new generation of the CA.
type Start struct {
	Wait     time.Duration // for which the old one continues to sign
	Validity time.Duration
	KeyType  pki.KeyType // empty for that of the old one
	Key      cakey.Order // of a key in a device; its Type is KeyType
	InFile   bool        // wants the key in a file, though the old one is in a device
}

// PlanStart plans the beginning of a rollover: it makes a new generation and publishes it beside
// the old one. It replaces an expired CA at once.
func PlanStart(j *change.Job, m *machine.Machine, keys *change.Keyring, r Start) error {
	a, _, err := Read(m)
	if err != nil {
		return err
	}
	if a.Rollover != nil {
		return hint.With(errors.New("a rollover is already in progress"), "see virtpki %sca rollover status", m.Flags())
	}
	if err := a.Unlock(keys); err != nil {
		return err
	}
	if r.KeyType == "" {
		r.KeyType = keyTypeLike(a.CA.Certificate)
	}
	s := succession{a, m, j}
	next, keyPEM, err := s.next(keys, r)
	if err != nil {
		return err
	}
	return s.publish(next, keyPEM, r.Wait)
}

// succession plans the files of a change to another generation.
type succession struct {
	a *Authority // before it
	m *machine.Machine
	j *change.Job
}

// own returns the place of the CA's own files.
func (s succession) own() keypair.Dest {
	return keypair.Dest{Layout: s.a.Layout, Owner: machine.Owner()}
}

// crls plans lists for each place on this machine that has the CA's.
func (s succession) crls() crlPlan { return crlPlan{s.a, s.j, s.m, CRLRequest{}} }

// keyTypeLike returns the type of a CA's key, or the default if virtpki does not make keys of that
// type.
func keyTypeLike(ca *x509.Certificate) pki.KeyType {
	if t, known := pki.KeyTypeOf(ca.PublicKey); known {
		return t
	}
	return pki.DefaultKeyType
}

// publish plans both generations; next begins to sign after wait.
func (s succession) publish(next *Generation, keyPEM []byte, wait time.Duration) error {
	crl, err := next.nextCRL(s.m.Now(), nil, nil, pki.DefaultCRLValidity)
	if err != nil {
		return err
	}
	s.j.Made = append(s.j.Made, change.Placed{Cert: next.CA.Certificate, Path: s.a.Layout.Path(libvirt.CACert)})
	if !s.m.Now().Before(s.a.CA.Certificate.NotAfter) {
		return s.replaceExpired(next, crl, keyPEM)
	}
	state := Rollover{Old: keyID(s.a.CA.Certificate), New: keyID(next.CA.Certificate), Started: s.m.Now().UTC(), Switch: s.m.Now().Add(wait).UTC()}
	if err := hint.First(
		s.own().Write(&s.j.Plan, libvirt.CANextKey, keyPEM),
		s.record(state),
		s.trust(append(slices.Clone(s.a.Certificates), next.CA.Certificate)),
		s.crls().everywhere([]*pki.CRL{crl}),
	); err != nil {
		return err
	}
	s.j.Next("give %s and %s to every host and client before %s, when renew and issue change to the new CA",
		s.a.Layout.Path(libvirt.CACert), s.a.Layout.Path(libvirt.CACRL), termtext.Instant(state.Switch))
	return nil
}

// replaceExpired replaces an expired generation by the new one. The certificates of the old one are
// not accepted any more, so the new one signs at once.
func (s succession) replaceExpired(next *Generation, crl *pki.CRL, keyPEM []byte) error {
	expired := func(cert *x509.Certificate) bool { return !s.m.Now().Before(cert.NotAfter) }
	bundle := slices.DeleteFunc(slices.Clone(s.a.Certificates), expired)
	gone := slices.DeleteFunc(slices.Clone(s.a.Certificates), func(cert *x509.Certificate) bool { return !expired(cert) })
	s.j.Note("%s has expired: the new CA replaces it at once", subject.Of(s.a.CA.Certificate))
	s.j.Next("renew the installed certificates here: virtpki %srenew", s.m.Flags())
	s.j.Next("give %s and %s to every host and client", s.a.Layout.Path(libvirt.CACert), s.a.Layout.Path(libvirt.CACRL))
	return hint.First(
		s.retire(gone...),
		s.takeKey(keyID(s.a.CA.Certificate), keyPEM),
		s.trust(append(bundle, next.CA.Certificate)),
		s.crls().everywhere([]*pki.CRL{crl}),
	)
}

// takeKey makes a new key the CA's key and keeps the old one as retired.
func (s succession) takeKey(oldID string, keyPEM []byte) error {
	path, mode := s.a.Layout.Place(libvirt.CAKey)
	old, err := s.j.Plan.Tree().ReadFile(path, store.MaxPEM)
	if err != nil || bytes.Equal(old, keyPEM) {
		return err // when they are equal, a run that was killed has been here
	}
	return hint.First(
		s.j.Plan.File(filepath.Join(filepath.Dir(path), "retired-"+oldID+".pem"), old, mode, machine.Owner()),
		s.j.Plan.File(path, keyPEM, mode, machine.Owner()),
	)
}

// record plans the state of a rollover.
func (s succession) record(state Rollover) error {
	data, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	return s.own().Write(&s.j.Plan, libvirt.CARollover, append(data, '\n'))
}

// trust plans the CA certificates for each place on this machine that trusts the CA.
func (s succession) trust(bundle []*x509.Certificate) error {
	data := pki.EncodeCertificates(bundle...)
	if err := judge.CheckCAs(data, s.m.Now()); err != nil {
		return fmt.Errorf("the new %s: %w", s.a.Layout.Path(libvirt.CACert), err)
	}
	if err := s.own().Write(&s.j.Plan, libvirt.CACert, data); err != nil {
		return err
	}
	var paths []string
	for _, layout := range s.m.AllLayouts() {
		paths = append(paths, layout.Path(libvirt.CACert))
	}
	own, _, err := inventory.Here(s.m).CAFiles()
	if err != nil {
		return err
	}
	for _, path := range append(paths, own...) {
		certs, err := keypair.ReadCerts(s.m.Tree(), path)
		if machine.Unread(err) {
			return err // it may trust the CA, and would be left behind
		}
		if err != nil || path == s.a.Layout.Path(libvirt.CACert) || !slices.ContainsFunc(certs, s.a.CA.Certificate.Equal) {
			continue
		}
		if err := s.j.Plan.Keep(path, data, recordMode, machine.Owner()); err != nil {
			return err
		}
	}
	return nil
}

// next makes the next generation, and the file of its key.
func (s succession) next(keys *change.Keyring, r Start) (*Generation, []byte, error) {
	signer, keyPEM, err := s.nextKey(keys, r)
	if err != nil {
		return nil, nil, err
	}
	gen, err := nextAfter(s.a.CA.Certificate, signer, r, s.m.Now())
	return gen, keyPEM, err
}

// nextKey makes the key of the next generation. The successor of a key in a device is in a device
// too, unless the user asks for a file.
func (s succession) nextKey(keys *change.Keyring, r Start) (crypto.Signer, []byte, error) {
	path := s.a.Layout.Path(libvirt.CAKey)
	if r.Key.Place.InDevice() {
		signer, keyPEM, err := inDevice(s.j, keys, r.Key, r.KeyType)
		if err == nil && pki.KeyMatches(s.a.CA.Certificate, signer) {
			err = hint.With(fmt.Errorf("%s is the key of the CA that you want to replace", r.Key.Place), "name another object with --key-uri")
		}
		return signer, keyPEM, err
	}
	state := change.KeyState(s.a.Tree, path)
	if cakey.Form(state).InDevice() && !r.InFile {
		return nil, nil, hint.With(fmt.Errorf("%s: the CA's key is in a device; say where the new one goes", path),
			"name a device with --key-uri or --tpm, or use a file with --in-file")
	}
	signer, err := keys.Key(Slot, r.KeyType)
	if err != nil {
		return nil, nil, err
	}
	encode := func(signer crypto.Signer) ([]byte, error) { return keys.EncodeLike(signer, path) }
	if cakey.Form(state).InDevice() {
		encode = keys.EncodeCA
	}
	keyPEM, err := encode(signer)
	return signer, keyPEM, err
}

// nextAfter makes the next generation, for the same organisation and with the same limits. Its
// lifetime is that of r.
func nextAfter(ca *x509.Certificate, signer crypto.Signer, r Start, now time.Time) (*Generation, error) {
	name, err := subject.ForCA(organizationOf(ca))
	if err != nil {
		return nil, err
	}
	next, err := pki.NewCA(pki.CARequest{RawSubject: name, Signer: signer, Now: now, Validity: r.Validity, Permit: pki.PermitOf(ca)})
	if err != nil {
		return nil, err
	}
	return &Generation{CA: *next}, nil
}

func organizationOf(cert *x509.Certificate) string {
	if len(cert.Subject.Organization) > 0 {
		return cert.Subject.Organization[0]
	}
	return cert.Subject.CommonName
}
