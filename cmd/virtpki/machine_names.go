package main

import (
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/store"
	"virtpki/internal/subject"
)

// serverNames collects what peers may call a server: its name, its short name,
// what the user adds, and, when it is this machine, its other name and each of
// its addresses. With only, it is its name and what the user adds.
func (e *env) serverNames(name string, sans []string, here, only bool, machine []string) (subject.Names, error) {
	var names subject.Names
	names.AddDNS(name)
	for _, san := range sans {
		if err := names.Add(san); err != nil {
			return subject.Names{}, err
		}
	}
	if only {
		return names, nil
	}
	asked := names
	names.AddDNS(subject.Short(name))
	if isOneOf(name, machine) {
		for _, other := range machine {
			names.AddDNS(other)
		}
	}
	if here {
		ips, err := e.addresses()
		if err != nil {
			return subject.Names{}, fmt.Errorf("listing this machine's addresses: %w", err)
		}
		for _, ip := range ips {
			names.AddIP(ip)
		}
	}
	names.Found.DNS, names.Found.IPs = names.DNS[len(asked.DNS):], names.IPs[len(asked.IPs):]
	return names, nil
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
		if len(fields) > 1 && slices.Contains(fields[1:], name) && subject.Short(fields[1]) == name && fields[1] != name {
			return append(names, fields[1]), nil
		}
	}
	return names, nil
}

// isOneOf reports whether host is one of names, or the short form of one.
func isOneOf(host string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(host, name) || strings.EqualFold(host, subject.Short(name))
	})
}
