package main

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// earlier are the certificates that the CA has signed already.
type earlier struct {
	byKey     map[string][]*x509.Certificate // see keyText
	bySubject map[string][]*x509.Certificate // by RawSubject
}

func (a *authority) earlier() (*earlier, error) {
	certs, err := a.signed()
	if err != nil {
		return nil, err
	}
	known := &earlier{make(map[string][]*x509.Certificate), make(map[string][]*x509.Certificate)}
	for _, cert := range certs {
		key, subject := keyText(cert.PublicKey), string(cert.RawSubject)
		known.byKey[key] = append(known.byKey[key], cert)
		known.bySubject[subject] = append(known.bySubject[subject], cert)
	}
	return known, nil
}

// keyText is a public key in a form that can be compared; empty for one that has
// none.
func keyText(pub any) string {
	der, _ := x509.MarshalPKIXPublicKey(pub)
	return string(der)
}

// checkRevoked asks whether the one that a request speaks for was shut out: a host
// whose certificate was revoked could otherwise renew its way back in. A compromised
// key is never certified again; a name is, where somebody says so.
func (s *signing) checkRevoked(a *authority, o *order) error {
	for _, cert := range o.before {
		if entry, revoked := a.findRevoked(cert.SerialNumber); revoked && pki.Reason(entry.ReasonCode) == pki.ReasonKeyCompromise {
			return withHint(fmt.Errorf("its key is compromised: %s", revocationText(entry)), "a request with a new key is made by: virtpki request %s %s --new", o.role, termtext.ShellWord(o.name))
		}
	}
	entry, shut := a.shutOut(o.before)
	if !shut {
		entry, shut = a.shutOut(s.sameName(a, o))
	}
	switch {
	case !shut:
	case s.o.yes && !s.o.revokedToo:
		return withHint(fmt.Errorf("it was shut out: %s", revocationText(entry)), "--after-revocation signs all the same; without --yes it is asked")
	default:
		o.note("it was shut out: %s", revocationText(entry))
	}
	return nil
}

func revocationText(entry x509.RevocationListEntry) string {
	return fmt.Sprintf("serial %s was revoked on %s (%s)", store.SerialText(entry.SerialNumber), entry.RevocationTime.UTC().Format(dateForm), pki.Reason(entry.ReasonCode))
}

// shutOut finds the revocation of the newest of some certificates, if it is revoked
// and not only superseded: nothing was signed since.
func (a *authority) shutOut(certs []*x509.Certificate) (last x509.RevocationListEntry, shut bool) {
	var newest time.Time
	for _, cert := range certs {
		entry, revoked := a.findRevoked(cert.SerialNumber)
		revoked = revoked && pki.Reason(entry.ReasonCode) != pki.ReasonSuperseded
		if began := cert.NotBefore; began.After(newest) || began.Equal(newest) && !revoked {
			newest, last, shut = began, entry, revoked
		}
	}
	return last, shut
}

// sameName are the certificates that were signed for the same subject in the same role.
func (s *signing) sameName(a *authority, o *order) []*x509.Certificate {
	raw, err := o.subject(a.ca.Certificate)
	if err != nil {
		return nil // which signing tells
	}
	return slices.DeleteFunc(slices.Clone(s.known.bySubject[string(raw)]), func(cert *x509.Certificate) bool {
		return !slices.Contains(pki.RolesOf(cert), o.role)
	})
}
