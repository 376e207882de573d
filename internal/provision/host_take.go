package provision

import (
	"errors"
	"fmt"
	"math/big"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// FindOrMakeCA takes the existing CA, with a CRL if it can sign one, or plans one.
func (h *Host) FindOrMakeCA(j *change.Job, keys *change.Keyring) (*authority.Authority, error) {
	a, err := authority.Open(h.m)
	if errors.Is(err, authority.ErrNone) || errors.Is(err, authority.ErrKeyAlone) {
		if h.r.CA == nil {
			return nil, hint.Usage(hint.With(err, "name the organisation of a new CA with --name"))
		}
		return authority.Make(j, h.m, keys, *h.r.CA)
	}
	if err != nil {
		return nil, err
	}
	a.NoteTwins(j)
	h.holdCA(j, a.CA.Certificate)
	if err := h.holdCAKey(j, a); err != nil {
		return nil, err
	}
	j.Found = append(j.Found, change.Placed{Cert: a.CA.Certificate, Path: a.Layout.Path(libvirt.CACert)})
	if a.CRL == nil && h.m.Tree().Exists(a.Layout.Path(libvirt.CAKey)) {
		if err := a.Unlock(keys); err != nil {
			return nil, err
		}
		a.NoteForgotten(j)
		// The numbers of the lists before are not known; the time is higher.
		return a, a.PlanEmptyCRL(j, big.NewInt(h.m.Now().Unix()), h.m.Now())
	}
	return a, nil
}

// takeOrMake takes the pair that is there, or makes the missing parts of it.
func (h *Host) takeOrMake(j *change.Job, keys *change.Keyring, a *authority.Authority, id subject.Identity) (*keypair.Pair, error) {
	have, err := keypair.Load(j.Plan.Tree(), h.to.Layout, id.Role)
	if err != nil {
		return nil, err
	}
	if err := have.KeyMissing(); err != nil {
		return nil, err
	}
	if have.Cert != nil {
		h.hold(j, have)
		j.Found = append(j.Found, change.Placed{Cert: have.Cert, Path: have.CertPath})
		return have, checkTaken(j, a, have, h.m.Now())
	}
	if id.Role == pki.Client && have.Key == nil && h.r.Client == "" && a.Keyless() {
		j.Note("there is no client certificate here, and no CA's key to make one: this host accepts connections, but cannot connect to others")
		return have, nil
	}
	return have, h.make(j, keys, a, id, have)
}

// make makes the missing parts of a pair.
func (h *Host) make(j *change.Job, keys *change.Keyring, a *authority.Authority, id subject.Identity, have *keypair.Pair) error {
	if err := a.Unlock(keys); err != nil {
		return err
	}
	var err error
	if have.Cert, err = a.MakePair(j, keys, authority.Order{Leaf: h.r.Leaf, Identity: id, Now: h.m.Now()}, h.to, have); err != nil {
		return err
	}
	a.NoteLetIn(j, have.Cert, id.Name, h.m.Now())
	have.Key, err = keys.For(have, id.Slot(), h.r.Leaf.KeyType)
	return err
}

// checkTaken looks at a certificate that was there: libvirtd does not start on
// one that its CA file does not vouch for.
func checkTaken(j *change.Job, a *authority.Authority, have *keypair.Pair, now time.Time) error {
	if !a.HasSigned(have.Cert) {
		return fmt.Errorf("%s: %s is not signed by the CA in %s", have.CertPath, subject.Of(have.Cert), a.Layout.Path(libvirt.CACert))
	}
	if !now.Before(have.Cert.NotAfter) {
		j.Note("%s: expired on %s", have.CertPath, termtext.Day(have.Cert.NotAfter))
	}
	return nil
}
