package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// signPolicy is what the CA grants in one run of sign, and how it comes to a
// certificate from a request.
type signPolicy struct {
	grant.Policy
	leaf        authority.Leaf
	ownSubject  bool
	leaveOut    bool
	ignoreExtra bool
}

// of returns what the policy is for one CA: its own limits hold besides.
func (p *signPolicy) of(ca *x509.Certificate, role pki.Role) grant.Policy {
	at := p.Policy
	at.Limits, at.Prefix, at.Template = pki.PermitOf(ca), subject.Prefix(ca), p.leaf.Templates[role] != nil
	return at
}

// order is one certificate that is granted.
type order struct {
	subject.Identity
	finished *x509.Certificate // as it will be signed, but for serial and signature
	left     []string          // names of it that somebody else has, and that are left out
	notes    []string
	before   []*x509.Certificate // for the same key, signed earlier
}

func (o *order) note(format string, args ...any) {
	o.notes = append(o.notes, fmt.Sprintf(format, args...))
}

// check turns the flags into a policy, or says what is wrong with them.
func (o *signOptions) check() (*signPolicy, error) {
	validity, err1 := pki.ParseValidity(o.validity)
	release, err2 := libvirt.ParseTarget(o.target)
	permit, err3 := pki.ParsePermit(o.permit)
	exact, err4 := grant.ParseExact(o.exact)
	p := &signPolicy{ownSubject: o.ownSubject, leaveOut: o.leaveOut, ignoreExtra: o.ignoreExtra}
	p.Policy = grant.Policy{Exact: exact, Permit: permit, Lifetime: validity}
	p.leaf = authority.Leaf{Validity: validity, Target: release}
	if err := hint.First(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	if o.atMost < 1 {
		return nil, fmt.Errorf("--at-most %d signs nothing", o.atMost)
	}
	for _, name := range o.keyTypes {
		keyType, err := pki.ParseKeyType(name)
		if err != nil {
			return nil, err
		}
		p.KeyTypes = append(p.KeyTypes, keyType)
	}
	if o.role == "" {
		return p, nil
	}
	kind, err := subject.ParseKind(o.role)
	p.Roles = kind.Roles()
	return p, err
}

// grant decides what certificate a request gets, or why it gets none. It makes the
// identity from the request; [grant.Policy.Check] holds the finished certificate to the
// policy.
func (p *signPolicy) grant(a *authority.Authority, csr *pki.CSR) (o order, err error) {
	key := pki.KeyID(csr.PublicKey)
	isCA := func(ca *x509.Certificate) bool { return key == pki.KeyIDOf(ca) }
	if key != "" && slices.ContainsFunc(slices.Concat(a.Certificates, a.Retired), isCA) {
		return o, errors.New("its key is the CA's own")
	}
	if err := p.checkForeign(&o, csr); err != nil {
		return o, err
	}
	if o.Role, err = p.role(csr); err != nil {
		return o, err
	}
	if o.Name, err = subject.NameIn(csr, o.Role); err != nil {
		return o, err
	}
	at := p.of(a.CA.Certificate, o.Role)
	if p.ownSubject {
		if o.RawSubject = csr.RawSubject; at.Template { // which would hide whose word it is
			err = at.CheckSubject(csr.RawSubject)
		}
	}
	if err := hint.First(err, o.takeNames(csr)); err != nil {
		return o, err
	}
	o.leaveOut(&at, p.leaveOut)
	return o, nil
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
		return hint.With(fmt.Errorf("it asks for %s, which is not granted", what), "--ignore-extensions signs without")
	}
	o.note("without %s", what)
	return nil
}

// role is the one that is granted: the one that is asked for, where the policy
// has it. One that asks for nothing in particular gets the one role of the policy.
func (p *signPolicy) role(csr *pki.CSR) (pki.Role, error) {
	asked := csr.Roles
	if len(asked) == 0 && len(p.Roles) == 1 {
		return p.Roles[0], nil
	}
	if len(asked) == 0 {
		return "", hint.With(errors.New("it does not say whether it is for a server or a client"), "grant one with --role server or --role client")
	}
	granted := slices.DeleteFunc(slices.Clone(asked), func(role pki.Role) bool {
		return len(p.Roles) > 0 && !slices.Contains(p.Roles, role)
	})
	switch {
	case len(granted) == 0:
		return "", fmt.Errorf("it asks to be a %s, which is not granted", asked[0])
	case len(granted) > 1 && granted[0] != granted[1]:
		return "", hint.With(errors.New("it asks to be server and client with one key"), "make a request for each (virtpki request host), or grant one with --role")
	}
	return granted[0], nil
}

// takeNames checks the names that a request asks for. A server is called by its
// CN too, as issue has it.
func (o *order) takeNames(csr *pki.CSR) error {
	if o.Role == pki.Client {
		if len(csr.DNSNames)+len(csr.IPAddresses) > 0 {
			o.note("without its subjectAltName: libvirt looks at none of a client's")
		}
		return nil
	}
	for _, name := range csr.DNSNames {
		if net.ParseIP(name) != nil {
			return fmt.Errorf("it asks for the address %s as if it were a DNS name", name)
		}
		if err := o.Add(name); err != nil {
			return err
		}
	}
	for _, ip := range csr.IPAddresses {
		o.AddIP(ip)
	}
	if o.AddDNS(o.Name); len(o.DNS) > len(csr.DNSNames) {
		o.note("for %s too", o.Name)
	}
	return nil
}

// leaveOut drops the names that are not granted where that is wanted, and in any case
// the short form of one that is: nobody has asked for it. What it does not drop refuses
// the request, once the certificate is looked at.
func (o *order) leaveOut(p *grant.Policy, all bool) {
	shorts := make(map[string]bool)
	for _, name := range o.DNS {
		if short := strings.ToLower(subject.Short(name)); short != strings.ToLower(name) && p.GrantsDNS(name) {
			shorts[short] = true
		}
	}
	var kept subject.Names
	var out []string
	for _, name := range o.DNS {
		if p.GrantsDNS(name) || !all && !shorts[strings.ToLower(name)] {
			kept.DNS = append(kept.DNS, name)
		} else {
			out = append(out, name)
		}
	}
	for _, ip := range o.IPs {
		if addr, _ := netip.AddrFromSlice(ip); p.GrantsAddr(addr) || !all {
			kept.IPs = append(kept.IPs, ip)
		} else {
			out = append(out, ip.String())
		}
	}
	if len(out) > 0 {
		o.note("without %s, which may not be granted", strings.Join(out, ", "))
	}
	o.Names = kept
}

// hintGranted adds to a refusal what would grant the name.
func hintGranted(err error) error {
	var not *grant.NotGranted
	switch {
	case !errors.As(err, &not):
		return err
	case not.Limits:
		return hint.With(err, "--leave-out signs without it")
	case not.CN:
		return hint.With(err, "--exact-name %s grants it", termtext.ShellWord(not.Name))
	}
	return hint.With(err, "--exact-name %s grants it, --leave-out signs without it", termtext.ShellWord(not.Name))
}

// describes reports whether a certificate is what the order would give, but for
// its dates and serial.
func (o *order) describes(cert, ca *x509.Certificate) bool {
	raw, err := o.Subject(ca)
	return err == nil && string(raw) == string(cert.RawSubject) && slices.Equal(pki.RolesOf(cert), []pki.Role{o.Role}) &&
		slices.Equal(o.DNS, cert.DNSNames) && slices.EqualFunc(o.IPs, cert.IPAddresses, net.IP.Equal)
}
