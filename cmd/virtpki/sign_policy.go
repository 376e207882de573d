package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"virtpki/dn"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// signPolicy is what the CA grants in one run of sign. Its own name constraints
// hold besides.
type signPolicy struct {
	roles       []pki.Role // none: what is asked for
	permit      pki.Permit
	limited     bool          // names that permit does not list are not granted
	keyTypes    []pki.KeyType // none: every type that can be used
	leaf        leafPlan
	ownSubject  bool
	leaveOut    bool
	ignoreExtra bool
}

// order is one certificate that is granted.
type order struct {
	identity
	notes  []string
	before []*x509.Certificate // for the same key, signed earlier
}

func (o *order) note(format string, args ...any) {
	o.notes = append(o.notes, fmt.Sprintf(format, args...))
}

// check turns the flags into a policy, or says what is wrong with them.
func (o *signOptions) check() (*signPolicy, error) {
	validity, err1 := pki.ParseValidity(o.validity)
	release, err2 := libvirt.ParseTarget(o.target)
	permit, err3 := pki.ParsePermit(o.permit)
	p := &signPolicy{permit: permit, limited: len(o.permit) > 0, ownSubject: o.ownSubject, leaveOut: o.leaveOut, ignoreExtra: o.ignoreExtra}
	p.leaf = leafPlan{validity: validity, strict: release.TakesStrictKeyUsage(), target: release}
	if err := firstOf(err1, err2, err3); err != nil {
		return nil, err
	}
	for _, name := range o.keyTypes {
		keyType, err := pki.ParseKeyType(name)
		if err != nil {
			return nil, err
		}
		p.keyTypes = append(p.keyTypes, keyType)
	}
	switch o.role {
	case "":
	case "host":
		p.roles = []pki.Role{pki.Server, pki.Client}
	case "server", "client":
		p.roles = []pki.Role{pki.Role(o.role)}
	default:
		return nil, fmt.Errorf("unknown role %q (server, client or host)", o.role)
	}
	return p, nil
}

// grant decides what a request gets, or why it gets nothing. It is the one place
// that does.
func (p *signPolicy) grant(a *authority, csr *pki.CSR) (o order, err error) {
	if err := csr.Check(); err != nil {
		return o, err
	}
	if err := firstOf(p.checkKey(a, csr), p.checkForeign(&o, csr)); err != nil {
		return o, err
	}
	if o.role, err = p.role(csr); err != nil {
		return o, err
	}
	if o.name, err = nameIn(csr, o.role); err != nil {
		return o, err
	}
	if p.ownSubject {
		if _, err := dn.FromRDNSequence(csr.RawSubject); err != nil {
			return o, fmt.Errorf("libvirt refuses its subject: %w", err)
		}
		o.rawSubject = csr.RawSubject
	}
	if err := o.takeNames(csr); err != nil {
		return o, err
	}
	return o, p.limit(&o, pki.PermitOf(a.ca.Certificate))
}

func (p *signPolicy) checkKey(a *authority, csr *pki.CSR) error {
	isCA := func(ca *x509.Certificate) bool { return pki.SameKey(csr.PublicKey, ca.PublicKey) }
	if slices.ContainsFunc(a.bundle, isCA) {
		return errors.New("its key is the CA's own")
	}
	keyType, _ := pki.KeyTypeOf(csr.PublicKey)
	if len(p.keyTypes) > 0 && !slices.Contains(p.keyTypes, keyType) {
		return fmt.Errorf("its key is of the type %s, which is not granted", keyTypeText(csr.PublicKey))
	}
	return nil
}

// checkForeign refuses what no certificate made here has.
func (p *signPolicy) checkForeign(o *order, csr *pki.CSR) error {
	if len(csr.Repeated) > 0 {
		o.note("it names %s more than once: granted once", termtext.Line(strings.Join(csr.Repeated, ", ")))
	}
	if len(csr.Foreign) == 0 {
		return nil
	}
	what := strings.Join(csr.Foreign, ", ")
	if !p.ignoreExtra {
		return withHint(fmt.Errorf("it asks for %s, which is not granted", what), "--ignore-extensions signs without")
	}
	o.note("without %s", what)
	return nil
}

// role is the one that is granted: the one that is asked for, where the policy
// has it. One that asks for nothing in particular gets the one role of the policy.
func (p *signPolicy) role(csr *pki.CSR) (pki.Role, error) {
	asked := csr.Roles
	if len(asked) == 0 && len(p.roles) == 1 {
		return p.roles[0], nil
	}
	if len(asked) == 0 {
		return "", withHint(errors.New("it does not say whether it is for a server or a client"), "grant one with --role server or --role client")
	}
	granted := slices.DeleteFunc(slices.Clone(asked), func(role pki.Role) bool {
		return len(p.roles) > 0 && !slices.Contains(p.roles, role)
	})
	switch {
	case len(granted) == 0:
		return "", fmt.Errorf("it asks to be a %s, which is not granted", asked[0])
	case len(granted) > 1 && granted[0] != granted[1]:
		return "", withHint(errors.New("it asks to be server and client with one key"), "make a request for each (virtpki request host), or grant one with --role")
	}
	return granted[0], nil
}

