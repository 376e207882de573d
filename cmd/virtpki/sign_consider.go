package main

import (
	"crypto/x509"
	"fmt"
	"slices"

	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// consider looks at the CA, and decides what of each request is granted.
func (s *signing) consider() error {
	a, err := loadCA(s.g.Machine)
	if err != nil {
		return err
	}
	if err := a.loadCRL(); err != nil {
		return err
	}
	if err := hint.First(s.remember(a), s.grantAll(a)); err != nil {
		return err
	}
	history, err := a.history(s.here.Now(), func() ([]*x509.Certificate, error) { return s.known.certs, nil })
	if err != nil {
		return err
	}
	if err := s.stakeClaims(history); err != nil {
		return err
	}
	for _, in := range s.files {
		in.orders = nil
		for i, granted := range in.granted {
			o, err := s.lookBack(history, granted, in.csrs[i])
			if err != nil {
				return in.about(i, err)
			}
			in.orders = append(in.orders, o)
		}
		s.claims.claim(in)
	}
	return s.checkTwins()
}

// remember reads what the CA has signed, unless nothing was since it did.
func (s *signing) remember(a *authority) (err error) {
	marks := s.g.Tree().Marks(a.folder, libvirt.Records(a.folder))
	if s.known != nil && marks == s.marks {
		return nil
	}
	s.known, err = a.earlier(s.known)
	s.marks = marks
	return err
}

// grantAll grants every request by the policy. That hangs on the request and on the CA's
// own certificates alone, and is not done again under the lock while those are the same.
func (s *signing) grantAll(a *authority) error {
	like := string(pki.EncodeCertificates(append([]*x509.Certificate{a.ca.Certificate}, a.bundle...)...))
	if s.like == like {
		return nil
	}
	standIn, err := a.ca.StandIn()
	if err != nil {
		return err
	}
	for _, in := range s.files {
		in.granted = nil
		for i, csr := range in.csrs {
			o, err := s.grant(a, standIn, csr)
			if err != nil {
				return in.about(i, hintGranted(err))
			}
			in.granted = append(in.granted, o)
		}
	}
	s.like = like
	return nil
}

// checkTwins wants each request once: of two certificates for one key and role, install
// could not tell which is meant.
func (s *signing) checkTwins() error {
	seen := make(map[string]string)
	for _, in := range s.files {
		for i, o := range in.orders {
			here := fmt.Sprintf("%s, request %d (%s)", inputName(in.name), i+1, subject.OfRequest(in.csrs[i]))
			slot := o.Slot() + pki.KeyID(in.csrs[i].PublicKey)
			if first := seen[slot]; first != "" {
				return hint.With(fmt.Errorf("%s asks for the same as %s", here, first), "give each request once")
			}
			seen[slot] = here
		}
	}
	return nil
}

// grant decides what one request gets by the policy: a stand-in for the CA signs it, and
// the policy looks at the certificate.
func (s *signing) grant(a *authority, standIn *pki.CA, csr *pki.CSR) (order, error) {
	o, err := s.policy.grant(a, csr)
	if err != nil {
		return o, err
	}
	request, _, err := s.leafRequest(a, s.policy.leaf, o.Identity, csr.PublicKey)
	if err != nil {
		return o, err
	}
	request.Quick = true
	if o.finished, err = standIn.Issue(request); o.finished == nil {
		return o, err
	}
	return o, hint.First(s.hold(a, o, o.finished), err)
}

// hold holds a finished certificate to the policy.
func (s *signing) hold(a *authority, o order, cert *x509.Certificate) error {
	at := s.policy.of(a.ca.Certificate, o.Role)
	return at.Check(cert, o.Role)
}

// lookBack holds an order that the policy grants to what was signed before.
func (s *signing) lookBack(h *grant.History, o order, csr *pki.CSR) (order, error) {
	o.notes = slices.Clone(o.notes)
	o.before = s.known.byKey[pki.KeyID(csr.PublicKey)]
	if err := s.checkRevoked(h, &o, o.finished); err != nil {
		return o, err
	}
	return o, s.checkHolders(h, &o, csr)
}
