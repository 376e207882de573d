package subject

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"virtpki/internal/hint"
	"virtpki/pki"
)

// Names are the subject alternative names of a server.
type Names struct {
	DNS  []string
	IPs  []net.IP
	seen map[string]bool // the names in both lists; see has
	// Found holds the names that nobody asked for: the short name, the addresses of this machine. A
	// limited CA leaves out the ones that it may not sign.
	Found struct {
		DNS []string
		IPs []net.IP
	}
}

// Lacking returns the names of [Names.Missing] with commas between them.
func (a Names) Lacking(cert *x509.Certificate) string {
	return strings.Join(a.Missing(cert), ", ")
}

// Missing returns the names that were asked for and that a certificate does not have.
// DNS names are compared without regard to case (RFC 4343).
func (a Names) Missing(cert *x509.Certificate) (missing []string) {
	for _, name := range a.DNS {
		if !slices.Contains(a.Found.DNS, name) && !slices.ContainsFunc(cert.DNSNames, func(has string) bool { return strings.EqualFold(has, name) }) {
			missing = append(missing, name)
		}
	}
	for _, ip := range a.IPs {
		if !slices.ContainsFunc(a.Found.IPs, ip.Equal) && !slices.ContainsFunc(cert.IPAddresses, ip.Equal) {
			missing = append(missing, ip.String())
		}
	}
	return missing
}

// Within returns the names without those that were found and that a CA may not sign,
// and lists these.
func (a Names) Within(permit pki.Permit) (kept Names, dropped []string) {
	for _, name := range a.DNS {
		if slices.Contains(a.Found.DNS, name) && !permit.PermitsDNS(name) {
			dropped = append(dropped, name)
			continue
		}
		kept.DNS = append(kept.DNS, name)
	}
	for _, ip := range a.IPs {
		if slices.ContainsFunc(a.Found.IPs, ip.Equal) && !permit.PermitsIP(ip) {
			dropped = append(dropped, ip.String())
			continue
		}
		kept.IPs = append(kept.IPs, ip)
	}
	return kept, dropped
}

// Text returns the names with commas between them.
func (a Names) Text() string {
	names := append([]string{}, a.DNS...)
	for _, ip := range a.IPs {
		names = append(names, ip.String())
	}
	return strings.Join(names, ", ")
}

// Add adds a DNS name or an address that the user typed, and tells them apart by their form. It
// accepts wildcards only in the form that GnuTLS matches: a whole leftmost label, with two labels
// behind.
func (a *Names) Add(san string) error {
	if addr, err := netip.ParseAddr(san); err == nil {
		if addr.Zone() != "" {
			return fmt.Errorf("SAN %q names an interface, which a certificate cannot contain", san)
		}
		a.AddIP(net.IP(addr.Unmap().AsSlice()))
		return nil
	}
	rest, wildcard := strings.CutPrefix(san, "*.")
	if err := CheckDNS("SAN", rest); err != nil {
		return err
	}
	if wildcard && !strings.Contains(rest, ".") {
		return hint.With(fmt.Errorf("SAN %q matches no host", san), "GnuTLS needs two labels after the star: *.lab.example")
	}
	a.AddDNS(san)
	return nil
}

// AddDNS adds a DNS name, unless it is there already in any case.
func (a *Names) AddDNS(name string) {
	if !a.has(strings.ToLower(name)) {
		a.DNS = append(a.DNS, name)
	}
}

// AddIP adds an address, unless it is there already.
func (a *Names) AddIP(ip net.IP) {
	if !a.has(string(ip.To16())) {
		a.IPs = append(a.IPs, ip)
	}
}

// has reports whether a name, in lower case, or the 16 bytes of an address are there,
// and remembers that they will be.
func (a *Names) has(slot string) bool {
	if a.seen == nil || len(a.seen) != len(a.DNS)+len(a.IPs) { // names were added without has
		a.seen = make(map[string]bool)
		for _, name := range a.DNS {
			a.seen[strings.ToLower(name)] = true
		}
		for _, ip := range a.IPs {
			a.seen[string(ip.To16())] = true
		}
	}
	there := a.seen[slot]
	a.seen[slot] = true
	return there
}

// Outside returns a name that a CA may not sign. It is empty when the CA may sign all.
func (a Names) Outside(permit pki.Permit) string {
	for _, name := range a.DNS {
		if !permit.PermitsDNS(name) {
			return name
		}
	}
	for _, ip := range a.IPs {
		if !permit.PermitsIP(ip) {
			return ip.String()
		}
	}
	return ""
}