// nameIn is the name of who asks: the CN.
func nameIn(csr *pki.CSR, role pki.Role) (string, error) {
	var names []string
	for _, attribute := range csr.Subject.Names {
		if text, ok := attribute.Value.(string); ok && attribute.Type.String() == oidCommonName {
			names = append(names, text)
		}
	}
	switch {
	case len(csr.RawSubject) <= 2:
		return "", withHint(errors.New("its subject is empty"), "the CN of a request is the name of who asks")
	case len(names) != 1:
		return "", fmt.Errorf("its subject has %d CNs, not one", len(names))
	case role == pki.Server:
		return names[0], checkHost(names[0])
	}
	return names[0], checkClient(names[0])
}

// oidCommonName is the type of a CN (X.520).
const oidCommonName = "2.5.4.3"

// takeNames checks the names that a request asks for. A server is called by its
// CN too, as issue has it.
func (o *order) takeNames(csr *pki.CSR) error {
	if o.role == pki.Client {
		if len(csr.DNSNames)+len(csr.IPAddresses) > 0 {
			o.note("without its subjectAltName: libvirt looks at none of a client's")
		}
		return nil
	}
	for _, name := range csr.DNSNames {
		if net.ParseIP(name) != nil {
			return fmt.Errorf("it asks for the address %s as if it were a DNS name", name)
		}
		if err := o.add(name); err != nil {
			return err
		}
	}
	for _, ip := range csr.IPAddresses {
		o.addIP(ip)
	}
	if o.addDNS(o.name); len(o.dns) > len(csr.DNSNames) {
		o.note("for %s too", o.name)
	}
	return nil
}

// limit holds the names to what may be granted. The short form of a name that may
// be is left out where it may not; other names are only where that is wanted.
func (p *signPolicy) limit(o *order, constraints pki.Permit) error {
	var kept altNames
	var out []string
	for _, name := range o.dns {
		switch {
		case p.permits(constraints, name):
			kept.dns = append(kept.dns, name)
		case p.leaveOut || o.isShort(name, constraints, p):
			out = append(out, name)
		default:
			return p.notPermitted(name, constraints)
		}
	}
	for _, ip := range o.ips {
		switch {
		case p.permitsIP(constraints, ip):
			kept.ips = append(kept.ips, ip)
		case p.leaveOut:
			out = append(out, ip.String())
		default:
			return p.notPermitted(ip.String(), constraints)
		}
	}
	if len(out) > 0 {
		o.note("without %s, which may not be granted", strings.Join(out, ", "))
	}
	o.altNames = kept
	return p.limitName(o, constraints)
}

// permits reports whether the policy and the CA let a certificate hold a name.
// A wildcard is as wide as what stands behind it.
func (p *signPolicy) permits(constraints pki.Permit, name string) bool {
	name = strings.TrimPrefix(name, "*.")
	return p.grants(name) && constraints.PermitsDNS(name)
}

// grants reports whether the policy grants a name. --permit lists all that is
// granted: where it lists networks alone, no name is.
func (p *signPolicy) grants(name string) bool {
	return !p.limited || len(p.permit.DNSDomains) > 0 && p.permit.PermitsDNS(name)
}

func (p *signPolicy) permitsIP(constraints pki.Permit, ip net.IP) bool {
	return p.grantsIP(ip) && constraints.PermitsIP(ip)
}

// grantsIP is grants for an address.
func (p *signPolicy) grantsIP(ip net.IP) bool {
	return !p.limited || len(p.permit.IPRanges) > 0 && p.permit.PermitsIP(ip)
}

// isShort reports whether name is the first label of another one that may be
// granted.
func (o *order) isShort(name string, constraints pki.Permit, p *signPolicy) bool {
	return slices.ContainsFunc(o.dns, func(full string) bool {
		return full != name && strings.EqualFold(shortName(full), name) && p.permits(constraints, full)
	})
}

func (p *signPolicy) notPermitted(name string, constraints pki.Permit) error {
	ip := net.ParseIP(name)
	if ip != nil && p.grantsIP(ip) || ip == nil && p.grants(strings.TrimPrefix(name, "*.")) {
		return withHint(fmt.Errorf("it asks for %s, which the CA's own limits do not permit (%s)", name, constraints), "--leave-out signs without it")
	}
	return withHint(fmt.Errorf("it asks for %s, which is not granted (%s)", name, p.permit), "--permit %s grants it, --leave-out signs without it", strings.TrimPrefix(name, "*."))
}

// limitName holds the CN to the policy: it is what tls_allowed_dn_list lets in. A
// server without a name that may be granted is nobody.
func (p *signPolicy) limitName(o *order, constraints pki.Permit) error {
	if o.role == pki.Server {
		if len(o.dns)+len(o.ips) == 0 {
			return fmt.Errorf("none of its names may be granted (%s)", p.permit)
		}
		if !p.permits(constraints, o.name) && !o.isShort(o.name, constraints, p) {
			return p.notPermitted(o.name, constraints)
		}
		return nil
	}
	if !p.grants(o.name) {
		return withHint(fmt.Errorf("its name %s is not granted (%s)", termtext.QuoteShort(o.name), p.permit), "--permit grants it")
	}
	return nil
}

// describes reports whether a certificate is what the order would give, but for
// its dates and serial.
func (o *order) describes(cert, ca *x509.Certificate) bool {
	raw, err := o.subject(ca)
	return err == nil && string(raw) == string(cert.RawSubject) && slices.Equal(pki.RolesOf(cert), []pki.Role{o.role}) &&
		slices.Equal(o.dns, cert.DNSNames) && slices.EqualFunc(o.ips, cert.IPAddresses, net.IP.Equal)
}
