package authority

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"

	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// readRetired reads the CAs of the generations that were dropped, and their last lists. Nobody
// trusts them any more, but the names and keys that they revoked stay known.
func readRetired(t store.Tree, layout libvirt.Layout) ([]*x509.Certificate, []*pki.CRL, error) {
	path := layout.Path(libvirt.CARetired)
	data, err := machine.ReadIfThere(t, path)
	if err != nil || data == nil {
		return nil, nil, err
	}
	certs, err1 := pki.ParseCertificates(data)
	crls, err2 := pki.ParseCRLs(data)
	if errors.Is(err2, pki.ErrNoCRL) {
		err2 = nil // each of them had lost its list
	}
	if err := hint.First(err1, err2); err != nil {
		return nil, nil, hint.With(fmt.Errorf("%s: %w", path, err), "restore it from a backup; without it virtpki forgets the revocations of earlier generations of the CA")
	}
	return certs, crls, nil
}

// retire plans the files that keep some dropped CAs, with their lists.
func (s succession) retire(gone ...*x509.Certificate) error {
	certs, crls, err := readRetired(s.a.Tree, s.a.Layout)
	if err != nil {
		return err
	}
	there, err := keypair.ReadCRLs(s.a.Tree, s.a.Layout.Path(libvirt.CACRL))
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
	if len(certs) == 0 {
		return nil
	}
	data := bytes.Join([][]byte{pki.EncodeCertificates(certs...), pki.EncodeCRL(crls...)}, nil)
	return s.own().Write(&s.j.Plan, libvirt.CARetired, data)
}
