package sign

import (
	"crypto/x509"

	"virtpki/pki"
)

// Offer is what a person is shown before anything is signed.
type Offer struct {
	Certificates []Offered
	// Unmatched are names of Request.Replace that no request here asks for under
	// another key than the one that has them.
	Unmatched []string
}

// Offered is one request with what was decided about it.
type Offered struct {
	File    string // its name
	Request *pki.CSR
	Notes   []string            // what it gets otherwise than asked for, and what speaks against it
	Before  []*x509.Certificate // that were signed for the same key
}

// offer returns what was decided.
func (s *signing) offer() Offer {
	var all Offer
	for _, name := range s.Replace {
		if !s.claims.matched[name] {
			all.Unmatched = append(all.Unmatched, name)
		}
	}
	for _, in := range s.files {
		for i, d := range in.decisions {
			all.Certificates = append(all.Certificates, Offered{in.name, in.csrs[i], d.notes, d.before})
		}
	}
	return all
}
