package sign

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Policy holds the names and roles that the CA grants in one run, and the way in which it makes a
// certificate from a request. The run sets Limits, Prefix and Template of [grant.Policy] from the
// CA.
type Policy struct {
	grant.Policy
	Leaf        authority.Leaf
	OwnSubject  bool // give the subject that the request asks for
	LeaveOut    bool // leave out names that may not be granted, and do not refuse the request
	IgnoreExtra bool // sign without the extensions that are not granted, and do not refuse the request
}

// of returns the policy for one CA, which adds the CA's own limits.
func (p *Policy) of(ca *x509.Certificate, role pki.Role) grant.Policy {
	at := p.Policy
	at.Limits, at.Prefix, at.Template = pki.PermitOf(ca), subject.Prefix(ca), p.Leaf.Templates[role] != nil
	return at
}

// decision describes the certificate that one request gets.
type decision struct {
	subject.Identity
	finished *x509.Certificate // as it will be signed, except for serial and signature
	left     []string          // names of it that somebody else has, and that are left out
	notes    []string
	before   []*x509.Certificate // for the same key, signed earlier
}

func (d *decision) note(format string, args ...any) {
	d.notes = append(d.notes, termtext.Sprintf(format, args...))
}

// decide returns the certificate that a request gets, or an error if it gets none. It makes the
// identity from the request, has a stand-in for the CA sign that, and checks the finished
// certificate against the policy. It does not look at earlier certificates and revocations of the
// CA.
func (p *Policy) decide(a *authority.Authority, standIn *pki.CA, csr *pki.CSR, now time.Time) (d decision, err error) {
	if d, err = p.identify(a, csr); err != nil {
		return d, err
	}
	request, _, err := a.RequestFor(authority.Order{Leaf: p.Leaf, Identity: d.Identity, PublicKey: csr.PublicKey, Now: now, Quick: true})
	if err != nil {
		return d, err
	}
	if d.finished, err = standIn.Issue(request); d.finished == nil {
		return d, err
	}
	return d, hint.First(p.hold(a, d, d.finished), err)
}

// hold checks a finished certificate against the policy.
func (p *Policy) hold(a *authority.Authority, d decision, cert *x509.Certificate) error {
	at := p.of(a.CA.Certificate, d.Role)
	return at.Check(cert, d.Role)
}

// identify makes the identity that a request is for.
func (p *Policy) identify(a *authority.Authority, csr *pki.CSR) (d decision, err error) {
	key := pki.KeyID(csr.PublicKey)
	isCA := func(ca *x509.Certificate) bool { return key == pki.KeyIDOf(ca) }
	if key != "" && slices.ContainsFunc(slices.Concat(a.Certificates, a.Retired), isCA) {
		return d, errors.New("its key is the CA's own")
	}
	if err := p.checkForeign(&d, csr); err != nil {
		return d, err
	}
	if d.Role, err = p.role(csr); err != nil {
		return d, err
	}
	if d.Name, err = subject.NameIn(csr, d.Role); err != nil {
		return d, err
	}
	at := p.of(a.CA.Certificate, d.Role)
	if p.OwnSubject {
		if d.RawSubject = csr.RawSubject; at.Template { // it would hide who decided on the subject
			err = at.CheckSubject(csr.RawSubject)
		}
	}
	if err := hint.First(err, d.takeNames(csr)); err != nil {
		return d, err
	}
	d.leaveOut(&at, p.LeaveOut)
	return d, nil
}

// checkForeign refuses extensions and names that no certificate made here has.
func (p *Policy) checkForeign(d *decision, csr *pki.CSR) error {
	if len(csr.Repeated) > 0 {
		d.note("it names %s more than once: granted once", termtext.Line(strings.Join(csr.Repeated, ", ")))
	}
	if len(csr.Foreign) == 0 {
		return nil
	}
	what := strings.Join(csr.Foreign, ", ")
	if !p.IgnoreExtra {
		return hint.With(fmt.Errorf("it asks for %s, which is not granted", what), "--ignore-extensions signs without")
	}
	d.note("without %s", what)
	return nil
}

// role returns the granted role: the one that is asked for, if the policy has it. A request without
// a particular role gets the one role of the policy.
func (p *Policy) role(csr *pki.CSR) (pki.Role, error) {
	asked := csr.Roles
	if len(asked) == 0 && len(p.Roles) == 1 {
		return p.Roles[0], nil
	}
	if len(asked) == 0 {
		return "", hint.With(errors.New("it does not say whether it is for a server or a client"), "grant a role with --role server or --role client")
	}
	granted := slices.DeleteFunc(slices.Clone(asked), func(role pki.Role) bool {
		return len(p.Roles) > 0 && !slices.Contains(p.Roles, role)
	})
	switch {
	case len(granted) == 0:
		return "", fmt.Errorf("it asks to be a %s, which is not granted", asked[0])
	case len(granted) > 1 && granted[0] != granted[1]:
		return "", hint.With(errors.New("it asks for both roles, server and client, with one key"), "make a request for each role (virtpki request host), or grant one with --role")
	}
	return granted[0], nil
}

// takeNames checks the names that a request asks for. The CN of a server counts as one of them, as
// in issue.
func (d *decision) takeNames(csr *pki.CSR) error {
	if d.Role == pki.Client {
		if len(csr.DNSNames)+len(csr.IPAddresses) > 0 {
			d.note("without its subjectAltName: libvirt ignores that of a client")
		}
		return nil
	}
	for _, name := range csr.DNSNames {
		if net.ParseIP(name) != nil {
			return fmt.Errorf("it asks for the address %s as a DNS name", name)
		}
		if err := d.Add(name); err != nil {
			return err
		}
	}
	for _, ip := range csr.IPAddresses {
		d.AddIP(ip)
	}
	if d.AddDNS(d.Name); len(d.DNS) > len(csr.DNSNames) {
		d.note("for %s too", d.Name)
	}
	return nil
}

// leaveOut drops all names that are not granted, if all is set. Otherwise it drops only the short
// form of a granted name, because nobody has asked for that. The remaining names that are not
// granted make the later check of the certificate refuse the request.
func (d *decision) leaveOut(p *grant.Policy, all bool) {
	shorts := make(map[string]bool)
	for _, name := range d.DNS {
		if short := strings.ToLower(subject.Short(name)); short != strings.ToLower(name) && p.GrantsDNS(name) {
			shorts[short] = true
		}
	}
	var kept subject.Names
	var out []string
	for _, name := range d.DNS {
		if p.GrantsDNS(name) || !all && !shorts[strings.ToLower(name)] {
			kept.DNS = append(kept.DNS, name)
		} else {
			out = append(out, name)
		}
	}
	for _, ip := range d.IPs {
		if addr, _ := netip.AddrFromSlice(ip); p.GrantsAddr(addr) || !all {
			kept.IPs = append(kept.IPs, ip)
		} else {
			out = append(out, ip.String())
		}
	}
	if len(out) > 0 {
		d.note("without %s, which may not be granted", strings.Join(out, ", "))
	}
	d.Names = kept
}

// hintGranted adds to a refusal the options that would grant the name or leave it out.
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

// describes reports whether a certificate matches the decision, except for its dates and serial.
func (d *decision) describes(cert, ca *x509.Certificate) bool {
	raw, err := d.Subject(ca)
	return err == nil && string(raw) == string(cert.RawSubject) && slices.Equal(pki.RolesOf(cert), []pki.Role{d.Role}) &&
		slices.Equal(d.DNS, cert.DNSNames) && slices.EqualFunc(d.IPs, cert.IPAddresses, net.IP.Equal)
}
