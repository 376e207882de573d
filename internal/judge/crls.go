package judge

import (
	"crypto/x509"
	"encoding/pem"
)

// crlsOf reads the CRLs of a PEM file; what is none is passed over.
func crlsOf(data []byte) []*x509.RevocationList {
	var crls []*x509.RevocationList
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		if crl, err := x509.ParseRevocationList(block.Bytes); err == nil {
			crls = append(crls, crl)
		}
	}
	return crls
}
