package renewal

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// NameChange holds the names and addresses that the server certificates of a machine get and
// lose: libvirt's, and those of QEMU's that are not copies of it. The zero value changes
// nothing.
type NameChange struct{ add, remove subject.Names }

// ParseNames reads the names and addresses to add and to remove, as the user typed them. Errors
// are usage errors.
func ParseNames(add, remove []string) (c NameChange, err error) {
	for _, san := range add {
		err = hint.First(err, c.add.Add(san))
	}
	for _, san := range remove {
		err = hint.First(err, c.remove.Add(san))
	}
	if err != nil {
		return c, hint.Usage(err)
	}
	if both := c.remove.Lacking(without(&x509.Certificate{DNSNames: c.remove.DNS, IPAddresses: c.remove.IPs}, c.add)); both != "" {
		return c, hint.Usagef("%s cannot be both added and removed", both)
	}
	return c, nil
}

// empty reports whether nothing is to be changed.
func (n NameChange) empty() bool {
	return len(n.add.DNS)+len(n.add.IPs)+len(n.remove.DNS)+len(n.remove.IPs) == 0
}

// lacking returns the names to add that are not in a certificate yet.
func (n NameChange) lacking(cert *x509.Certificate) string { return n.add.Lacking(cert) }

// kept returns the names to remove that are still in a certificate.
func (n NameChange) kept(cert *x509.Certificate) string {
	var all []string
	for _, name := range cert.DNSNames {
		if hasDNS(n.remove, name) {
			all = append(all, name)
		}
	}
	for _, ip := range cert.IPAddresses {
		if slices.ContainsFunc(n.remove.IPs, ip.Equal) {
			all = append(all, ip.String())
		}
	}
	return strings.Join(all, ", ")
}

// of returns the names of the next certificate, from those that it would have otherwise.
func (n NameChange) of(names subject.Names) subject.Names {
	left := without(&x509.Certificate{DNSNames: names.DNS, IPAddresses: names.IPs}, n.remove)
	next := subject.Names{DNS: left.DNSNames, IPs: left.IPAddresses}
	for _, name := range n.add.DNS {
		next.AddDNS(name)
	}
	for _, ip := range n.add.IPs {
		next.AddIP(ip)
	}
	return next
}

// hasDNS reports whether a DNS name is among some names, in any case.
func hasDNS(names subject.Names, name string) bool {
	return slices.ContainsFunc(names.DNS, func(one string) bool { return strings.EqualFold(one, name) })
}

// without returns a certificate's names without some.
func without(cert *x509.Certificate, names subject.Names) *x509.Certificate {
	return &x509.Certificate{
		DNSNames: slices.DeleteFunc(slices.Clone(cert.DNSNames), func(name string) bool { return hasDNS(names, name) }),
		IPAddresses: slices.DeleteFunc(slices.Clone(cert.IPAddresses), func(ip net.IP) bool {
			return slices.ContainsFunc(names.IPs, ip.Equal)
		}),
	}
}

// namesFor returns the change of names for a candidate: the zero value for all but the servers
// of the machine itself.
func (r Rule) namesFor(c *candidate) NameChange {
	if c.role != pki.Server || c.place == ofUser {
		return NameChange{}
	}
	return r.Names
}

// renaming holds the facts that decide whether the names of a certificate can be changed.
type renaming struct {
	change NameChange
	left   int      // names of the next certificate
	own    []net.IP // addresses that a renewal would add again
	permit pki.Permit
}

// refusal returns why the names cannot be changed as requested; nil if they can.
func (n renaming) refusal() error {
	for _, ip := range n.own {
		if slices.ContainsFunc(n.change.remove.IPs, ip.Equal) {
			return fmt.Errorf("this machine has the address %s: the next renewal would add it again", ip)
		}
	}
	if n.left == 0 {
		return errors.New("it would have no name left")
	}
	if outside := n.change.add.Outside(n.permit); outside != "" {
		return fmt.Errorf("the CA's own limits do not permit %s (%s)", outside, n.permit)
	}
	return nil
}

// rename refuses a candidate if its names cannot be changed as requested.
func (r Rule) rename(a *authority.Authority, c *candidate, own []net.IP) {
	change := r.namesFor(c)
	if c.err != nil || change.lacking(c.pair.Cert)+change.kept(c.pair.Cert) == "" {
		return
	}
	next := c.identity()
	err := renaming{change, len(next.DNS) + len(next.IPs), own, pki.PermitOf(a.CA.Certificate)}.refusal()
	if err != nil {
		c.err = fmt.Errorf("%s: %w", c.pair.CertPath, err)
	}
}

// whyNames words the change of names for a certificate.
func whyNames(f facts) string {
	var parts []string
	if f.lacking != "" {
		parts = append(parts, "lacks the requested "+f.lacking)
	}
	if f.unwanted != "" {
		parts = append(parts, "has "+f.unwanted+", which is to be removed")
	}
	return strings.Join(parts, ", and ")
}

// namesUnmet returns the error for requested names that no certificate here can have.
func (r Rule) namesUnmet(m *machine.Machine, found []*candidate) error {
	isServer := func(c *candidate) bool { return c.role == pki.Server && c.place != ofUser }
	if r.Names.empty() || slices.ContainsFunc(found, isServer) {
		return nil
	}
	return hint.With(errors.New("there is no server certificate here to change"), "virtpki %sissue server NAME --san OTHER makes one", m.Flags())
}

// namesNotThere returns the names to remove that no certificate here has.
func (r Rule) namesNotThere(found []*candidate) []string {
	rest := r.Names.remove
	for _, c := range found {
		if c.role == pki.Server && c.place != ofUser && c.pair.Cert != nil {
			left := without(&x509.Certificate{DNSNames: rest.DNS, IPAddresses: rest.IPs}, subject.Names{DNS: c.pair.Cert.DNSNames, IPs: c.pair.Cert.IPAddresses})
			rest = subject.Names{DNS: left.DNSNames, IPs: left.IPAddresses}
		}
	}
	if text := rest.Text(); text != "" {
		return []string{"no server certificate here has the name " + text}
	}
	return nil
}

// namesGranted returns the error for a response without the requested change of names.
func (r Rule) namesGranted(certs []*x509.Certificate) error {
	for _, cert := range certs {
		if !slices.Contains(pki.RolesOf(cert), pki.Server) {
			continue
		}
		if missing := r.Names.add.Missing(cert); len(missing) > 0 {
			return hint.With(fmt.Errorf("the CA has not granted %s: the live certificate stays", strings.Join(missing, ", ")),
				"grant it there: virtpki sign %s", termtext.ShellFlags("--exact-name", missing...))
		}
		if kept := r.Names.kept(cert); kept != "" {
			return fmt.Errorf("the CA's response still contains %s: the live certificate stays", kept)
		}
	}
	return nil
}
