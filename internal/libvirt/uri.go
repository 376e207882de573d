package libvirt

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The ports of a daemon (libvirt, src/remote/remote_driver.h).
const (
	TLSPort = 16514
	TCPPort = 16509 // libvirt's protocol without TLS
)

// RemoteURI is a connection URI for the TLS transport, as a client of libvirt's
// reads it.
type RemoteURI struct {
	Host string // a name or an address, without brackets
	Port int
	// Opens is the URI as the daemon receives it, "qemu:///system"; empty leaves the choice to
	// the daemon.
	Opens string
	// AnyDriver is set for a host alone: the URI asks for no driver, and the daemon need not
	// have one.
	AnyDriver bool

	// The parameters of the transport itself.
	PKIPath  string
	NoVerify bool // the server's certificate and name are not checked
	NoSanity bool // the client's own files are not checked
	Priority Priority
}

// Address is host and port for [ProbeRequest].
func (u *RemoteURI) Address() string { return net.JoinHostPort(u.Host, strconv.Itoa(u.Port)) }

// The reasons why a URI is not one for TLS.
var (
	ErrLocalURI = errors.New("names neither host nor transport, so it means this machine's socket")
	ErrNotTLS   = errors.New("does not use the TLS transport")
)

// ParseRemoteURI reads a connection URI by the rules of libvirt (src/remote/remote_driver.c,
// src/util/viruri.c): the driver before a "+", TLS where there is a host and no transport, this
// host where there is none, port 16514, and the parameters of the transport, in upper or lower
// case. The other parameters go to the daemon. A text without "://" is a host, or a host and a
// port. The error wraps [ErrLocalURI] or [ErrNotTLS] if that is the reason.
func ParseRemoteURI(text string) (*RemoteURI, error) {
	if !strings.Contains(text, "://") {
		return parseHost(text)
	}
	parsed, err := url.Parse(text)
	var bad *url.Error
	if errors.As(err, &bad) {
		return nil, fmt.Errorf("%q is not a URI: %w", text, bad.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is not a URI: %w", text, err)
	}
	driver, transport, has := strings.Cut(parsed.Scheme, "+")
	switch {
	case !has && parsed.Host == "":
		return nil, fmt.Errorf("%q %w", text, ErrLocalURI)
	case has && transport != "tls":
		return nil, fmt.Errorf("%q %w: its transport is %q", text, ErrNotTLS, transport)
	}
	u := &RemoteURI{Host: parsed.Hostname(), Port: TLSPort}
	if u.Host == "" {
		u.Host = "localhost"
	}
	if !plausibleHost(u.Host) {
		return nil, fmt.Errorf("%q names no host", text)
	}
	if err := u.setPort(parsed.Port()); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	if err := u.readParams(driver, parsed); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	return u, nil
}

// parseHost reads HOST, HOST:PORT, [V6]:PORT or a bare IPv6 address.
func parseHost(text string) (*RemoteURI, error) {
	u := &RemoteURI{Host: strings.Trim(text, "[]"), Port: TLSPort, AnyDriver: true}
	if _, err := netip.ParseAddr(u.Host); err != nil && strings.Contains(text, ":") {
		host, port, err := net.SplitHostPort(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither a URI nor HOST:PORT", text)
		}
		u.Host = host
		if err := u.setPort(port); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
	}
	if !plausibleHost(u.Host) {
		return nil, fmt.Errorf("%q names no host", text)
	}
	return u, nil
}

// plausibleHost refuses only the characters that would break a URI; the resolver decides
// whether the rest is a name.
func plausibleHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(c rune) bool { return !unicode.IsPrint(c) || strings.ContainsRune(" /@?#[]\\\"'", c) })
}

func (u *RemoteURI) setPort(text string) error {
	if text == "" {
		return nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("port %q is not a number from 1 to 65535", text)
	}
	if port != 0 { // to libvirt, 0 is the same as none
		u.Port = int(port)
	}
	return nil
}

// clientParams are the parameters that libvirt's client takes out of a URI, including those
// that only other transports use.
var clientParams = []string{"name", "command", "socket", "auth", "sshauth", "netcat", "keyfile", "pkipath", "known_hosts",
	"known_hosts_verify", "tls_priority", "mode", "proxy", "no_sanity", "no_verify", "no_tty", "authfile"}

