package sign

import (
	"crypto/x509"
	"fmt"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// consider reads the CA, and decides which names and roles of each request to grant. It returns the
// CA without its keys.
func (s *signing) consider() (*authority.Authority, error) {
	a, err := authority.Open(s.m)
	if err != nil {
		return nil, err
	}
	if err := a.LoadCRL(); err != nil {
		return nil, err
	}
	return a, s.considerUnder(a)
}

func (s *signing) considerUnder(a *authority.Authority) error {
	if err := hint.First(s.remember(a), s.grantAll(a)); err != nil {
		return err
	}
	history, err := a.History(s.m.Now(), func() ([]*x509.Certificate, error) { return s.known.Certs, nil })
	if err != nil {
		return err
	}
	if err := s.stakeClaims(history); err != nil {
		return err
	}
	for _, in := range s.files {
		in.decisions = nil
		for i, granted := range in.granted {
			d, err := s.lookBack(history, granted, in.csrs[i])
			if err != nil {
				return in.about(i, err)
			}
			in.decisions = append(in.decisions, d)
		}
		s.claims.claim(in)
	}
	return s.checkTwins()
}

// remember reads the certificates that the CA has signed, unless none was added since the last
// time.
func (s *signing) remember(a *authority.Authority) (err error) {
	marks := s.m.Tree().Marks(a.Folder, libvirt.Records(a.Folder))
	if s.known != nil && marks == s.marks {
		return nil
	}
	s.known, err = a.Earlier(s.known)
	s.marks = marks
	return err
}

// grantAll grants every request by the policy. The result depends only on the request and on the
// CA's own certificates, so it is not repeated under the lock while those are the same.
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
			d, err := s.Policy.decide(a, standIn, csr, s.m.Now())
			if err != nil {
				return in.about(i, hintGranted(err))
			}
			in.granted = append(in.granted, d)
		}
	}
	s.like = like
	return nil
}

// checkTwins refuses a request that comes twice: of two certificates for one key and role, install
// could not tell which one to use.
func (s *signing) checkTwins() error {
	seen := make(map[string]string)
	for _, in := range s.files {
		for i, d := range in.decisions {
			here := in.which(i)
			slot := d.Slot() + pki.KeyID(in.csrs[i].PublicKey)
			if first := seen[slot]; first != "" {
				return hint.With(fmt.Errorf("%s asks for the same as %s", here, first), "give each request once")
			}
			seen[slot] = here
		}
	}
	return nil
}

// lookBack checks a decision of the policy against the certificates that were signed or revoked
// before.
func (s *signing) lookBack(h *grant.History, d decision, csr *pki.CSR) (decision, error) {
	d.notes = slices.Clone(d.notes)
	d.before = s.known.ByKey[pki.KeyID(csr.PublicKey)]
	if err := s.checkRevoked(h, &d, d.finished); err != nil {
		return d, err
	}
	return d, s.checkHolders(h, &d, csr)
}
