package sign

import (
	"crypto/x509"
	"fmt"
	"slices"

	"virtpki/internal/certinfo"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Offer holds the decisions that a person is shown before anything is signed.
type Offer struct {
	Certificates []Offered
	// Unmatched are names of Request.Replace that no request here asks for under
	// another key than the one that has them.
	Unmatched []string
}

// Offered is one request with the decision about it.
type Offered struct {
	File    string // its name
	Request *pki.CSR
	Notes   []string            // differences from the request, and reasons against the certificate
	Before  []*x509.Certificate // that were signed for the same key
}

// Lines returns a request in words, and below it the notes that a person should read.
func (o *Offered) Lines() []string {
	lines := append([]string{termtext.Sprintf("%s: %s %s", o.File, subject.OfRequest(o.Request), certinfo.OfRequest(o.Request).Text())}, o.Notes...)
	n := len(o.Before)
	if n == 0 {
		return lines
	}
	last := slices.MaxFunc(o.Before, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) })
	line := termtext.Sprintf("its key already had a certificate: %s, serial %s, until %s", subject.Of(last), store.SerialText(last.SerialNumber), termtext.Day(last.NotAfter))
	if n > 1 {
		line += fmt.Sprintf(", and %d more", n-1)
	}
	return append(lines, line)
}

// offer returns the decisions.
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
