package rpc

import (
	"context"
	"errors"
)

// DisconnectDN ends the TLS connections of every client with the DN and returns their number.
// For this to be final, the daemon must already refuse the DN or its certificate: call it after
// a new CRL and [Admin.UpdateTLS]. UpdateTLS leaves no earlier client in the handshake, so that
// all are listed.
func (a *Admin) DisconnectDN(ctx context.Context, server, dn string) (int, error) {
	clients, err := a.Clients(ctx, server)
	if err != nil {
		return 0, err
	}
	ended := 0
	for _, c := range clients {
		if c.Pending || c.Transport != TransportTLS || c.DN != dn {
			continue
		}
		switch err := a.Disconnect(ctx, server, c.ID); {
		case err == nil:
			ended++
		case !errors.Is(err, ErrNoClient): // it has gone by itself
			return ended, err
		}
	}
	return ended, nil
}
