package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// ErrNoCRL says that no PEM block holds a revocation list.
var ErrNoCRL = errors.New("no CRL in PEM form")

// CRLRequest describes a revocation list.
type CRLRequest struct {
	Number   *big.Int                   // one higher than that of the list before
	Entries  []x509.RevocationListEntry // everything revoked so far, expired certificates too
	Now      time.Time                  // thisUpdate
	Validity time.Duration              // until nextUpdate; zero means DefaultCRLValidity
}

// CRL signs a revocation list (RFC 5280 section 5) and returns it. Its Raw
// field holds the encoding.
func (ca *CA) CRL(r CRLRequest) (*x509.RevocationList, error) {
	validity := r.Validity
	if validity == 0 {
		validity = DefaultCRLValidity
	}
	template := &x509.RevocationList{
		Number:                    r.Number,
		RevokedCertificateEntries: r.Entries,
		ThisUpdate:                r.Now.UTC().Truncate(time.Second),
		NextUpdate:                r.Now.Add(validity).UTC().Truncate(time.Second),
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, ca.Certificate, ca.Signer)
	if err != nil {
		return nil, fmt.Errorf("signing the CRL: %w", err)
	}
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("reading back the CRL: %w", err)
	}
	return crl, nil
}

// EncodeCRL returns the list as a PEM block, the form libvirt reads.
func EncodeCRL(crl *x509.RevocationList) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl.Raw})
}

// ParseCRLs reads every revocation list in data, in order. It is an error when
// there is none ([ErrNoCRL]) or when one does not parse.
func ParseCRLs(data []byte) ([]*x509.RevocationList, error) {
	var crls []*x509.RevocationList
	for der := range blocks(data, "X509 CRL") {
		crl, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("CRL %d does not parse: %w", len(crls)+1, err)
		}
		crls = append(crls, crl)
	}
	if len(crls) == 0 {
		return nil, ErrNoCRL
	}
	return crls, nil
}
