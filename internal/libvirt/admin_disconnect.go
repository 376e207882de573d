package libvirt

import (
	"context"
	"errors"
	"time"
)

// How long a handshake that began before the call is waited for, and how often the
// daemon is asked about it.
const (
	handshakeGrace = 5 * time.Second
	handshakePoll  = 50 * time.Millisecond
)

// DisconnectDN ends the connections of every client with the DN and returns how
// many. For it to be final the daemon has to refuse the DN, or its certificate,
// already: after a new CRL and [Admin.UpdateTLS].
//
// A client that was in the handshake at that moment is still let in by the files of
// before. So those that are pending are waited for; one that hangs there for
// five seconds is ended, whoever it is.
func (a *Admin) DisconnectDN(ctx context.Context, server, dn string) (int, error) {
	ended := 0
	var waiting map[uint64]bool // pending at the first look, and still
	for deadline := time.Now().Add(handshakeGrace); ; {
		clients, err := a.Clients(ctx, server)
		if err != nil {
			return ended, err
		}
		waiting = pendingOf(clients, waiting)
		late := time.Now().After(deadline)
		n, err := a.disconnectAll(ctx, server, clients, func(c AdminClient) bool {
			return !c.Pending && c.DN == dn || late && waiting[c.ID]
		})
		ended += n
		if err != nil || late || len(waiting) == 0 {
			return ended, err
		}
		if err := sleep(ctx, handshakePoll); err != nil {
			return ended, err
		}
	}
}

// disconnectAll ends the connections of the TLS clients that are to go. One that
// has gone by itself does not count.
func (a *Admin) disconnectAll(ctx context.Context, server string, clients []AdminClient, goes func(AdminClient) bool) (int, error) {
	ended := 0
	for _, c := range clients {
		if c.Transport != TransportTLS || !goes(c) {
			continue
		}
		switch err := a.Disconnect(ctx, server, c.ID); {
		case err == nil:
			ended++
		case !errors.Is(err, ErrNoClient):
			return ended, err
		}
	}
	return ended, nil
}

// pendingOf gives the clients that are pending, of those in among unless it is nil.
func pendingOf(clients []AdminClient, among map[uint64]bool) map[uint64]bool {
	pending := make(map[uint64]bool)
	for _, c := range clients {
		if c.Pending && (among == nil || among[c.ID]) {
			pending[c.ID] = true
		}
	}
	return pending
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
