package main

import (
	"crypto/x509"
	"fmt"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// consider looks at the CA, and decides what of each request is granted.
func (s *signing) consider() error {
	a, err := authority.Open(s.g.Machine)
	if err != nil {
		return err
	}
	if err := a.LoadCRL(); err != nil {
		return err
	}
	if err := hint.First(s.remember(a), s.grantAll(a)); err != nil {
		return err
	}
	history, err := a.History(s.here.Now(), func() ([]*x509.Certificate, error) { return s.known.Certs, nil })
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
func (s *signing) remember(a *authority.Authority) (err error) {
	marks := s.g.Tree().Marks(a.Folder, libvirt.Records(a.Folder))
	if s.known != nil && marks == s.marks {
		return nil
	}
	s.known, err = a.Earlier(s.known)
	s.marks = marks
	return err
}

// grantAll grants every request by the policy. That hangs on the request and on the CA's
// own certificates alone, and is not done again under the lock while those are the same.
func (s *signing) grantAll(a *authority.Authority) error {
	like := string(pki.EncodeCertificates(append([]*x509.Certificate{a.CA.Certificate}, a.Certificates...)...))
	if s.like == like {
		return nil
	}
	standIn, err := a.CA.StandIn()
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
func (s *signing) grant(a *authority.Authority, standIn *pki.CA, csr *pki.CSR) (order, error) {
	o, err := s.policy.grant(a, csr)
	if err != nil {
		return o, err
	}
	request, _, err := a.RequestFor(authority.Order{Leaf: s.policy.leaf, Identity: o.Identity, PublicKey: csr.PublicKey, Now: s.here.Now(), Quick: true})
	if err != nil {
		return o, err
	}
	if o.finished, err = standIn.Issue(request); o.finished == nil {
		return o, err
	}
	return o, hint.First(s.hold(a, o, o.finished), err)
}

// hold holds a finished certificate to the policy.
func (s *signing) hold(a *authority.Authority, o order, cert *x509.Certificate) error {
	at := s.policy.of(a.CA.Certificate, o.Role)
	return at.Check(cert, o.Role)
}

// lookBack holds an order that the policy grants to what was signed before.
func (s *signing) lookBack(h *grant.History, o order, csr *pki.CSR) (order, error) {
	o.notes = slices.Clone(o.notes)
	o.before = s.known.ByKey[pki.KeyID(csr.PublicKey)]
	if err := s.checkRevoked(h, &o, o.finished); err != nil {
		return o, err
	}
	return o, s.checkHolders(h, &o, csr)
}
