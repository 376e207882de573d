package judge

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"virtpki/internal/termtext"
)

// Network answers questions about the addresses and names of a daemon's machine. A function is nil
// if the answer cannot be known, for example for an image.
type Network struct {
	HasAddress func(ip net.IP) bool      // whether an interface has it
	Resolves   func(name string) bool    // whether the name leads to an address
	InHosts    func(name string) bool    // whether its hosts file has the name
	HasService func(service string) bool // whether its services file has the name
	// OnlyIPv4 reports whether the machine has addresses of IPv4, and none of IPv6, except for
	// those of the loopback network: getaddrinfo(3) with AI_ADDRCONFIG then finds those of IPv4
	// alone.
	OnlyIPv4 func() bool
}

// opensPort reports whether the daemon itself opens the port for TLS, so that it
// resolves listen_addr and tls_port when it starts.
func (j *confJudge) opensPort() bool {
	wants, set := j.number("listen_tls")
	if j.Daemon.ListenTLS {
		return j.Socket == "" && j.listens() && (wants == 1 || !set)
	}
	return j.Socket == "" && wants == 1
}

// address checks listen_addr and tls_port as getaddrinfo(3) and bind(2) do (libvirt,
// src/rpc/virnetsocket.c): the daemon ends if either function fails.
func (j *confJudge) address() {
	if !j.opensPort() {
		return
	}
	if text, ok := j.text("listen_addr"); ok {
		if level, why := j.Network.refusesAddress(text); why != "" {
			j.say("listen-address", level, j.otherAddress(text), "listen_addr = %q %s", text, why)
		}
	}
	j.port()
}

// port checks tls_port. The daemon looks up any text but a number as the name of a service, and
// cuts off the upper bits of a number that is too large.
func (j *confJudge) port() {
	text, ok := j.text("tls_port")
	number, err := strconv.ParseUint(text, 10, 64)
	switch {
	case !ok || err == nil && number <= math.MaxUint16:
	case text == "":
		j.say("listen-port", Warning, j.mute("tls_port"), "tls_port is empty: the daemon listens on another port each time it starts")
	case err == nil:
		j.say("listen-port", Warning, j.mute("tls_port"), "tls_port = %q is larger than any port: the daemon listens on %d", text, uint16(number))
	case j.Network.HasService != nil && !j.Network.HasService(text):
		j.say("listen-port", Error, j.mute("tls_port"), "tls_port = %q is neither a number nor the name of a service: the daemon does not start", text)
	}
}

// notHostName matches a character that a host name cannot contain.
var notHostName = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// refusesAddress returns the reason why the daemon ends when it should listen on an address. The
// reason is empty if it starts, or if this is not known.
func (n Network) refusesAddress(text string) (level Level, why string) {
	if ip, ok := numericHost(text); ok {
		if mapped(text) && (n.OnlyIPv4 == nil || !n.OnlyIPv4()) {
			return n.refusesMapped()
		}
		if ip.IsUnspecified() || ip.IsLoopback() || n.HasAddress == nil || n.HasAddress(ip.WithZone("").AsSlice()) {
			return "", "" // without IPv6 the daemon refuses :: and ::1 too, but a machine may get IPv6
		}
		return Error, "is not an address of this machine: the daemon does not start"
	}
	switch {
	case text == "*":
		return "", ""
	case text == "":
		return Error, "is empty, which is not an address: the daemon does not start"
	case notHostName.MatchString(text), looksNumeric(text):
		return Error, "is neither one address nor one host name (no brackets, port, network or list): the daemon does not start"
	case text == "localhost", n.InHosts != nil && n.InHosts(text):
		return "", ""
	case n.Resolves != nil && !n.Resolves(text):
		return Error, "does not resolve to an address: the daemon does not start (libvirt does not accept the name of an interface)"
	case n.Resolves == nil && !strings.Contains(text, "."):
		return Warning, "is not in the hosts file: the daemon does not start unless the name resolves by other means (libvirt does not accept the name of an interface)"
	}
	return "", ""
}

// mapped reports whether a text is an address of IPv4 in the form of one of IPv6: ::ffff:10.9.0.1.
func mapped(text string) bool {
	ip, err := netip.ParseAddr(text)
	return err == nil && ip.Is4In6()
}

// refusesMapped is about such an address on a machine with IPv6. getaddrinfo leaves it in the form
// of IPv6, and a socket that takes only IPv6 (IPV6_V6ONLY, which the daemon sets) cannot be bound to
// it.
func (n Network) refusesMapped() (level Level, why string) {
	const form = "is an IPv4 address in the form of an IPv6 one: the daemon does not start"
	if n.OnlyIPv4 == nil {
		return Warning, form + " on a machine with IPv6"
	}
	return Error, form + " on this machine, which has IPv6"
}

// looksNumeric reports whether a text ends in a number: a host name never does.
func looksNumeric(text string) bool {
	last := text[strings.LastIndexByte(text, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil
}

// numericHost reads an address as getaddrinfo does: also in the old forms of
// inet_aton(3), such as 127.1 and 0x7f000001, and with the name of an interface behind
// an address of IPv6.
func numericHost(text string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Unmap(), true
	}
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		number, err := strconv.ParseUint(part, 0, 32)
		if err != nil || strings.ContainsAny(part, "_obOB") {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			if number > 255 {
				return netip.Addr{}, false
			}
			value |= number << (24 - 8*i)
			continue
		}
		if number >= 1<<(8*(5-len(parts))) {
			return netip.Addr{}, false
		}
		value |= number
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

// otherAddress returns the command that writes the address that was probably meant. If that is not
// clear, the command makes the daemon listen on all addresses.
func (j *confJudge) otherAddress(text string) string {
	const name = "listen_addr"
	first, last, shared := j.conf.Extent(name)
	meant := meantAddress(text)
	_, refused := j.Network.refusesAddress(meant)
	if meant == "" || meant == text || mapped(text) && refused != "" || first != last || shared {
		return j.mute(name)
	}
	return fmt.Sprintf(`sed -i '%ds|.*|listen_addr = "%s"|' %s`, first, meant, termtext.ShellWord(j.File.Path))
}

// meantAddress returns the address in brackets, before a port, or in the form of IPv6; empty if there
// is none.
func meantAddress(text string) string {
	text = strings.TrimSpace(text)
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil || ip.Zone() != "" {
		return ""
	}
	return ip.Unmap().String()
}
