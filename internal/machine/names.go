package machine

import (
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/subject"
)

// ServerNames returns the names by which peers may reach a server: its name, its short name, and
// the names that the user adds. If it is this machine (here), they include its other names (own)
// and each of its addresses. With only, they are its name and those that the user adds.
func (m *Machine) ServerNames(name string, sans []string, here, only bool, own []string) (subject.Names, error) {
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
	if subject.IsOneOf(name, own) {
		for _, other := range own {
			names.AddDNS(other)
		}
	}
	if here {
		ips, err := m.Addresses()
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

// Names returns the names of this machine: the host name of the system, and the full name if the
// hosts file knows it. It does not ask DNS, so that a first boot does not wait for it. The host
// name comes first and becomes the CN: virt-pki-validate before libvirt 10.5 compares the CN
// with it.
func (m *Machine) Names() ([]string, error) {
	name, err := m.Hostname()
	if err != nil {
		return nil, fmt.Errorf("the name of this machine: %w", err)
	}
	names := []string{name}
	hosts, _ := m.Tree().ReadFile(m.Path("/etc/hosts"), maxHostsFile)
	for line := range strings.Lines(string(hosts)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) > 1 && slices.Contains(fields[1:], name) && subject.Short(fields[1]) == name && fields[1] != name {
			return append(names, fields[1]), nil
		}
	}
	return names, nil
}
