package main

import (
	"context"
	"net"
	"os/exec"
	"slices"
	"strings"

	"virtpki/internal/judge"
)

// network says what this machine, or an image by its files, knows of addresses and names.
func (c *checker) network() judge.Network {
	n := judge.Network{InHosts: c.inHosts, HasService: c.hasService}
	if c.g.Live() {
		n.HasAddress, n.Resolves = hasAddress, resolves
	}
	return n
}

// hasAddress reports whether an interface has an address; true where nobody can tell.
func hasAddress(ip net.IP) bool {
	addresses, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(addresses, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && network.IP.Equal(ip)
	})
}

// resolves reports whether the system's resolver, with all of nsswitch.conf, finds an
// address of a name; true where it cannot be asked.
func resolves(name string) bool {
	if _, err := exec.LookPath("getent"); err != nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	return exec.CommandContext(ctx, "getent", "ahosts", "--", name).Run() == nil
}

// inHosts reports whether the hosts file has a name.
func (c *checker) inHosts(name string) bool {
	return c.listed("/etc/hosts", func(fields []string) bool {
		return slices.ContainsFunc(fields[1:], func(f string) bool { return strings.EqualFold(f, name) })
	})
}

// hasService reports whether the services file has a name, for TCP.
func (c *checker) hasService(service string) bool {
	return c.listed("/etc/services", func(fields []string) bool {
		return len(fields) > 1 && strings.HasSuffix(fields[1], "/tcp") && (fields[0] == service || slices.Contains(fields[2:], service))
	})
}

// listed reports whether a file of the machine has a line with fields of which
// something holds.
func (c *checker) listed(path string, holds func(fields []string) bool) bool {
	for line := range strings.Lines(string(c.file(c.g.Path(path)).Data)) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) > 0 && holds(fields) {
			return true
		}
	}
	return false
}
