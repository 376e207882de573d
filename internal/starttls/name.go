package starttls

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"strings"
)

// SpiceName reports whether SPICE's viewers accept a certificate for a host (spice-common,
// common/ssl_verify.c): a DNS name or an IPv4 address among the alternative names, and the
// common names only if there is neither. They never compare IPv6 addresses as such. A star
// stands for any part of one label.
func SpiceName(cert *x509.Certificate, host string) bool {
	addr, _ := netip.ParseAddr(host)
	for _, name := range cert.DNSNames {
		if spicePattern(name, host) {
			return true
		}
	}
	for _, ip := range cert.IPAddresses {
		if addr.Is4() && bytes.Equal(ip.To4(), addr.AsSlice()) {
			return true
		}
	}
	if len(cert.DNSNames)+len(cert.IPAddresses) > 0 {
		return false
	}
	for _, name := range commonNames(cert.Subject) {
		if spicePattern(name, host) {
			return true
		}
	}
	return false
}

// SpicePurpose reports whether OpenSSL, which SPICE's viewers use, accepts a certificate as a
// server's: extended key usage, critical or not, has to allow it (OpenSSL,
// crypto/x509/v3_purp.c).
func SpicePurpose(cert *x509.Certificate) bool {
	allowed := len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0
	for _, usage := range cert.ExtKeyUsage {
		switch usage {
		case x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageMicrosoftServerGatedCrypto, x509.ExtKeyUsageNetscapeServerGatedCrypto:
			allowed = true
		}
	}
	return allowed
}

func commonNames(name pkix.Name) []string {
	var all []string
	for _, attribute := range name.Names {
		if text, ok := attribute.Value.(string); ok && attribute.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) {
			all = append(all, text)
		}
	}
	return all
}

// spicePattern compares without regard to case. It tries each star at every length, so the
// number of stars in a pattern is limited: a pattern with more matches nothing.
func spicePattern(pattern, host string) bool {
	if strings.Count(pattern, "*") > 3 {
		return false
	}
	head, tail, star := strings.Cut(pattern, "*")
	if !star {
		return strings.EqualFold(pattern, host)
	}
	if len(host) < len(head) || !strings.EqualFold(head, host[:len(head)]) {
		return false
	}
	for rest := host[len(head):]; ; rest = rest[1:] {
		if spicePattern(tail, rest) {
			return true
		}
		if rest == "" || rest[0] == '.' {
			return false
		}
	}
}
