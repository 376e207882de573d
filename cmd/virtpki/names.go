package main

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// maxCommonName is the longest CN or O that X.520 allows (RFC 5280, appendix
// A.1, ub-common-name and ub-organization-name), in characters.
const maxCommonName = 64

// checkHost says what keeps name from being the name of a server.
func checkHost(name string) error {
	if _, err := netip.ParseAddr(name); err == nil {
		return hint.With(fmt.Errorf("server name %q is an address", name), "give the host's name, and the address with --san %s", name)
	}
	if strings.HasPrefix(name, "*.") {
		return hint.With(fmt.Errorf("server name %q is a wildcard", name), "give the host's own name, and the wildcard with --san '%s'", name)
	}
	return checkDNS("server name", name)
}

func checkDNS(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is empty", what)
	case strings.IndexFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) >= 0:
		return hint.With(fmt.Errorf("%s %s is not ASCII", what, termtext.QuoteShort(name)), "write an international name in its ASCII form, which begins with xn--")
	case len(name) > 253:
		return fmt.Errorf("%s %s has %d characters (at most 253)", what, termtext.QuoteShort(name), len(name))
	case !grant.IsHostName(name):
		return fmt.Errorf("%s %s is no DNS name", what, termtext.QuoteShort(name))
	case strings.Trim(name[strings.LastIndexByte(name, '.')+1:], "0123456789") == "":
		return hint.With(fmt.Errorf("%s %s is neither an address nor a DNS name, which does not end in a number", what, termtext.QuoteShort(name)),
			"an IPv4 address has four parts from 0 to 255")
	}
	return nil
}

// checkClient says what keeps name from being the name of a client: it becomes
// a CN, and the name of a folder.
func checkClient(name string) error {
	if err := checkText("client name", name); err != nil {
		return err
	}
	switch {
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("client name %q holds a slash", name)
	case strings.HasPrefix(name, "."):
		return fmt.Errorf("client name %q begins with a dot", name)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("client name %q begins or ends with a space", name)
	}
	return nil
}

// checkText says what keeps text from being a CN or an O.
func checkText(what, text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%s %q is empty", what, text)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s %s is not valid UTF-8", what, termtext.QuoteShort(text))
	case utf8.RuneCountInString(text) > maxCommonName:
		return fmt.Errorf("%s %s has %d characters (at most %d)", what, termtext.QuoteShort(text), utf8.RuneCountInString(text), maxCommonName)
	case strings.IndexFunc(text, termtext.Hidden) >= 0:
		return fmt.Errorf("%s %s holds a character that cannot be printed", what, termtext.QuoteShort(text))
	}
	return nil
}

// altNames are the subject alternative names of a server.
type altNames struct {
	dns  []string
	ips  []net.IP
	seen map[string]bool // what is in both lists; see has
	// found are those that nobody asked for: the short name, the addresses of
	// this machine. A limited CA goes without the ones it may not sign.
	found struct {
		dns []string
		ips []net.IP
	}
}

// lacking lists the names that were asked for and that a certificate does not
// have.
func (a altNames) lacking(cert *x509.Certificate) string {
	var missing []string
	for _, name := range a.dns {
		if !slices.Contains(a.found.dns, name) && !slices.Contains(cert.DNSNames, name) {
			missing = append(missing, name)
		}
	}
	for _, ip := range a.ips {
		if !slices.ContainsFunc(a.found.ips, ip.Equal) && !slices.ContainsFunc(cert.IPAddresses, ip.Equal) {
			missing = append(missing, ip.String())
		}
	}
	return strings.Join(missing, ", ")
}

// within leaves out the names that were found and that a CA may not sign, and
// lists them.
func (a altNames) within(permit pki.Permit) (kept altNames, dropped []string) {
	for _, name := range a.dns {
		if slices.Contains(a.found.dns, name) && !permit.PermitsDNS(name) {
			dropped = append(dropped, name)
			continue
		}
		kept.dns = append(kept.dns, name)
	}
	for _, ip := range a.ips {
		if slices.ContainsFunc(a.found.ips, ip.Equal) && !permit.PermitsIP(ip) {
			dropped = append(dropped, ip.String())
			continue
		}
		kept.ips = append(kept.ips, ip)
	}
	return kept, dropped
}

