package grant

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"virtpki/pki"
)

// Exact lists names and addresses that are granted exactly as written, without names below them.
type Exact struct {
	Names     []string // of hosts, wildcards and clients
	Addresses []netip.Addr
}

// ParseExact reads exact names and addresses.
func ParseExact(items []string) (Exact, error) {
	var e Exact
	for _, item := range items {
		addr, err := netip.ParseAddr(item)
		switch {
		case err == nil && addr.Zone() != "":
			return Exact{}, fmt.Errorf("exact name %q names an interface, which a certificate cannot hold", item)
		case err == nil:
			e.Addresses = append(e.Addresses, addr.Unmap())
		case isPrefix(item):
			return Exact{}, fmt.Errorf("exact name %q is a network, and grants no single address (--permit takes networks)", item)
		case strings.TrimSpace(item) != item || item == "" || strings.ContainsFunc(item, func(r rune) bool { return !unicode.IsPrint(r) }):
			return Exact{}, fmt.Errorf("exact name %q is not a name", item)
		default:
			e.Names = append(e.Names, item)
		}
	}
	return e, nil
}

func isPrefix(item string) bool {
	_, err := netip.ParsePrefix(item)
	return err == nil
}

// set reports whether anything is listed.
func (e Exact) set() bool { return len(e.Names)+len(e.Addresses) > 0 }

// grantsCN reports whether a CN is one of the names, or the short form of a host among them. Case
// matters: tls_allowed_dn_list distinguishes CN=admin from CN=Admin.
func (e Exact) grantsCN(cn string) bool {
	return cn != "" && !strings.HasPrefix(cn, "*") && slices.ContainsFunc(e.Names, func(name string) bool {
		return cn == name || cn == shortForm(name)
	})
}

// grantsDNS is grantsCN for a dNSName, regardless of case. A wildcard is granted only if it is
// listed itself.
func (e Exact) grantsDNS(host string) bool {
	return slices.ContainsFunc(e.Names, func(name string) bool {
		return strings.EqualFold(host, name) && IsHostName(strings.TrimPrefix(host, "*.")) ||
			IsHostName(host) && strings.EqualFold(host, shortForm(name))
	})
}

func (e Exact) grantsAddr(addr netip.Addr) bool { return slices.Contains(e.Addresses, addr.Unmap()) }

// shortForm returns the first label of a host's full name. It is empty for another name.
func shortForm(name string) string {
	short, _, full := strings.Cut(name, ".")
	if !full || !IsHostName(name) {
		return ""
	}
	return short
}

// IsHostName reports whether a name has the form of a host's: only such a name can lie
// in a domain. Some networks name hosts with an underscore.
func IsHostName(name string) bool {
	_, err := netip.ParseAddr(name)
	return err != nil && pki.IsDNSName(name, "_")
}

// inDomain reports whether a name lies in one of the domains of a permit. If the permit lists only
// networks, it returns false.
func inDomain(permit pki.Permit, name string) bool {
	return len(permit.DNSDomains) > 0 && IsHostName(name) && permit.PermitsDNS(name)
}

// inNetwork is inDomain for an address.
func inNetwork(permit pki.Permit, addr netip.Addr) bool {
	return len(permit.IPRanges) > 0 && permit.PermitsIP(addr.Unmap().AsSlice())
}

// errNoSubject says that a certificate does not name anybody.
var errNoSubject = errors.New("its subject has no CN")
