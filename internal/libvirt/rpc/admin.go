package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"
)

// The administration protocol (libvirt, src/admin/admin_protocol.x).
const (
	adminProgram = 0x06900690
	adminVersion = 1

	procConnectOpen  = 1
	procConnectClose = 2
	procListServers  = 4
	procLookupServer = 5
	procListClients  = 8
	procClientInfo   = 10
	procClientClose  = 11
	procGetLimits    = 12
	procSetLimits    = 13
	procUpdateTLS    = 18

	adminServersMax = 16384
	adminClientsMax = 16384
	adminParamsMax  = 64
)

// Admin is a connection to the administration socket of a daemon, which only root can open.
// Only one goroutine may use it at a time. After an error that is not a [*DaemonError] it
// cannot be used any more.
type Admin struct{ caller }

// DialAdmin connects to an administration socket and opens a session. If the socket does not
// exist, or nobody listens on it, the error wraps [ErrNobodyListens].
func DialAdmin(ctx context.Context, socket string) (*Admin, error) {
	ctx, cancel := bounded(ctx, callTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, nobodyListens(err)
	}
	a := &Admin{caller{conn: conn, program: adminProgram, version: adminVersion}}
	if _, err := a.call(ctx, procConnectOpen, flags(nil)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("administration socket %q: %w", socket, err)
	}
	return a, nil
}

// Conn returns the connection itself, for asking the system about its other end.
func (a *Admin) Conn() net.Conn { return a.conn }

// Close ends the session.
func (a *Admin) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	a.call(ctx, procConnectClose, nil) // a courtesy: the daemon sees the end of the socket as well
	return a.conn.Close()
}

// Servers lists the servers of the daemon by name: "admin", which belongs to this protocol, and
// the one that has the name of the daemon.
func (a *Admin) Servers(ctx context.Context) ([]string, error) {
	body, err := a.call(ctx, procListServers, flags(binary.BigEndian.AppendUint32(nil, 1)))
	if err != nil {
		return nil, fmt.Errorf("listing servers: %w", err)
	}
	names, err := decodeServers(body)
	if err != nil {
		return nil, fmt.Errorf("listing servers: %w", err)
	}
	return names, nil
}

// Lookup reports whether the daemon has the server; if not, [errors.Is] finds
// [ErrNoServer] in the error.
func (a *Admin) Lookup(ctx context.Context, server string) error {
	if _, err := a.call(ctx, procLookupServer, flags(xdrString(nil, server))); err != nil {
		return fmt.Errorf("looking up server %q: %w", server, err)
	}
	return nil
}

// AdminClient is a client that is connected to a server.
type AdminClient struct {
	ID        uint64
	Transport Transport
	Connected time.Time // with seconds

	// Pending is whether the client is still in the TLS handshake. The daemon knows only the
	// fields above of such a client.
	Pending bool

	// DN is the subject of the client's certificate, as [virtpki/dn] prints it;
	// empty for a client without a certificate.
	DN       string
	Address  string // as the daemon writes it: "192.0.2.7:51234"; "127.0.0.1:0" for a local client
	ReadOnly bool
}

// Transport is how a client is connected.
type Transport uint32

// The transports (virClientTransport).
const (
	TransportUnix Transport = iota
	TransportTCP
	TransportTLS
)

// String returns the transport in virt-admin's words.
func (t Transport) String() string {
	switch t {
	case TransportUnix:
		return "unix"
	case TransportTCP:
		return "tcp"
	case TransportTLS:
		return "tls"
	}
	return fmt.Sprintf("transport %d", uint32(t))
}

// Clients lists the clients of a server, including those that are still in the handshake.
func (a *Admin) Clients(ctx context.Context, server string) ([]AdminClient, error) {
	body, err := a.call(ctx, procListClients, flags(binary.BigEndian.AppendUint32(xdrString(nil, server), 1)))
	if err != nil {
		return nil, fmt.Errorf("listing the clients of %q: %w", server, err)
	}
	listed, err := decodeClients(body)
	if err != nil {
		return nil, fmt.Errorf("listing the clients of %q: %w", server, err)
	}
	var clients []AdminClient
	for _, client := range listed {
		err := a.info(ctx, server, &client)
		if errors.Is(err, ErrNoClient) || errors.Is(err, errNoIdentity) { // it has left since, or is about to
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("asking about client %d of %q: %w", client.ID, server, err)
		}
		clients = append(clients, client)
	}
	return clients, nil
}

func (a *Admin) info(ctx context.Context, server string, client *AdminClient) error {
	body, err := a.call(ctx, procClientInfo, flags(encodeClient(server, client.ID)))
	if errors.Is(err, errNoIdentity) && client.Transport == TransportTLS {
		client.Pending = true
		return nil
	}
	if err != nil {
		return err
	}
	return decodeInfo(body, client)
}

// Disconnect ends the connection of a client. If the client does not exist (any more),
// [errors.Is] finds [ErrNoClient] in the error.
func (a *Admin) Disconnect(ctx context.Context, server string, id uint64) error {
	if _, err := a.call(ctx, procClientClose, flags(encodeClient(server, id))); err != nil {
		return fmt.Errorf("disconnecting client %d of %q: %w", id, server, err)
	}
	return nil
}
