package authority

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// LoadCRL reads the lists of the CA's generations from its file: for each generation the newest
// list that its key has signed. It also reads the lists of dropped generations. A missing file is
// not an error.
func (a *Authority) LoadCRL() error {
	var err error
	if a.Retired, a.recalled, err = readRetired(a.Tree, a.Layout); err != nil || a.CRL == nil {
		return err
	}
	crls, err := pki.ParseCRLs(a.CRL)
	if err == nil {
		a.takeLists(crls)
		if a.Current == nil {
			err = fmt.Errorf("no CRL that %s has signed", subject.Of(a.CA.Certificate))
		}
	}
	if err != nil {
		return hint.With(fmt.Errorf("%s: %w", a.Layout.Path(libvirt.CACRL), err),
			"restore the CRL from a backup; without it virtpki forgets its revocations")
	}
	return nil
}

// takeLists finds the newest list of each CA certificate and assigns it to its generation. The list
// of a generation without an open key counts as well.
func (a *Authority) takeLists(crls []*pki.CRL) {
	a.Lists = crls
	for _, ca := range a.Certificates {
		list := keypair.NewestCRL(crls, ca)
		if list == nil {
			continue
		}
		a.recalled = append(a.recalled, list)
		for _, gen := range a.generations() {
			if ca.Equal(gen.CA.Certificate) {
				gen.Current = list
			}
		}
	}
}

// NoteForgotten warns that a CA's CRL was missing: only the CRL knew which certificates it had
// revoked.
func (a *Authority) NoteForgotten(j *change.Job) {
	if a.CRL == nil {
		j.Note("there was no %s: clients that were revoked before are admitted again; restore it from a backup, or revoke them again", a.Layout.Path(libvirt.CACRL))
	}
}

// Revocations holds the revocations in the lists of one file.
type Revocations map[string]time.Time // by issuer and serial

// revocationsBy returns the revocations in some lists. Two CAs may have used the same serial, and a
// list counts only for its own issuer.
func revocationsBy(crls []*pki.CRL) Revocations {
	r := make(Revocations)
	for _, crl := range crls {
		for entry := range crl.Entries() { // a flaw behind its serial does not undo a revocation
			r[string(crl.RawIssuer)+entry.SerialNumber.String()] = entry.RevocationTime
		}
	}
	return r
}

// Has reports whether a certificate is revoked.
func (r Revocations) Has(cert *x509.Certificate) bool {
	_, revoked := r[revocationKey(cert)]
	return revoked
}

// Day returns the day on which a certificate was revoked, or an empty text.
func (r Revocations) Day(cert *x509.Certificate) string {
	if at, revoked := r[revocationKey(cert)]; revoked {
		return termtext.Day(at)
	}
	return ""
}

func revocationKey(cert *x509.Certificate) string {
	return string(cert.RawIssuer) + cert.SerialNumber.String()
}

// revoked returns the revocations in the CA's CRL.
func (a *Authority) revoked() (Revocations, error) {
	if a.CRL == nil {
		return nil, nil
	}
	crls, err := pki.ParseCRLs(a.CRL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Layout.Path(libvirt.CACRL), err)
	}
	return revocationsBy(crls), nil
}

// RevokedOn returns [Revocations.Day] by the CRL of m's CA, which need not be whole.
func RevokedOn(m *machine.Machine) (func(*x509.Certificate) string, error) {
	crls, err := keypair.ReadCRLs(m.Tree(), libvirt.CA(m.CAPath()).Path(libvirt.CACRL))
	return revocationsBy(crls).Day, err
}

// FindRevoked looks a serial up in the lists of all generations, including dropped ones. Of several
// entries the gravest counts.
func (a *Authority) FindRevoked(serial *big.Int) (gravest x509.RevocationListEntry, revoked bool) {
	for _, list := range a.recalled {
		if entry, ok := list.Find(serial); ok && (!revoked || IsGraver(entry, gravest)) {
			gravest, revoked = entry, true
		}
	}
	return gravest, revoked
}

// IsGraver reports whether the reason of a revocation shuts out more than that of
// another one.
func IsGraver(entry, than x509.RevocationListEntry) bool {
	return gravity(pki.Reason(entry.ReasonCode)) > gravity(pki.Reason(than.ReasonCode))
}

func gravity(reason pki.Reason) int {
	switch {
	case reason.Compromised():
		return 2
	case reason.ShutsOut():
		return 1
	}
	return 0
}
