package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The time that UpdateTLS waits for clients in the handshake, and the interval at which it asks
// about them.
const (
	handshakeGrace = 5 * time.Second
	handshakePoll  = 10 * time.Millisecond
)

// UpdateTLS makes the server reload its certificate, key, CA and CRL. The server reads those in
// the default places even when its configuration file names others, so UpdateTLS must not be
// called for a daemon with other files (Custom in package running). Nothing changes when it
// fails; the error then has the daemon's reason. Open connections are not touched.
//
// libvirt frees the old files while a client in the handshake still uses them. libvirtd 7.0,
// 9.0, 11.3 and 12.8 all die of it, in GnuTLS, when that client continues
// (src/rpc/virnettlscontext.c, virNetTLSContextReloadForServer). So UpdateTLS keeps the server
// from accepting clients for the moment; new ones wait in the kernel's queue. It waits for the
// handshakes that have begun, and disconnects a client that hangs there for five seconds.
//
// A process that is killed in that moment leaves a server that accepts no client; the next
// call, or the daemon's restart, fixes it.
func (a *Admin) UpdateTLS(ctx context.Context, server string) (err error) {
	before, err := a.limits(ctx, server)
	if err != nil {
		return err
	}
	if before.clients == 0 { // left behind
		before = clientLimits{defaultClients, defaultAnonymous}
	}
	defer func() {
		err = errors.Join(err, a.setLimits(context.WithoutCancel(ctx), server, before))
	}()
	if err := a.setLimits(ctx, server, clientLimits{}); err != nil {
		return err
	}
	if err := a.awaitHandshakes(ctx, server); err != nil {
		return err
	}
	return a.updateNow(ctx, server)
}

func (a *Admin) updateNow(ctx context.Context, server string) error {
	if _, err := a.call(ctx, procUpdateTLS, flags(xdrString(nil, server))); err != nil {
		return fmt.Errorf("server %q re-reading its TLS files: %w", server, err)
	}
	return nil
}

// awaitHandshakes returns when no client is in the handshake.
func (a *Admin) awaitHandshakes(ctx context.Context, server string) error {
	for since := map[uint64]time.Time{}; ; {
		clients, err := a.Clients(ctx, server)
		if err != nil {
			return err
		}
		pending := false
		for _, c := range clients {
			if !c.Pending {
				continue
			}
			pending = true
			if since[c.ID].IsZero() {
				since[c.ID] = time.Now()
			}
			if time.Since(since[c.ID]) < handshakeGrace {
				continue
			}
			if err := a.Disconnect(ctx, server, c.ID); err != nil && !errors.Is(err, ErrNoClient) {
				return err
			}
		}
		if !pending {
			return nil
		}
		if err := sleep(ctx, handshakePoll); err != nil {
			return fmt.Errorf("waiting for the handshakes of clients of %q: %w", server, err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
