package keypair

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// ReadCRLs returns the CRLs of a file, and none if the file does not exist.
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

// ReplaceCRL returns the CRLs with crl in the place of the one of the same issuer. libvirt keeps
// one CRL of each issuer, and so does virtpki.
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

// MergeCRLs returns the CRLs with the newest of others in the place of the one of its issuer. It
// also returns those of others that are older than the one there; they take its place only with
// force.
func MergeCRLs(there, others []*pki.CRL, force bool) (merged, older []*pki.CRL) {
	merged = there
	for _, crl := range others {
		old, have := CRLOf(there, crl.RawIssuer), CRLOf(merged, crl.RawIssuer)
		switch {
		case old != nil && OlderCRL(crl, old) && !force:
			older = append(older, crl)
		case have != nil && have != old && OlderCRL(crl, have): // another one of them is newer
		default:
			merged = ReplaceCRL(merged, crl)
		}
	}
	return merged, older
}

// CRLOf returns the CRL of an issuer, and nil if there is none.
func CRLOf(crls []*pki.CRL, rawIssuer []byte) *pki.CRL {
	for _, crl := range crls {
		if bytes.Equal(crl.RawIssuer, rawIssuer) {
			return crl
		}
	}
	return nil
}

// SameCRLs reports whether two files hold the same CRLs in the same order.
func SameCRLs(a, b []*pki.CRL) bool {
	return slices.EqualFunc(a, b, func(a, b *pki.CRL) bool { return bytes.Equal(a.Raw, b.Raw) })
}

// NewestCRL returns the newest CRL that a CA has signed, and nil if there is none.
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

// OlderCRL reports whether a CRL is older than another one. It compares by number, which never
// goes back: two CRLs may have been made in one second. A CRL without a number is older than one
// with it.
func OlderCRL(crl, than *pki.CRL) bool {
	switch {
	case crl.Number != nil && than.Number != nil && crl.Number.Cmp(than.Number) != 0:
		return crl.Number.Cmp(than.Number) < 0
	case (crl.Number == nil) != (than.Number == nil):
		return crl.Number == nil
	}
	return crl.ThisUpdate.Before(than.ThisUpdate)
}
