package rpc

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"time"
)

// The protocol that virsh and every other client speaks (libvirt,
// src/remote/remote_protocol.x), as far as a first call needs it.
const (
	remoteProgram = 0x20008086
	remoteVersion = 1

	procRemoteOpen       = 1
	procRemoteClose      = 2
	procRemoteHostname   = 59
	procRemoteAuthList   = 66
	procRemoteSASLInit   = 67
	procRemoteLibVersion = 157

	remoteAuthTypesMax = 20
)

// Remote is a connection to a daemon that speaks libvirt's own protocol, over TLS or not. Only
// one goroutine may use it at a time. After an error that is not a [*DaemonError] it cannot be
// used any more.
type Remote struct{ caller }

// NewRemote speaks the protocol on a connection, after libvirt's confirmation in the case of
// TLS. It sends nothing yet. The caller that has made conn closes it.
func NewRemote(conn net.Conn) *Remote {
	return &Remote{caller{conn: conn, program: remoteProgram, version: remoteVersion}}
}

// AuthType is an authentication that a daemon wants on top of TLS (remote_auth_type; auth_tls
// in the daemon's configuration file).
type AuthType uint32

// The types.
const (
	AuthNone AuthType = iota
	AuthSASL
	AuthPolkit
)

// String returns the type as libvirt's configuration files write it.
func (a AuthType) String() string {
	switch a {
	case AuthNone:
		return "none"
	case AuthSASL:
		return "sasl"
	case AuthPolkit:
		return "polkit"
	}
	return fmt.Sprintf("type %d", uint32(a))
}

// AuthTypes asks which authentications the daemon takes. It is the first call of every client,
// and the only one that needs no authentication.
func (r *Remote) AuthTypes(ctx context.Context) ([]AuthType, error) {
	body, err := r.call(ctx, procRemoteAuthList, nil)
	if err != nil {
		return nil, fmt.Errorf("asking which authentication is wanted: %w", err)
	}
	types, err := decodeAuthTypes(body)
	if err != nil {
		return nil, fmt.Errorf("asking which authentication is wanted: %w", err)
	}
	return types, nil
}

func decodeAuthTypes(body []byte) ([]AuthType, error) {
	x := xdrReader{rest: body}
	var types []AuthType
	for range x.count(remoteAuthTypesMax) {
		if types = append(types, AuthType(x.uint32())); x.err != nil {
			break
		}
	}
	return types, x.end()
}

// SASLMechanisms begins an authentication by SASL, which tells the mechanisms that
// the daemon takes.
func (r *Remote) SASLMechanisms(ctx context.Context) ([]string, error) {
	list, err := r.text(ctx, procRemoteSASLInit)
	if err != nil {
		return nil, fmt.Errorf("beginning SASL: %w", err)
	}
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' }), nil
}

// Open opens a hypervisor's driver by its URI as seen from the daemon, such as
// "qemu:///system"; an empty one leaves the choice to the daemon.
func (r *Remote) Open(ctx context.Context, uri string) error {
	args := flags(xdrString(binary.BigEndian.AppendUint32(nil, 1), uri)) // 1: the name is there
	if _, err := r.call(ctx, procRemoteOpen, args); err != nil {
		return fmt.Errorf("opening %q: %w", uri, err)
	}
	return nil
}

// Hostname asks the name of the daemon's host. It needs an open driver.
func (r *Remote) Hostname(ctx context.Context) (string, error) {
	name, err := r.text(ctx, procRemoteHostname)
	if err != nil {
		return "", fmt.Errorf("asking for the name of the host: %w", err)
	}
	return name, nil
}

// LibVersion asks the daemon's version of libvirt, as in "9.0.0". It needs an open
// driver.
func (r *Remote) LibVersion(ctx context.Context) (string, error) {
	body, err := r.call(ctx, procRemoteLibVersion, nil)
	if err != nil {
		return "", fmt.Errorf("asking for the version of libvirt: %w", err)
	}
	version, err := decodeVersion(body)
	if err != nil {
		return "", fmt.Errorf("asking for the version of libvirt: %w", err)
	}
	return version, nil
}

// decodeVersion reads a version, which libvirt packs as major*1000000 + minor*1000
// + release.
func decodeVersion(body []byte) (string, error) {
	x := xdrReader{rest: body}
	n := x.uint64()
	return fmt.Sprintf("%d.%d.%d", n/1000000, n/1000%1000, n%1000), x.end()
}

// Leave closes the driver; the connection stays.
func (r *Remote) Leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := r.call(ctx, procRemoteClose, nil)
	return err
}

// text makes a call without arguments that is answered by one string.
func (r *Remote) text(ctx context.Context, procedure uint32) (string, error) {
	body, err := r.call(ctx, procedure, nil)
	if err != nil {
		return "", err
	}
	return decodeText(body)
}

func decodeText(body []byte) (string, error) {
	x := xdrReader{rest: body}
	text := x.string()
	return text, x.end()
}

// SpeaksPlain reports whether libvirt's protocol is spoken at an address without
// TLS, as on its port 16509.
func SpeaksPlain(ctx context.Context, address string) bool {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	_, err = NewRemote(conn).AuthTypes(ctx)
	return err == nil
}
