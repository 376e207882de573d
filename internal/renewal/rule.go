package renewal

import (
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Rule says when a certificate is due for renewal.
type Rule struct {
	Window pki.Window // how long before its end
	Force  bool       // even if it is in order
	Issuer string     // SHA-256 fingerprint of the CA that has to have signed it, in hexadecimal; empty for any CA here
	Names  NameChange // of the server certificates of the machine
}

// Why returns why the certificate in a layout has to be renewed; nothing if it does not.
func (r Rule) Why(m *machine.Machine, layout libvirt.Layout, live *keypair.Pair) ([]string, error) {
	a, err := authority.Open(m)
	if err != nil {
		return nil, err
	}
	c := &candidate{layout: layout, place: placeOf(m, layout), role: live.Role, pair: live, signed: a.HasSigned(live.Cert)}
	return r.gather(m, a, c).reasons(), nil
}

// facts are all that decides whether a certificate is due.
type facts struct {
	now      time.Time
	forced   bool
	opens    time.Time // when it becomes due by its age
	cert     *x509.Certificate
	key      string   // the fault of its key; empty if it has none
	signed   bool     // by a generation of the CA here
	outgoing bool     // by one that does not sign any more, in a rollover
	foreign  bool     // by another CA than the one that was named
	missing  []net.IP // addresses of this machine that it lacks
	lacking  string   // names that it is to get
	unwanted string   // names that it is to lose
}

// gather looks at everything that decides about a certificate.
func (r Rule) gather(m *machine.Machine, a *authority.Authority, c *candidate) facts {
	cert, now := c.pair.Cert, m.Now()
	f := facts{
		now: now, forced: r.Force, opens: r.Window.CertificateOpens(cert), cert: cert,
		signed: c.signed, foreign: !r.issued(a, cert), missing: missingAddresses(m, a, c),
	}
	names := r.namesFor(c)
	f.lacking, f.unwanted = names.lacking(cert), names.kept(cert)
	f.outgoing = a.Rollover != nil && !now.Before(a.Rollover.Switch) && cert.CheckSignatureFrom(a.CA.Certificate) != nil
	if !c.sealed {
		f.key = keyProblem(c.pair)
	}
	return f
}

// reasons returns why a certificate with these facts is due, the most pressing reason first.
func (f facts) reasons() []string {
	var due []string
	for _, why := range []func(facts) string{whyAge, whyKey, whySigner, whyAddresses, whyNames, whyIssuer} {
		if text := why(f); text != "" {
			due = append(due, text)
		}
	}
	return due
}

func whyAge(f facts) string {
	switch {
	case f.forced:
		return "due because of --force"
	case !f.now.Before(f.cert.NotAfter):
		return "expired on " + termtext.Day(f.cert.NotAfter)
	case !f.now.Before(f.opens):
		return "due: until " + termtext.Day(f.cert.NotAfter)
	}
	return ""
}

func whyKey(f facts) string { return f.key }

func whySigner(f facts) string {
	switch {
	case !f.signed:
		return "not signed by the CA here"
	case f.outgoing:
		return "signed by the CA that is being replaced"
	}
	return ""
}

func whyAddresses(f facts) string {
	if len(f.missing) == 0 {
		return ""
	}
	return fmt.Sprintf("lacks %s, which this machine has now", termtext.Join(f.missing))
}

func whyIssuer(f facts) string {
	if f.foreign {
		return "not signed by the CA that signs now"
	}
	return ""
}

// keyProblem returns why the key of a pair does not fit its certificate; empty if it does.
func keyProblem(p *keypair.Pair) string {
	switch err := p.ReadKey(); {
	case err != nil:
		return fmt.Sprintf("its key cannot be used: %v", err)
	case p.Key == nil:
		return "its key is missing"
	case p.Mismatch() != nil:
		return "its key belongs to another certificate"
	}
	return ""
}

// issued reports whether the CA that must have signed a certificate has.
func (r Rule) issued(a *authority.Authority, cert *x509.Certificate) bool {
	if r.Issuer == "" {
		return true
	}
	for _, ca := range a.Certificates {
		if libvirt.Fingerprint(ca) == r.Issuer {
			return cert.CheckSignatureFrom(ca) == nil
		}
	}
	return false
}

// missingAddresses returns the addresses of this machine that its server certificate lacks and
// that the CA may sign for.
func missingAddresses(m *machine.Machine, a *authority.Authority, c *candidate) []net.IP {
	out := leftOut(m, c)
	return slices.DeleteFunc(ownAddresses(m, a, c), func(ip net.IP) bool {
		return slices.ContainsFunc(c.pair.Cert.IPAddresses, ip.Equal) || slices.ContainsFunc(out, ip.Equal)
	})
}

// ownAddresses returns the addresses of this machine that the server certificate at a place is
// to have, and that the CA may sign for.
func ownAddresses(m *machine.Machine, a *authority.Authority, c *candidate) []net.IP {
	if c.role != pki.Server || c.place != ofSystem || !m.Live() {
		return nil
	}
	ips, err := m.Addresses()
	if err != nil {
		return nil
	}
	permit := pki.PermitOf(a.CA.Certificate)
	return slices.DeleteFunc(ips, func(ip net.IP) bool { return !permit.PermitsIP(ip) })
}

// leftOut returns the addresses that a CA elsewhere has left out of the live certificate though
// they were requested: a new request would bring the same response.
func leftOut(m *machine.Machine, c *candidate) []net.IP {
	if !keyAbsent(m) {
		return nil
	}
	asked, err := keypair.Requests(m.Tree(), c.layout)
	if csr := keypair.RequestFor(asked, c.pair.Cert.PublicKey); err == nil && csr != nil {
		return csr.IPAddresses
	}
	return nil
}
