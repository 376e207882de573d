package grant

import (
	"crypto/x509"
	"net/netip"
	"strings"
	"unicode"
)

// Names holds the names of a certificate, each once, in the form in which names are compared.
type Names struct {
	CNs []string     // every CN of the subject, of any string type; see [Fold]
	DNS []string     // every dNSName; see [Fold]
	IPs []netip.Addr // every iPAddress, an IPv4 address in its own form
}

// NamesOf returns the names of a certificate.
func NamesOf(cert *x509.Certificate) Names {
	var n Names
	attributes, _ := Attributes(cert.RawSubject) // there cannot be an error for a parsed certificate
	seen := make(map[string]bool)
	for _, a := range attributes {
		if a.IsCN() {
			n.CNs = appendNew(n.CNs, seen, "CN ", Fold(a.Text))
		}
	}
	for _, name := range cert.DNSNames {
		n.DNS = appendNew(n.DNS, seen, "DNS ", Fold(name))
	}
	addresses := make(map[netip.Addr]bool)
	for _, ip := range cert.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok && !addresses[addr.Unmap()] {
			addresses[addr.Unmap()] = true
			n.IPs = append(n.IPs, addr.Unmap())
		}
	}
	return n
}

func appendNew(list []string, seen map[string]bool, kind, name string) []string {
	if seen[kind+name] {
		return list
	}
	seen[kind+name] = true
	return append(list, name)
}

// Fold returns a name in the form in which names are compared: without case, without
// the dot at its end, and with single spaces. Letters that Unicode folds to one another
// (the Kelvin sign and k) are the same.
func Fold(name string) string {
	if isFolded(name) {
		return name
	}
	name = strings.Join(strings.Fields(name), " ")
	if trimmed := strings.TrimSuffix(name, "."); trimmed != "" {
		name = trimmed
	}
	return strings.Map(foldRune, name)
}

// isFolded reports, after a quick look, whether Fold would leave a name unchanged. That holds for
// most names, and a CA has thousands.
func isFolded(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && (c != '.' || i == len(name)-1) {
			return false
		}
	}
	return true
}

// foldRune returns the lower case of the least rune that folds to r.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return unicode.ToLower(least)
}
