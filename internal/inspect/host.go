package inspect

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"time"

	"virtpki/dn"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/resolver"
	"virtpki/pki"
)

// host answers questions about a machine, or an image by its files, other than its certificates:
// groups, names and services.
type host struct{ files *reader }

// exists reports whether a file or directory exists at a path of the machine's.
func (h *host) exists(path string) bool {
	return Spot(h.files.m.Tree(), h.files.m.Path(path)).Err == nil
}

// hasGroup reports whether the machine knows a group. The running machine may have groups from a
// directory service as well as those of its file.
func (h *host) hasGroup(name string) bool {
	_, _, err := libvirt.ParseGroup(h.files.read(h.files.m.Path("/etc/group")).Data, name)
	if err == nil || !h.files.m.Live() {
		return err == nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	return exec.CommandContext(ctx, "getent", "group", "--", name).Run() == nil
}

// askLimit is the time limit for an answer of a directory service.
const askLimit = 5 * time.Second

// clientDN returns the DN of the system's client certificate; empty if it does not exist or cannot
// be read.
func (h *host) clientDN() string {
	certs, err := pki.ParseCertificates(h.files.read(h.files.m.System().Path(libvirt.ClientCert)).Data)
	if err != nil {
		return ""
	}
	name, err := dn.FromRDNSequence(certs[0].RawSubject)
	if err != nil {
		return ""
	}
	return name
}

// network answers questions about addresses and names, for this machine or for an image by its
// files.
func (h *host) network() judge.Network {
	n := judge.Network{InHosts: h.inHosts, HasService: h.hasService}
	if h.files.m.Live() {
		n.HasAddress, n.Resolves, n.OnlyIPv4 = hasAddress, resolves, onlyIPv4
	}
	return n
}

// hasAddress reports whether an interface has an address; true if this is not known.
func hasAddress(ip net.IP) bool {
	addresses, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(addresses, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && network.IP.Equal(ip)
	})
}

// onlyIPv4 reports whether interfaces have addresses of IPv4 and none of IPv6, other than those of
// the loopback network; false if this is not known.
func onlyIPv4() bool {
	addresses, err := net.InterfaceAddrs()
	v4, v6 := false, false
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && !network.IP.IsLoopback() {
			v4, v6 = v4 || network.IP.To4() != nil, v6 || network.IP.To4() == nil
		}
	}
	return err == nil && v4 && !v6
}

// resolves reports whether the system's resolver, with all of nsswitch.conf, finds an address of a
// name; true if the resolver cannot be asked.
func resolves(name string) bool {
	_, err := resolver.Lookup(context.Background(), name)
	var unknown *net.DNSError
	return err == nil || !errors.As(err, &unknown) || !unknown.IsNotFound
}

// inHosts reports whether the hosts file has a name.
func (h *host) inHosts(name string) bool {
	return h.listed("/etc/hosts", func(fields []string) bool {
		return slices.ContainsFunc(fields[1:], func(f string) bool { return strings.EqualFold(f, name) })
	})
}

// hasService reports whether the services file has a name, for TCP.
func (h *host) hasService(service string) bool {
	return h.listed("/etc/services", func(fields []string) bool {
		return len(fields) > 1 && strings.HasSuffix(fields[1], "/tcp") && (fields[0] == service || slices.Contains(fields[2:], service))
	})
}

// listed reports whether a file of the machine has a line with fields that satisfy a condition.
func (h *host) listed(path string, holds func(fields []string) bool) bool {
	for line := range strings.Lines(string(h.files.read(h.files.m.Path(path)).Data)) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) > 0 && holds(fields) {
			return true
		}
	}
	return false
}
