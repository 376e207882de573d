package libvirt

import (
	"crypto/x509"
	"fmt"
	"time"
)

// The limits of libvirt's own reading of cacert.pem (libvirt,
// src/rpc/virnettlscert.c).
const (
	MaxPEMBytes = 65536 // a larger file is refused: "Value too large"
	MaxCAs      = 16    // further blocks are passed over without a word
)

// CheckBundle says why libvirt would not start on a CA file of size bytes with
// these certificates at this time: too large, too many, one that is no CA, or
// one that is not valid. nil means it takes the file.
func CheckBundle(size int, certs []*x509.Certificate, now time.Time) error {
	if size > MaxPEMBytes {
		return fmt.Errorf("%d bytes are too large for libvirt (at most %d)", size, MaxPEMBytes)
	}
	if len(certs) > MaxCAs {
		return fmt.Errorf("%d CAs are too many: libvirt looks at the first %d", len(certs), MaxCAs)
	}
	for _, cert := range certs {
		if err := checkCA(cert, now); err != nil {
			return err
		}
	}
	return nil
}

func checkCA(cert *x509.Certificate, now time.Time) error {
	switch {
	case !cert.BasicConstraintsValid || !cert.IsCA:
		return fmt.Errorf("%s is no CA certificate", cert.Subject)
	case cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return fmt.Errorf("%s: its key usage does not permit signing certificates", cert.Subject)
	case now.Before(cert.NotBefore):
		return fmt.Errorf("%s is not valid before %s", cert.Subject, cert.NotBefore.UTC().Format(time.RFC3339))
	case now.After(cert.NotAfter):
		return fmt.Errorf("%s expired on %s", cert.Subject, cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}
