package keypair

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"virtpki/internal/store"
	"virtpki/pki"
)

// ReadCerts returns every certificate of a PEM file.
func ReadCerts(t store.Tree, path string) ([]*x509.Certificate, error) {
	data, err := t.ReadFile(path, store.MaxPEM)
	if err != nil {
		return nil, err
	}
	return ParseCerts(path, data)
}

// ParseCerts returns every certificate of the contents of a file; path is for the error.
func ParseCerts(path string, data []byte) ([]*x509.Certificate, error) {
	certs, err := pki.ParseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return certs, nil
}

// ReadCertsIfThere is [ReadCerts], but returns none if the file does not exist.
func ReadCertsIfThere(t store.Tree, path string) ([]*x509.Certificate, error) {
	certs, err := ReadCerts(t, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return certs, err
}

// Contains reports whether a certificate is among others.
func Contains(certs []*x509.Certificate, cert *x509.Certificate) bool {
	return slices.ContainsFunc(certs, cert.Equal)
}

// ContainsAll reports whether all of some certificates are among others.
func ContainsAll(certs, some []*x509.Certificate) bool {
	return !slices.ContainsFunc(some, func(cert *x509.Certificate) bool { return !Contains(certs, cert) })
}

// ContainsAny reports whether one of some certificates is among others.
func ContainsAny(certs, some []*x509.Certificate) bool {
	return slices.ContainsFunc(some, func(cert *x509.Certificate) bool { return Contains(certs, cert) })
}

// Same reports whether two lists hold the same certificates in any order.
func Same(a, b []*x509.Certificate) bool { return len(a) == len(b) && ContainsAll(b, a) }
