package pki

import (
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Window says how long before its end something is due for renewal. The zero
// value is a third of its life, which leaves time for many attempts whatever
// the lifetime is.
type Window struct {
	Before   time.Duration // a fixed time; zero means Fraction
	Fraction float64       // of the life, between 0 and 1; zero means a third
}

// ParseWindow reads a fixed time ("30d") or a share of the life ("33%").
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

// Opens is when something with this life and end becomes due.
func (w Window) Opens(life time.Duration, end time.Time) time.Time {
	switch {
	case w.Before > 0:
		return end.Add(-w.Before)
	case w.Fraction > 0:
		return end.Add(-time.Duration(float64(life) * w.Fraction))
	}
	return end.Add(-life / 3)
}

// CertificateOpens is when a certificate becomes due.
func (w Window) CertificateOpens(cert *x509.Certificate) time.Time {
	return w.Opens(Life(cert), cert.NotAfter)
}

// CRLOpens is when a revocation list becomes due. One without an end never does;
// the time is zero then.
func (w Window) CRLOpens(crl *CRL) time.Time {
	if crl.NextUpdate.IsZero() {
		return time.Time{}
	}
	return w.Opens(crl.NextUpdate.Sub(crl.ThisUpdate), crl.NextUpdate)
}

// Life is the lifetime that a certificate was meant to have: without the day by
// which it was backdated, unless it is no longer than that.
func Life(cert *x509.Certificate) time.Duration {
	life := cert.NotAfter.Sub(cert.NotBefore)
	if life > Backdate {
		life -= Backdate
	}
	return life
}
