package pki

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Window says how long before its expiry something is due for renewal. The zero value is a third of
// its lifetime, which leaves time for many attempts with any lifetime.
type Window struct {
	Before   time.Duration // a fixed time; zero means Fraction
	Fraction float64       // of the lifetime, between 0 and 1; zero means a third
}

// ParseWindow reads a fixed time ("30d") or a share of the lifetime ("33%").
func ParseWindow(s string) (Window, error) {
	if number, ok := strings.CutSuffix(s, "%"); ok {
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !(percent > 0 && percent < 100) {
			return Window{}, fmt.Errorf("bad share %q (more than 0%%, less than 100%%)", s)
		}
		return Window{Fraction: percent / 100}, nil
	}
	before, err := ParseValidity(s)
	return Window{Before: before}, err
}

// Opens returns the time at which something with this lifetime and expiry becomes due.
func (w Window) Opens(life time.Duration, end time.Time) time.Time {
	switch {
	case w.Before > 0:
		return end.Add(-w.Before)
	case w.Fraction > 0:
		return end.Add(-time.Duration(float64(life) * w.Fraction))
	}
	return end.Add(-life / 3)
}

// CertificateOpens returns the time at which a certificate becomes due.
func (w Window) CertificateOpens(cert *x509.Certificate) time.Time {
	return w.Opens(Life(cert), cert.NotAfter)
}

// CRLOpens returns the time at which a revocation list becomes due. A list that does not expire
// never does; the time is then zero.
func (w Window) CRLOpens(crl *CRL) time.Time {
	if crl.NextUpdate.IsZero() {
		return time.Time{}
	}
	return w.Opens(crl.NextUpdate.Sub(crl.ThisUpdate), crl.NextUpdate)
}

// Life returns the lifetime that a certificate was meant to have. For a certificate of [CA.Issue]
// this excludes the day by which it was backdated; for that of another issuer it is the whole
// lifetime.
func Life(cert *x509.Certificate) time.Duration {
	life := cert.NotAfter.Sub(cert.NotBefore)
	if life > Backdate && madeHere(cert) {
		life -= Backdate
	}
	return life
}

// madeHere reports whether a certificate has the key identifier that this package
// makes (RFC 7093 section 2, method 1). Other issuers of leaf certificates make one by
// SHA-1, or none.
func madeHere(cert *x509.Certificate) bool {
	id, err := subjectKeyID(cert.PublicKey)
	return err == nil && bytes.Equal(id, cert.SubjectKeyId)
}

// Older reports whether a certificate was signed before another one, as far as their dates tell: it
// does not expire later, and it begins earlier. Issuers may backdate by as much as [Backdate]. So
// an earlier beginning alone counts only if both have the same lifetime, and so probably the same
// issuer.
func Older(cert, than *x509.Certificate) bool {
	earlier := than.NotBefore.Sub(cert.NotBefore)
	if earlier <= 0 || cert.NotAfter.After(than.NotAfter) {
		return false
	}
	return earlier > Backdate || cert.NotAfter.Sub(cert.NotBefore) == than.NotAfter.Sub(than.NotBefore)
}

// Ends returns the earliest expiry on the chain of a certificate, because a certificate is refused
// when its CA has expired. If several CAs have signed it, the one that expires last counts. A CA
// that is not among cas is not considered.
func Ends(cert *x509.Certificate, cas []*x509.Certificate) time.Time {
	var chain time.Time
	for i, ca := range cas {
		if ca.Equal(cert) || !bytes.Equal(ca.RawSubject, cert.RawIssuer) || cert.CheckSignatureFrom(ca) != nil {
			continue
		}
		others := append(slices.Clone(cas[:i]), cas[i+1:]...)
		if end := Ends(ca, others); end.After(chain) {
			chain = end
		}
	}
	if !chain.IsZero() && chain.Before(cert.NotAfter) {
		return chain
	}
	return cert.NotAfter
}
