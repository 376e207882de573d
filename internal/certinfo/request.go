package certinfo

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"

	"virtpki/internal/gnutls"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Request holds the facts about a certificate request that virtpki prints. Its JSON form is stable.
type Request struct {
	Role    string   `json:"role,omitempty"` // the requested role
	DN      string   `json:"dn"`
	DNS     []string `json:"dns,omitempty"`
	IPs     []string `json:"ips,omitempty"`
	KeyType string   `json:"key_type"`
	PEM     string   `json:"pem"`
}

// OfRequests returns [OfRequest] of each. It is never nil, which JSON would show as null.
func OfRequests(csrs []*pki.CSR) []Request {
	infos := []Request{}
	for _, csr := range csrs {
		infos = append(infos, OfRequest(csr))
	}
	return infos
}

// OfRequest returns the facts about a request.
func OfRequest(csr *pki.CSR) Request {
	info := Request{DN: subject.Text(csr.RawSubject), DNS: csr.DNSNames, KeyType: KeyType(csr.PublicKey), PEM: string(pki.EncodeCSRs(csr))}
	var roles []string
	for _, role := range csr.Roles {
		roles = append(roles, string(role))
	}
	info.Role = strings.Join(roles, "+")
	for _, ip := range csr.IPAddresses {
		info.IPs = append(info.IPs, ip.String())
	}
	return info
}

// CertKeyType returns the type of a certificate's key: by its name if Go cannot read such keys, as
// with ML-DSA.
func CertKeyType(cert *x509.Certificate) string {
	if cert.PublicKey == nil {
		return gnutls.KeyAlgorithm(cert.RawSubjectPublicKeyInfo)
	}
	return KeyType(cert.PublicKey)
}

// KeyType returns the type of a public key, as --key-type names it or else in Go's words.
func KeyType(pub crypto.PublicKey) string {
	if t, known := pki.KeyTypeOf(pub); known {
		return string(t)
	}
	return strings.TrimPrefix(strings.TrimSuffix(fmt.Sprintf("%T", pub), ".PublicKey"), "*")
}

// Text returns the request in words.
func (i Request) Text() string {
	line := fmt.Sprintf("asks to be %s (%s)", i.Role, i.KeyType)
	if i.Role == "" {
		line = fmt.Sprintf("does not name a role (%s)", i.KeyType)
	}
	if names := strings.Join(append(append([]string{}, i.DNS...), i.IPs...), ", "); names != "" {
		line += " for " + names
	}
	return termtext.Line(line)
}
