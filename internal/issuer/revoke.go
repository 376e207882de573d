package issuer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/store"
	"virtpki/pki"
)

// How long a CRL may take to name the revoked certificates, and the pauses between two looks.
const (
	crlTimeout  = 2 * time.Minute
	crlPause    = 500 * time.Millisecond
	crlMaxPause = 10 * time.Second
)

// Revoke revokes certificates by their serials, waits until the CRL names all of them, and
// returns the CA certificates and that CRL. Certificates that are already revoked are not an
// error.
func (i *Issuer) Revoke(ctx context.Context, serials []*big.Int, reason pki.Reason) (*pki.Answer, error) {
	if i.CRL == none {
		return nil, hint.With(fmt.Errorf("the issuer's file says %q: no host would learn of a revocation", "crl: none"), "remove that line; the CA has to publish a CRL")
	}
	for _, serial := range serials {
		if err := i.ca.Revoke(ctx, serial, reason); err != nil {
			return nil, fmt.Errorf("asking %s to revoke %s: %w", i.URL, store.SerialText(serial), err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, crlTimeout)
	defer cancel()
	for wait := crlPause; ; wait = min(2*wait, crlMaxPause) {
		a, err := i.Ask(ctx, nil)
		if err == nil && names(a.CRLs, serials) {
			return a, nil
		}
		if err == nil || Unreachable(err) {
			err = pauseFor(ctx, wait, err)
		}
		if err != nil {
			return nil, i.notPublished(err)
		}
	}
}

// listTimeout is how long it may take to get all certificates of a CA.
const listTimeout = 10 * time.Minute

// lister is a CA that keeps its certificates, and gives them out.
type lister interface {
	// Issued returns the certificates that want accepts and that are not revoked.
	Issued(ctx context.Context, want func(*x509.Certificate) bool) ([]*x509.Certificate, error)
}

// Issued returns the certificates of the CA that want accepts, without those that are revoked.
// listed is false for a CA that does not give out its certificates: step-ca.
func (i *Issuer) Issued(ctx context.Context, want func(*x509.Certificate) bool) (certs []*x509.Certificate, listed bool, err error) {
	ca, listed := i.ca.(lister)
	if !listed {
		return nil, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	certs, err = ca.Issued(ctx, want)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = hint.With(fmt.Errorf("not all of them are here after %v", listTimeout), "give the certificate's file or its serial")
	}
	if err != nil {
		err = fmt.Errorf("asking %s for its certificates: %w", i.URL, err)
	}
	return certs, true, err
}

// notPublished returns the error for a CRL that does not appear in time.
func (i *Issuer) notPublished(err error) error {
	err = fmt.Errorf("%s has revoked the certificates, but its CRL does not name them: %w", i.URL, err)
	if _, hinted := hint.Of(err); hinted {
		return err
	}
	if i.Kind == Vault {
		return hint.With(err, "vault read %s/crl/rotate makes one; repeat the command then", i.Mount)
	}
	return hint.With(err, `"crl": {"enabled": true, "generateOnRevoke": true} in step-ca's ca.json makes one at once; repeat the command then`)
}

// pauseFor waits. If the time is up it returns the last error.
func pauseFor(ctx context.Context, d time.Duration, last error) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if last != nil {
			return last
		}
		return ctx.Err()
	}
}

// names reports whether CRLs name all of some serials.
func names(crls []*pki.CRL, serials []*big.Int) bool {
	for _, serial := range serials {
		if !slices.ContainsFunc(crls, func(crl *pki.CRL) bool { _, ok := crl.Find(serial); return ok }) {
			return false
		}
	}
	return true
}
