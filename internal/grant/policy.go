package grant

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"virtpki/pki"
)

// Policy holds the names, roles, key types and lifetime that a CA grants to the senders of
// requests. The zero value does not limit them.
type Policy struct {
	// Exact and Permit list all granted names, as soon as one of them lists any.
	Exact  Exact
	Permit pki.Permit // domains with all names below them, and networks

	Limits pki.Permit // the CA's own name constraints, which always apply

	Roles    []pki.Role    // empty: the role that is asked for
	KeyTypes []pki.KeyType // empty: every type that can be used
	Lifetime time.Duration // at most; zero: any

	// Prefix is the subject before the CN, in libvirt's form: "O=Example Org,". Another subject is
	// granted only if names are not limited, or if Template is set.
	Prefix string
	// Template says that the certificate comes from a template of the CA. The CA itself has then
	// decided on extensions, and on attributes beside the CN.
	Template bool
}

// limited reports whether only listed names are granted.
func (p *Policy) limited() bool {
	return p.Exact.set() || len(p.Permit.DNSDomains)+len(p.Permit.IPRanges) > 0
}

// String lists the names that are granted, separated by commas.
func (p *Policy) String() string {
	parts := slices.Clone(p.Exact.Names)
	for _, addr := range p.Exact.Addresses {
		parts = append(parts, addr.String())
	}
	if text := p.Permit.String(); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// GrantsDNS reports whether a certificate may hold a dNSName. A wildcard is as wide as
// the domain behind it.
func (p *Policy) GrantsDNS(name string) bool { return p.listsDNS(name) && p.limitsTakeDNS(name) }

func (p *Policy) listsDNS(name string) bool {
	return !p.limited() || p.Exact.grantsDNS(name) || inDomain(p.Permit, strings.TrimPrefix(name, "*."))
}

func (p *Policy) limitsTakeDNS(name string) bool {
	return p.Limits.PermitsDNS(strings.TrimPrefix(name, "*."))
}

// GrantsAddr reports whether a certificate may hold an address.
func (p *Policy) GrantsAddr(addr netip.Addr) bool { return p.listsAddr(addr) && p.limitsTakeAddr(addr) }

func (p *Policy) listsAddr(addr netip.Addr) bool {
	return !p.limited() || p.Exact.grantsAddr(addr) || inNetwork(p.Permit, addr)
}

func (p *Policy) limitsTakeAddr(addr netip.Addr) bool {
	return p.Limits.PermitsIP(addr.Unmap().AsSlice())
}

// GrantsCN reports whether a certificate may be called a name: tls_allowed_dn_list admits by it. A
// name that is not a host's is granted only if it is listed exactly.
func (p *Policy) GrantsCN(cn string) bool {
	return !p.limited() || p.Exact.grantsCN(cn) || inDomain(p.Permit, cn)
}

// NotGranted is the error for a name that the policy does not list, or that the CA's own limits
// exclude.
type NotGranted struct {
	Name   string
	CN     bool   // it would be the CN
	Limits bool   // the CA's own limits exclude it
	Listed string // the granted names
}

func (e *NotGranted) Error() string {
	name := e.Name
	if strings.ContainsFunc(name, unusual) {
		name = fmt.Sprintf("%q", name)
	}
	switch {
	case e.Limits:
		return fmt.Sprintf("it asks for %s, which the CA's own limits do not permit (%s)", name, e.Listed)
	case e.CN:
		return fmt.Sprintf("its name %q is not granted (%s)", e.Name, e.Listed)
	}
	return fmt.Sprintf("it asks for %s, which is not granted (%s)", name, e.Listed)
}

// unusual reports whether a character is one that names of hosts do not have.
func unusual(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }

// Check returns an error unless the whole certificate is granted to a request in a role. cert is
// the certificate as it will be signed. Check refuses any part of it that it does not recognise.
func (p *Policy) Check(cert *x509.Certificate, role pki.Role) error {
	for _, check := range []func(*x509.Certificate, pki.Role) error{
		p.checkKey, p.checkRoles, p.checkNames, p.checkSubject, p.checkExtensions, p.checkBounds,
	} {
		if err := check(cert, role); err != nil {
			return err
		}
	}
	return nil
}

func (p *Policy) checkKey(cert *x509.Certificate, _ pki.Role) error {
	if err := pki.CheckPublicKey(cert.PublicKey); err != nil {
		return err
	}
	keyType, known := pki.KeyTypeOf(cert.PublicKey)
	if len(p.KeyTypes) > 0 && (!known || !slices.Contains(p.KeyTypes, keyType)) {
		return fmt.Errorf("its key is of the type %s, which is not granted", keyType)
	}
	return nil
}

// checkRoles checks the extKeyUsage against the role. A template may give more of the roles that
// the policy has.
func (p *Policy) checkRoles(cert *x509.Certificate, role pki.Role) error {
	roles := pki.RolesOf(cert)
	for _, have := range roles {
		listed := len(p.Roles) == 0 || slices.Contains(p.Roles, have)
		if have != role && (!p.Template || !listed) || !listed {
			return fmt.Errorf("its certificate would be for a %s, which is not granted", have)
		}
	}
	if !slices.Contains(roles, role) {
		return fmt.Errorf("its certificate would not be for a %s", role)
	}
	return nil
}

// checkNames checks every subjectAltName against the policy.
func (p *Policy) checkNames(cert *x509.Certificate, role pki.Role) error {
	for _, name := range cert.DNSNames {
		if !p.GrantsDNS(name) {
			return p.notGranted(name, p.listsDNS(name))
		}
	}
	for _, ip := range cert.IPAddresses {
		if addr, _ := netip.AddrFromSlice(ip); !addr.IsValid() || !p.GrantsAddr(addr) {
			return p.notGranted(ip.String(), addr.IsValid() && p.listsAddr(addr))
		}
	}
	if role == pki.Server && len(cert.DNSNames)+len(cert.IPAddresses) == 0 {
		return fmt.Errorf("none of its names is granted (%s)", p)
	}
	return nil
}

// notGranted returns the error for a name; listed says that only the CA's limits exclude it.
func (p *Policy) notGranted(name string, listed bool) error {
	if listed {
		return &NotGranted{Name: name, Limits: true, Listed: p.Limits.String()}
	}
	return &NotGranted{Name: name, Listed: p.String()}
}
