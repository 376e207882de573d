package authority

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/pki"
)

// loadRetired reads the CAs of the generations that were dropped, and their last lists.
// Nobody trusts those any more; whom they revoked, and which keys, stays known.
func (a *Authority) loadRetired() error {
	certs, crls, err := a.readRetired()
	a.Retired, a.recalled = certs, crls
	return err
}

func (a *Authority) readRetired() ([]*x509.Certificate, []*pki.CRL, error) {
	path := a.Layout.Path(libvirt.CARetired)
	data, err := machine.ReadIfThere(a.Tree, path)
	if err != nil || data == nil {
		return nil, nil, err
	}
	certs, err1 := pki.ParseCertificates(data)
	crls, err2 := pki.ParseCRLs(data)
	if errors.Is(err2, pki.ErrNoCRL) {
		err2 = nil // each of them had lost its list
	}
	if err := hint.First(err1, err2); err != nil {
		return nil, nil, hint.With(fmt.Errorf("%s: %w", path, err), "bring it back from a backup; without it what earlier generations of the CA revoked is forgotten")
	}
	return certs, crls, nil
}

// planRetired plans to keep some CAs that are dropped, with their lists.
func (a *Authority) planRetired(j *change.Job, gone ...*x509.Certificate) error {
	certs, crls, err := a.readRetired()
	if err != nil {
		return err
	}
	there, err := keypair.ReadCRLs(a.Tree, a.Layout.Path(libvirt.CACRL))
	if err != nil {
		return err
	}
	for _, ca := range gone {
		if !keypair.Contains(certs, ca) {
			certs = append(certs, ca)
		}
		if list := keypair.NewestCRL(there, ca); list != nil {
			crls = keypair.ReplaceCRL(crls, list)
		}
	}
	return a.writeRetired(j, certs, crls)
}

func (a *Authority) writeRetired(j *change.Job, certs []*x509.Certificate, crls []*pki.CRL) error {
	if len(certs) == 0 {
		return nil
	}
	data := bytes.Join([][]byte{pki.EncodeCertificates(certs...), pki.EncodeCRL(crls...)}, nil)
	return keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}.Write(&j.Plan, libvirt.CARetired, data)
}
