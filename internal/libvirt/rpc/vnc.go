package rpc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"virtpki/internal/starttls"
)

// ServedVNC asks a VNC server for its certificate: it begins a session, as far as the end of
// the TLS handshake, and hangs up. That does not disturb other sessions. Nothing is verified.
// For a server without TLS the error is [ErrVNCWithoutTLS].
func ServedVNC(ctx context.Context, address string) (*x509.Certificate, error) {
	result, err := Probe(ctx, ProbeRequest{Address: address, Begin: new(starttls.VNC).Begin,
		Confirm: func(context.Context, net.Conn) error { return nil }})
	if leaf := result.Leaf(); leaf != nil {
		return leaf, nil // it may want a certificate of ours, which is another matter
	}
	if errors.Is(err, starttls.ErrNoTLS) {
		err = ErrVNCWithoutTLS
	}
	return nil, fmt.Errorf("VNC at %s: %w", address, err)
}
