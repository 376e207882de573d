package gnutls

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// maxHostName is GnuTLS's buffer for a name, with the NUL behind it (MAX_CN).
const maxHostName = 256

// MatchHost reports whether the certificate is for the host name or address, as
// gnutls_x509_crt_check_hostname does (lib/x509/hostname-verify.c). why names the parts of the
// certificate that the name was compared with. An address is compared only with the IP
// addresses of the certificate. A name is compared with its DNS names, and with its CN only
// where there are neither, there is one CN, and the purpose allows a TLS server. A URI, an SRV
// name or one of 256 bytes and more keeps the CN out too: so in GnuTLS 3.8.13, which
// distributions have carried back as a security fix; before, the CN of such a certificate
// counted. Names beyond ASCII match in their xn-- form.
func MatchHost(c *Certificate, name string) (ok bool, why string) {
	if addr, ok := parseAddress(name); ok {
		return matchAddress(c, addr)
	}
	matched, useCN := matchDNSNames(c, name)
	if matched {
		return true, ""
	}
	if !useCN {
		return false, fmt.Sprintf("it is for %s", NamesText(c))
	}
	if !c.servesTLS() {
		return false, "it contains no DNS name, and its purpose does not allow the CN instead"
	}
	cns := subjectValues(c.Subject, "2.5.4.3")
	if len(cns) != 1 || len(cns[0]) >= maxHostName {
		return false, fmt.Sprintf("it contains no DNS name, and %d CNs", len(cns))
	}
	if !printable(cns[0]) || !matchPattern(string(cns[0]), name) {
		return false, fmt.Sprintf("its CN is %q", cns[0])
	}
	return true, ""
}

// parseAddress tells addresses from names as inet_pton does.
func parseAddress(name string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(name)
	return addr, err == nil && addr.Zone() == ""
}

func matchAddress(c *Certificate, addr netip.Addr) (bool, string) {
	for _, value := range c.namesOf(nameIP) {
		if bytes.Equal(value, addr.AsSlice()) {
			return true, ""
		}
	}
	if len(c.namesOf(nameIP)) == 0 {
		return false, "it contains no IP address, and for an address nothing else counts"
	}
	return false, fmt.Sprintf("it is for %s", NamesText(c))
}

// matchDNSNames also says whether the CN may be looked at.
func matchDNSNames(c *Certificate, name string) (matched, useCN bool) {
	useCN = true
	for _, n := range c.altNames() {
		tooLong := len(n.value) >= maxHostName && n.kind != nameOther
		if tooLong || n.kind == nameDNS || n.kind == nameIP || n.kind == nameURI || n.srv {
			useCN = false
		}
		if !tooLong && n.kind == nameDNS && printable(n.value) && matchPattern(string(n.value), name) {
			return true, false
		}
	}
	return false, useCN
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// matchPattern: a star at the front stands for the rest of the first label, if
// two labels or more follow.
func matchPattern(pattern, name string) bool {
	if !strings.HasPrefix(pattern, "*") {
		return strings.EqualFold(pattern, name) && len(pattern) == len(name)
	}
	first, last := strings.IndexByte(pattern, '.'), strings.LastIndexByte(pattern, '.')
	if first == last || last == len(pattern)-1 {
		return false
	}
	tail := pattern[1:]
	label := strings.IndexByte(name, '.')
	if label < 0 {
		label = len(name)
	}
	cut := len(name) - len(tail)
	return cut >= 0 && cut <= label && strings.EqualFold(name[cut:], tail)
}

// NamesText lists the names and addresses that a certificate is for, in words.
func NamesText(c *Certificate) string {
	var names []string
	for _, n := range c.DNSNames() {
		names = append(names, fmt.Sprintf("%q", n))
	}
	for _, a := range c.IPAddresses() {
		names = append(names, a.String())
	}
	if len(names) == 0 {
		return "no name that counts"
	}
	return strings.Join(names, ", ")
}