// readParams reads the query and puts together the URI that the daemon is to open.
func (u *RemoteURI) readParams(driver string, parsed *url.URL) error {
	var passed []string
	name, named := "", false
	for _, p := range splitQuery(parsed.RawQuery) {
		key := strings.ToLower(p.name)
		if !slices.Contains(clientParams, key) {
			passed = append(passed, p.name+"="+url.QueryEscape(p.value))
			continue
		}
		if key == "name" {
			name, named = p.value, true
		}
		if err := u.setParam(key, p.value); err != nil {
			return err
		}
	}
	switch {
	case named:
		u.Opens = name
	case driver != "remote":
		u.Opens = driver + "://" + parsed.EscapedPath()
		if len(passed) > 0 {
			u.Opens += "?" + strings.Join(passed, "&")
		}
	}
	return nil
}

func (u *RemoteURI) setParam(key, value string) (err error) {
	switch key {
	case "pkipath":
		u.PKIPath = value
	case "no_verify":
		u.NoVerify, err = parseFlag(key, value)
	case "no_sanity":
		u.NoSanity, err = parseFlag(key, value)
	case "tls_priority":
		u.Priority = ParsePriority(value)
	}
	return err
}

// parseFlag reads an integer: 0 means no and everything else yes.
func parseFlag(key, value string) (bool, error) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return false, fmt.Errorf("%s=%s: not a number, and libvirt refuses the URI", key, value)
	}
	return n != 0, nil
}

type uriParam struct{ name, value string }

// splitQuery splits as libvirt does: at "&", and at ";" after the last "&". "+" does not stand
// for a space, and a parameter without a name is passed over.
func splitQuery(query string) []uriParam {
	var params []uriParam
	for query != "" {
		part, rest, more := strings.Cut(query, "&")
		if !more {
			part, rest, _ = strings.Cut(query, ";")
		}
		query = rest
		name, value, _ := strings.Cut(part, "=")
		if name != "" {
			params = append(params, uriParam{unescape(name), unescape(value)})
		}
	}
	return params
}

func unescape(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// Priority holds the versions of TLS in a GnuTLS priority string.
type Priority struct {
	Text     string
	Min, Max uint16 // as in [tls.Config]; zero is the usual one
	// Rest is whether the string has words that are not versions.
	Rest bool
}

// priorityVersions are GnuTLS's names for the versions, oldest first.
var priorityVersions = []struct {
	name    string
	version uint16
}{
	{"VERS-TLS1.0", tls.VersionTLS10}, {"VERS-TLS1.1", tls.VersionTLS11},
	{"VERS-TLS1.2", tls.VersionTLS12}, {"VERS-TLS1.3", tls.VersionTLS13},
}

// ParsePriority reads the versions out of a GnuTLS priority string (GnuTLS manual, "Priority
// strings"). An empty string sets nothing. ParsePriority does not check whether GnuTLS accepts
// the string.
func ParsePriority(text string) Priority {
	p := Priority{Text: text}
	if text == "" {
		return p
	}
	on := [4]bool{true, true, true, true}
	for _, token := range strings.Split(strings.ToUpper(text), ":") {
		p.Rest = !applyVersion(&on, token) || p.Rest
	}
	for i, v := range priorityVersions {
		if !on[i] {
			continue
		}
		if p.Max = v.version; p.Min == 0 {
			p.Min = v.version
		}
	}
	return p
}

// applyVersion applies one word and reports whether it was only about versions.
func applyVersion(on *[4]bool, token string) bool {
	if token == "NORMAL" {
		return true
	}
	if token == "NONE" {
		*on = [4]bool{}
		return false
	}
	if token == "" || !strings.Contains("+-!", token[:1]) || !strings.HasPrefix(token[1:], "VERS-") {
		return false
	}
	for i, v := range priorityVersions {
		if name := token[1:]; name == v.name || name == "VERS-ALL" || name == "VERS-TLS-ALL" {
			on[i] = token[0] == '+'
		}
	}
	return true
}
