package keypair

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"

	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// ReadCRLs returns the CRLs of a file; none where there is no file.
func ReadCRLs(t store.Tree, path string) ([]*pki.CRL, error) {
	data, err := machine.ReadIfThere(t, path)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	crls, err := pki.ParseCRLs(data)
	if err != nil && !errors.Is(err, pki.ErrNoCRL) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return crls, nil
}

// ReplaceCRL returns lists with crl in the place of the one of the same issuer: of each
// there is one, because libvirt keeps one.
func ReplaceCRL(there []*pki.CRL, crl *pki.CRL) []*pki.CRL {
	var crls []*pki.CRL
	placed := false
	for _, c := range there {
		switch {
		case !bytes.Equal(c.RawIssuer, crl.RawIssuer):
			crls = append(crls, c)
		case !placed:
			crls, placed = append(crls, crl), true
		}
	}
	if !placed {
		crls = append(crls, crl)
	}
	return crls
}

// NewestCRL returns the newest list that a CA has signed; nil where there is none.
func NewestCRL(crls []*pki.CRL, ca *x509.Certificate) *pki.CRL {
	var newest *pki.CRL
	for _, crl := range crls {
		if !bytes.Equal(crl.RawIssuer, ca.RawSubject) || crl.CheckSignatureFrom(ca) != nil {
			continue
		}
		if newest == nil || !OlderCRL(crl, newest) {
			newest = crl
		}
	}
	return newest
}

// OlderCRL reports whether a list is older than another one. It compares by number, which
// never goes back: two lists may have been made in one second. A list without a number is
// older than one with it.
func OlderCRL(crl, than *pki.CRL) bool {
	switch {
	case crl.Number != nil && than.Number != nil && crl.Number.Cmp(than.Number) != 0:
		return crl.Number.Cmp(than.Number) < 0
	case (crl.Number == nil) != (than.Number == nil):
		return crl.Number == nil
	}
	return crl.ThisUpdate.Before(than.ThisUpdate)
}
