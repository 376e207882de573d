package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ErrNoAnswer says that there is neither a certificate nor a CRL.
var ErrNoAnswer = errors.New("neither a certificate nor a CRL in PEM form")

// Answer is a CA's response to a request: the certificates, the CA certificates to trust and the
// revocation lists to apply.
type Answer struct {
	Leafs []*x509.Certificate // of hosts and clients
	CAs   []*x509.Certificate
	CRLs  []*CRL
}

// Encode returns the answer as PEM blocks: certificates, CAs, CRLs.
func (a *Answer) Encode() []byte {
	return bytes.Join([][]byte{EncodeCertificates(a.Leafs...), EncodeCertificates(a.CAs...), EncodeCRL(a.CRLs...)}, nil)
}

// ParseAnswer reads an answer from PEM. It skips text around the blocks. It returns an error if a
// block is damaged, does not parse or does not belong in an answer, and [ErrNoAnswer] if there is
// neither a certificate nor a CRL. It does not verify signatures.
func ParseAnswer(data []byte) (*Answer, error) {
	if err := checkBlocks(data); err != nil {
		return nil, err
	}
	a := &Answer{}
	n := 0
	for block, rest := pem.Decode(trimBOM(data)); block != nil; block, rest = pem.Decode(rest) {
		n++
		if err := a.add(block); err != nil {
			return nil, fmt.Errorf("block %d: %w", n, err)
		}
	}
	if n == 0 {
		return nil, ErrNoAnswer
	}
	return a, nil
}

func (a *Answer) add(block *pem.Block) error {
	switch {
	case block.Type == "CERTIFICATE", block.Type == "X509 CERTIFICATE":
		return a.addCertificate(block.Bytes)
	case block.Type == pemCRL:
		crl, err := ParseCRL(block.Bytes)
		if err != nil {
			return fmt.Errorf("the CRL does not parse: %w", err)
		}
		a.CRLs = append(a.CRLs, crl)
		return nil
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return errors.New("a private key, which does not belong in a response")
	case block.Type == pemCSR, block.Type == pemNewCSR, block.Type == pemKeyProof:
		return errors.New("a certificate request: a CA has to sign it first")
	}
	return fmt.Errorf("%q does not belong in a response", block.Type)
}

func (a *Answer) addCertificate(raw []byte) error {
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return fmt.Errorf("the certificate does not parse: %w", err)
	}
	if cert.BasicConstraintsValid && cert.IsCA {
		a.CAs = append(a.CAs, cert)
	} else {
		a.Leafs = append(a.Leafs, cert)
	}
	return nil
}