// text lists the names for people.
func (a altNames) text() string {
	names := append([]string{}, a.dns...)
	for _, ip := range a.ips {
		names = append(names, ip.String())
	}
	return strings.Join(names, ", ")
}

// add tells a DNS name from an address by its form. Wildcards are taken in the
// one form that GnuTLS matches: a whole leftmost label, with two labels behind.
func (a *altNames) add(san string) error {
	if addr, err := netip.ParseAddr(san); err == nil {
		if addr.Zone() != "" {
			return fmt.Errorf("SAN %q names an interface, which a certificate cannot hold", san)
		}
		a.addIP(net.IP(addr.Unmap().AsSlice()))
		return nil
	}
	rest, wildcard := strings.CutPrefix(san, "*.")
	if err := checkDNS("SAN", rest); err != nil {
		return err
	}
	if wildcard && !strings.Contains(rest, ".") {
		return hint.With(fmt.Errorf("SAN %q matches no host", san), "GnuTLS wants two labels behind the star: *.lab.example")
	}
	a.addDNS(san)
	return nil
}

func (a *altNames) addDNS(name string) {
	if !a.has(strings.ToLower(name)) {
		a.dns = append(a.dns, name)
	}
}

func (a *altNames) addIP(ip net.IP) {
	if !a.has(string(ip.To16())) {
		a.ips = append(a.ips, ip)
	}
}

// has reports whether a name, in lower case, or the 16 bytes of an address are there,
// and remembers that they will be.
func (a *altNames) has(slot string) bool {
	if a.seen == nil || len(a.seen) != len(a.dns)+len(a.ips) { // they were put there otherwise
		a.seen = make(map[string]bool)
		for _, name := range a.dns {
			a.seen[strings.ToLower(name)] = true
		}
		for _, ip := range a.ips {
			a.seen[string(ip.To16())] = true
		}
	}
	there := a.seen[slot]
	a.seen[slot] = true
	return there
}

// serverNames collects what peers may call a server: its name, its short name,
// what the user adds, and, when it is this machine, its other name and each of
// its addresses. With only, it is its name and what the user adds.
func (e *env) serverNames(name string, sans []string, here, only bool, machine []string) (altNames, error) {
	var names altNames
	names.addDNS(name)
	for _, san := range sans {
		if err := names.add(san); err != nil {
			return altNames{}, err
		}
	}
	if only {
		return names, nil
	}
	asked := names
	names.addDNS(shortName(name))
	if isOneOf(name, machine) {
		for _, other := range machine {
			names.addDNS(other)
		}
	}
	if here {
		ips, err := e.addresses()
		if err != nil {
			return altNames{}, fmt.Errorf("listing this machine's addresses: %w", err)
		}
		for _, ip := range ips {
			names.addIP(ip)
		}
	}
	names.found.dns, names.found.ips = names.dns[len(asked.dns):], names.ips[len(asked.ips):]
	return names, nil
}

func shortName(host string) string {
	short, _, _ := strings.Cut(host, ".")
	return short
}

// maxHostsFile is more than /etc/hosts needs, in bytes.
const maxHostsFile = 1 << 20

// machineNames are the names of this machine: what the system says, and the full
// name where the hosts file knows it. No DNS is asked, so that a first boot does
// not wait for one. What the system says comes first, and becomes the CN:
// virt-pki-validate before libvirt 10.5 compares it with that.
func (e *env) machineNames(t store.Tree, hostsFile string) ([]string, error) {
	name, err := e.hostname()
	if err != nil {
		return nil, fmt.Errorf("the name of this machine: %w", err)
	}
	names := []string{name}
	hosts, _ := t.ReadFile(hostsFile, maxHostsFile)
	for line := range strings.Lines(string(hosts)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) > 1 && slices.Contains(fields[1:], name) && shortName(fields[1]) == name && fields[1] != name {
			return append(names, fields[1]), nil
		}
	}
	return names, nil
}

// isOneOf reports whether host is one of names, or the short form of one.
func isOneOf(host string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(host, name) || strings.EqualFold(host, shortName(name))
	})
}
