package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
)

type hostsLine struct{ address, names string }

// Link connects two hosts by a cable of their own (a veth pair). Addresses are
// given with their prefix length, "10.77.0.1/24" or "fd00::1/64". Afterwards the
// hosts know each other, and themselves, by name under these addresses.
func Link(ctx context.Context, a *Host, addressA string, b *Host, addressB string) error {
	ifaceA, ifaceB := a.nextNIC(), b.nextNIC()
	namespace, err := os.Open("/proc/" + b.pid + "/ns/net")
	if err != nil {
		return err
	}
	defer namespace.Close()
	cable := a.Command(ctx, "ip", "link", "add", ifaceA, "type", "veth", "peer", "name", ifaceB, "netns", "/proc/self/fd/3")
	cable.ExtraFiles = []*os.File{namespace}
	if _, err := run(cable, "linking "+a.Name+" and "+b.Name); err != nil {
		return err
	}
	if err := a.plug(ctx, ifaceA, addressA, b, addressB); err != nil {
		return err
	}
	return b.plug(ctx, ifaceB, addressB, a, addressA)
}

func (h *Host) nextNIC() string {
	h.nics++
	return fmt.Sprintf("eth%d", h.nics-1)
}

// plug gives an interface its address and writes both ends into /etc/hosts.
func (h *Host) plug(ctx context.Context, iface, own string, peer *Host, peers string) error {
	if err := h.AddAddress(ctx, iface, own); err != nil {
		return err
	}
	if _, err := h.Output(ctx, "ip", "link", "set", iface, "up"); err != nil {
		return err
	}
	ownAddress, _, _ := strings.Cut(own, "/")
	peerAddress, _, _ := strings.Cut(peers, "/")
	h.name(ownAddress, h.names())
	h.name(peerAddress, peer.names())
	return h.writeHosts(ctx)
}

// AddAddress gives an interface of the host ("lo", "eth0") one more address,
// usable at once: IPv6 duplicate detection is off.
func (h *Host) AddAddress(ctx context.Context, iface, prefix string) error {
	args := []string{"addr", "add", prefix, "dev", iface}
	if strings.Contains(prefix, ":") {
		args = append(args, "nodad")
	}
	_, err := h.Output(ctx, "ip", args...)
	return err
}

// name adds a line to /etc/hosts. A real address of the host itself replaces 127.0.1.1, as on a
// Debian host with a fixed address.
func (h *Host) name(address, names string) {
	for i, line := range h.hosts {
		if line.address == "127.0.1.1" && names == h.names() {
			h.hosts[i].address = address
			return
		}
	}
	h.hosts = append(h.hosts, hostsLine{address, names})
}

func (h *Host) writeHosts(ctx context.Context) error {
	var text strings.Builder
	for _, line := range h.hosts {
		fmt.Fprintf(&text, "%s\t%s\n", line.address, line.names)
	}
	return h.WriteFile(ctx, "/etc/hosts", []byte(text.String()), 0o644)
}
