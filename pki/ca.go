package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// CA is a certificate authority: its certificate and the key that signs.
type CA struct {
	Certificate *x509.Certificate
	Signer      crypto.Signer
}

// CARequest describes a new, self-signed CA.
type CARequest struct {
	RawSubject []byte // encoded RDNSequence, not empty
	Signer     crypto.Signer
	Now        time.Time
	Validity   time.Duration // from Now; zero means DefaultCAValidity
	Permit     Permit        // the names that its certificates may hold; zero permits any
	Template   *Template     // nil for the built-in one
}

// NewCA makes a self-signed CA with path length 0: it signs only leaf certificates.
func NewCA(r CARequest) (*CA, error) {
	serial, ski, err := identifiers(r.Signer.Public())
	if err != nil {
		return nil, err
	}
	if len(r.RawSubject) <= 2 {
		return nil, errors.New("empty subject")
	}
	validity := r.Validity
	if validity == 0 {
		validity = DefaultCAValidity
	}
	template := r.builtin()
	if r.Template != nil {
		if template, err = r.shape(); err != nil {
			return nil, r.Template.named(err)
		}
	}
	template.SerialNumber, template.SubjectKeyId, template.AuthorityKeyId = serial, ski, ski
	template.NotBefore = r.Now.Add(-Backdate).UTC().Truncate(time.Second)
	template.NotAfter = r.Now.Add(validity).UTC().Truncate(time.Second)
	der, err := x509.CreateCertificate(rand.Reader, template, template, r.Signer.Public(), r.Signer)
	if err != nil {
		return nil, fmt.Errorf("signing the CA certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading back the CA certificate: %w", err)
	}
	return &CA{Certificate: cert, Signer: r.Signer}, nil
}

// builtin returns the built-in template of a CA.
func (r CARequest) builtin() *x509.Certificate {
	template := &x509.Certificate{
		RawSubject:            r.RawSubject,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	r.Permit.constrain(template)
	return template
}

// validAt returns an error if the CA cannot sign at now.
func (ca *CA) validAt(now time.Time) error {
	switch cert := ca.Certificate; {
	case now.Before(cert.NotBefore):
		return fmt.Errorf("the CA is not valid before %s", cert.NotBefore.Format(time.RFC3339))
	case !now.Before(cert.NotAfter):
		return fmt.Errorf("the CA expired on %s", cert.NotAfter.Format(time.RFC3339))
	}
	return nil
}

// permits checks cert against the CA's name constraints, if it has any.
func (ca *CA) permits(cert *x509.Certificate, now time.Time) error {
	if !PermitOf(ca.Certificate).limits() && len(ca.Certificate.ExcludedDNSDomains)+len(ca.Certificate.ExcludedIPRanges) == 0 {
		return nil
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	_, err := cert.Verify(x509.VerifyOptions{
		Roots:       roots,
		CurrentTime: now,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("the CA's name constraints: %w", err)
	}
	return nil
}

// Permit limits the names in the certificates of a CA (RFC 5280 section 4.2.1.10). A stolen key of
// a limited CA cannot impersonate the rest of the network. The zero value permits all names.
type Permit struct {
	DNSDomains []string // "lab.example" permits it and every name below it
	IPRanges   []*net.IPNet
}

// limits reports whether p permits less than everything.
func (p Permit) limits() bool { return len(p.DNSDomains)+len(p.IPRanges) > 0 }

// PermitsDNS reports whether p permits a DNS name. A domain that begins with a dot permits the
// names below it, but not the domain itself.
func (p Permit) PermitsDNS(name string) bool {
	if len(p.DNSDomains) == 0 {
		return true
	}
	name = strings.ToLower(name)
	return slices.ContainsFunc(p.DNSDomains, func(domain string) bool {
		domain = strings.ToLower(domain)
		return name == domain || strings.HasSuffix(name, "."+strings.TrimPrefix(domain, "."))
	})
}

// PermitsIP reports whether p permits an address.
func (p Permit) PermitsIP(ip net.IP) bool {
	contains := func(network *net.IPNet) bool { return network.Contains(ip) }
	return len(p.IPRanges) == 0 || slices.ContainsFunc(p.IPRanges, contains)
}

// constrain writes p into a CA's template.
func (p Permit) constrain(template *x509.Certificate) {
	template.PermittedDNSDomainsCritical = p.limits()
	template.PermittedDNSDomains = p.DNSDomains
	template.PermittedIPRanges = p.IPRanges
}

// PermitOf returns the limits that a CA certificate carries.
func PermitOf(cert *x509.Certificate) Permit {
	return Permit{DNSDomains: cert.PermittedDNSDomains, IPRanges: cert.PermittedIPRanges}
}

// String lists the domains and networks, separated by commas.
func (p Permit) String() string {
	parts := append([]string{}, p.DNSDomains...)
	for _, network := range p.IPRanges {
		parts = append(parts, network.String())
	}
	return strings.Join(parts, ", ")
}

// ParsePermit reads domains and networks in CIDR form ("10.0.0.0/8"); a single address is a network
// of one.
func ParsePermit(items []string) (Permit, error) {
	var p Permit
	for _, item := range items {
		if addr, err := netip.ParseAddr(item); err == nil {
			item = fmt.Sprintf("%s/%d", item, addr.BitLen())
		}
		if prefix, err := netip.ParsePrefix(item); err == nil {
			_, network, _ := net.ParseCIDR(prefix.Masked().String())
			p.IPRanges = append(p.IPRanges, network)
			continue
		}
		domain := strings.TrimPrefix(item, ".")
		if !IsDNSName(domain, "") {
			return Permit{}, fmt.Errorf("%q is neither a domain nor a network (write lab.example or 10.0.0.0/8)", item)
		}
		p.DNSDomains = append(p.DNSDomains, domain)
	}
	return p, nil
}
