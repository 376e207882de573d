package main

import (
	"crypto/x509"
	"fmt"

	"virtpki/internal/grant"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// earlier are the certificates that the CA has signed already.
type earlier struct {
	certs []*x509.Certificate
	byKey map[string][]*x509.Certificate // by pki.KeyIDOf
}

func (a *authority) earlier() (*earlier, error) {
	certs, err := a.signed()
	if err != nil {
		return nil, err
	}
	known := &earlier{certs, make(map[string][]*x509.Certificate)}
	for _, cert := range certs {
		if key := pki.KeyIDOf(cert); key != "" {
			known.byKey[key] = append(known.byKey[key], cert)
		}
	}
	return known, nil
}

// checkRevoked asks whether the one for whom a certificate would be signed was shut out:
// see [grant.History]. A compromised key is never certified again; a name is, where
// somebody says so.
func (s *signing) checkRevoked(h *grant.History, o *order, cert *x509.Certificate) error {
	if err := refuseCompromised(h, pki.KeyIDOf(cert)); err != nil {
		return withHint(err, "a request with a new key is made by: virtpki request %s %s --new", o.role, termtext.ShellWord(o.name))
	}
	by, what, err := h.ShutOut(cert)
	switch {
	case err != nil:
		return err
	case by == nil:
	case s.o.yes && !s.o.revokedToo:
		return withHint(fmt.Errorf("%s", shutOutText(by, what)), "--after-revocation signs all the same; without --yes it is asked")
	default:
		o.note("%s", shutOutText(by, what))
	}
	return nil
}

// shutOutText says by which revocation somebody was shut out, and as what.
func shutOutText(by *grant.Revoked, what string) string {
	if what != grant.OwnKey {
		what = termtext.QuoteShort(what)
	}
	return fmt.Sprintf("%s is shut out: %s", what, revocationText(by))
}

func revocationText(r *grant.Revoked) string {
	return fmt.Sprintf("serial %s, %s, was revoked on %s (%s)",
		store.SerialText(r.Cert.SerialNumber), dnOf(r.Cert), r.Entry.RevocationTime.UTC().Format(dateForm), r.Reason())
}
