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
	seen map[string]bool // what is in both lists; see has
	// Found are those that nobody asked for: the short name, the addresses of
	// this machine. A limited CA goes without the ones it may not sign.
	Found struct {
		DNS []string
		IPs []net.IP
	}
}

// Lacking returns the names that were asked for and that a certificate does not have,
// with commas between them. DNS names are compared without regard to case (RFC 4343).
func (a Names) Lacking(cert *x509.Certificate) string {
	var missing []string
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
	return strings.Join(missing, ", ")
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

// Add adds what the user typed: a DNS name, or an address, told apart by their form.
// Wildcards are taken in the one form that GnuTLS matches: a whole leftmost label, with
// two labels behind.
func (a *Names) Add(san string) error {
	if addr, err := netip.ParseAddr(san); err == nil {
		if addr.Zone() != "" {
			return fmt.Errorf("SAN %q names an interface, which a certificate cannot hold", san)
		}
		a.AddIP(net.IP(addr.Unmap().AsSlice()))
		return nil
	}
	rest, wildcard := strings.CutPrefix(san, "*.")
	if err := CheckDNS("SAN", rest); err != nil {
		return err
	}
	if wildcard && !strings.Contains(rest, ".") {
		return hint.With(fmt.Errorf("SAN %q matches no host", san), "GnuTLS wants two labels behind the star: *.lab.example")
	}
	a.AddDNS(san)
	return nil
}

// AddDNS adds a DNS name that is not there yet, in whatever case.
func (a *Names) AddDNS(name string) {
	if !a.has(strings.ToLower(name)) {
		a.DNS = append(a.DNS, name)
	}
}

// AddIP adds an address that is not there yet.
func (a *Names) AddIP(ip net.IP) {
	if !a.has(string(ip.To16())) {
		a.IPs = append(a.IPs, ip)
	}
}

// has reports whether a name, in lower case, or the 16 bytes of an address are there,
// and remembers that they will be.
func (a *Names) has(slot string) bool {
	if a.seen == nil || len(a.seen) != len(a.DNS)+len(a.IPs) { // they were put there otherwise
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

// Outside returns a name that a CA may not sign; empty when it may sign all.
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
