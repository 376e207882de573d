package rpc

import (
	"context"
	"encoding/binary"
	"fmt"
)

// The limits of a server on its clients (VIR_SERVER_CLIENTS_*).
const (
	limitClients   = "nclients_max"
	limitAnonymous = "nclients_unauth_max" // clients that have not authenticated yet

	adminLimitsMax = 32

	// The values of max_clients and max_anonymous_clients unless libvirtd.conf sets them.
	defaultClients   = 5000
	defaultAnonymous = 20
)

type clientLimits struct{ clients, anonymous uint32 }

// limits reads the server's limits.
func (a *Admin) limits(ctx context.Context, server string) (clientLimits, error) {
	body, err := a.call(ctx, procGetLimits, flags(xdrString(nil, server)))
	if err != nil {
		return clientLimits{}, fmt.Errorf("asking for the client limits of %q: %w", server, err)
	}
	l, err := decodeLimits(body)
	if err != nil {
		return clientLimits{}, fmt.Errorf("asking for the client limits of %q: %w", server, err)
	}
	return l, nil
}

func decodeLimits(body []byte) (clientLimits, error) {
	x := xdrReader{rest: body}
	var l clientLimits
	for range x.count(adminLimitsMax) {
		name, value := x.param()
		if x.err != nil {
			break
		}
		n, _ := value.(uint64)
		switch name {
		case limitClients:
			l.clients = uint32(n)
		case limitAnonymous:
			l.anonymous = uint32(n)
		}
	}
	return l, x.end()
}

// setLimits changes the server's limits. With a limit of 0 clients the server accepts no
// connection; existing ones go on, and new ones wait in the kernel's queue.
func (a *Admin) setLimits(ctx context.Context, server string, l clientLimits) error {
	b := binary.BigEndian.AppendUint32(xdrString(nil, server), 2)
	for _, p := range []struct {
		name  string
		value uint32
	}{{limitClients, l.clients}, {limitAnonymous, l.anonymous}} {
		b = binary.BigEndian.AppendUint32(xdrString(b, p.name), paramUint)
		b = binary.BigEndian.AppendUint32(b, p.value)
	}
	if _, err := a.call(ctx, procSetLimits, flags(b)); err != nil {
		return fmt.Errorf("setting the client limits of %q: %w", server, err)
	}
	return nil
}
