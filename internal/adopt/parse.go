package adopt

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"virtpki/internal/gnutls"
	"virtpki/internal/hint"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// parseKey reads a file with one private key that a daemon can use.
func parseKey(path string, data []byte) (crypto.Signer, error) {
	key, err := pki.ParseKey(data, nil)
	switch {
	case errors.Is(err, pki.ErrNoKey):
		return nil, refuseForm(path, data, "private key", "pkey")
	case errors.Is(err, pki.ErrKeyEncrypted):
		return nil, hint.With(fmt.Errorf("%s: the key is encrypted, and libvirt cannot ask for a passphrase", path), "openssl pkey -in %s -out NEW.pem", termtext.ShellWord(path))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if n := bytes.Count(data, []byte("PRIVATE KEY-----")) / 2; n > 1 {
		return nil, fmt.Errorf("%s: %d private keys instead of one", path, n)
	}
	return key, nil
}

// refuseForm returns the error for a file without a PEM block of the wanted kind. command is
// the openssl command that converts DER into it.
func refuseForm(path string, data []byte, wanted, command string) error {
	err := fmt.Errorf("%s: no %s in PEM form (%s)", path, wanted, gnutls.LooksLike(data))
	if !bytes.HasPrefix(data, []byte{0x30}) { // not DER either
		return err
	}
	return hint.With(err, "openssl %s -inform DER -in %s -out NEW.pem", command, termtext.ShellWord(path))
}

// parseCerts reads a file with certificates, and CRLs beside them.
func parseCerts(path string, data []byte) (*pki.Answer, error) {
	a, err := pki.ParseAnswer(data)
	switch {
	case errors.Is(err, pki.ErrNoAnswer):
		return nil, refuseForm(path, data, "certificate", "x509")
	case err != nil && strings.Contains(err.Error(), "private key"):
		return nil, fmt.Errorf("%s: there is a private key among the certificates: keep keys in files of their own", path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// parseLeaf reads the certificate of a key with its chain, in any order.
func parseLeaf(path string, data []byte) (*x509.Certificate, *pki.Answer, error) {
	a, err := parseCerts(path, data)
	if err != nil {
		return nil, nil, err
	}
	switch len(a.Leafs) {
	case 1:
		return a.Leafs[0], a, nil
	case 0:
		return nil, nil, fmt.Errorf("%s: it contains only a CA certificate, not that of a server or client", path)
	}
	return nil, nil, refuseSecond(path, a.Leafs)
}

// refuseSecond returns the error for a file with two certificates that are not those of CAs.
func refuseSecond(path string, leafs []*x509.Certificate) error {
	for _, cert := range leafs[1:] {
		if bytes.Equal(leafs[0].RawIssuer, cert.RawSubject) {
			return refuseNoCA(path, cert)
		}
	}
	return fmt.Errorf("%s: certificates of two servers or clients, %s and %s", path, subject.Of(leafs[0]), subject.Of(leafs[1]))
}

// refuseNoCA returns the error for a certificate in the place of a CA's.
func refuseNoCA(path string, cert *x509.Certificate) error {
	return fmt.Errorf("%s: %s is not the certificate of a CA", path, subject.Of(cert))
}

// parseCAs reads a file with certificates of CAs, and CRLs beside them.
func parseCAs(path string, data []byte) (*pki.Answer, error) {
	a, err := parseCerts(path, data)
	if err == nil && len(a.Leafs) > 0 {
		err = refuseNoCA(path, a.Leafs[0])
	}
	return a, err
}

// parseCRLs reads a file with CRLs.
func parseCRLs(path string, data []byte) ([]*pki.CRL, error) {
	crls, err := pki.ParseCRLs(data)
	if errors.Is(err, pki.ErrNoCRL) {
		return nil, refuseForm(path, data, "CRL", "crl")
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return crls, err
}
