package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
)

// Numbers of RFB, the protocol of VNC (RFC 6143; VeNCrypt's own from the community's
// description of RFB; QEMU, ui/vnc.h).
const (
	rfbVeNCrypt = 19
	// The sub-types of VeNCrypt with certificates: X509None, X509Vnc, X509Plain,
	// X509SASL.
	vencryptFirst, vencryptLast = 260, 262
	vencryptSASL                = 264
)

// ServedVNC asks a VNC server for its certificate: it begins a session, as far as
// the end of the TLS handshake, and hangs up. That disturbs no session. Nothing is
// verified. A server without TLS is [ErrVNCWithoutTLS].
func ServedVNC(ctx context.Context, address string) (*x509.Certificate, error) {
	ctx, cancel := bounded(ctx, probeTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nobodyListens(err)
	}
	defer conn.Close()
	defer guard(ctx, conn)()
	if err := beginVeNCrypt(conn); err != nil {
		return nil, fmt.Errorf("VNC at %s: %w", address, cause(ctx, err))
	}
	var leaf *x509.Certificate
	session := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			leaf = state.PeerCertificates[0]
			return nil
		},
	})
	err = session.HandshakeContext(ctx)
	if leaf != nil {
		return leaf, nil // it may want a certificate of ours, which is another matter
	}
	return nil, fmt.Errorf("VNC at %s: %w", address, cause(ctx, err))
}

// beginVeNCrypt goes through the plain part of a session, up to where TLS begins.
func beginVeNCrypt(conn io.ReadWriter) error {
	s := rfb{rw: conn}
	s.read(12)
	s.write([]byte("RFB 003.008\n"))
	if types := s.list(1); s.err == nil && !slices.Contains(types, rfbVeNCrypt) {
		return ErrVNCWithoutTLS
	}
	s.write([]byte{rfbVeNCrypt})
	s.read(2)
	s.write([]byte{0, 2})
	if refused := s.read(1); s.err == nil && refused[0] != 0 {
		return errors.New("it refuses version 0.2 of VeNCrypt")
	}
	types := s.list(4)
	i := slices.IndexFunc(types, func(t uint32) bool {
		return t >= vencryptFirst && t <= vencryptLast || t == vencryptSASL
	})
	if s.err == nil && i < 0 {
		return ErrVNCWithoutTLS
	}
	if s.err != nil {
		return s.err
	}
	s.write(binary.BigEndian.AppendUint32(nil, types[i]))
	if taken := s.read(1); s.err == nil && taken[0] != 1 {
		return errors.New("it refuses the type that it offers")
	}
	return s.err
}

// rfb reads and writes until the first error; what is read after it is zero.
type rfb struct {
	rw  io.ReadWriter
	err error
}

func (s *rfb) read(n int) []byte {
	b := make([]byte, n)
	if s.err == nil {
		_, s.err = io.ReadFull(s.rw, b)
	}
	return b
}

func (s *rfb) write(b []byte) {
	if s.err == nil {
		_, s.err = s.rw.Write(b)
	}
}

// list reads up to 255 numbers of this many bytes.
func (s *rfb) list(size int) []uint32 {
	var numbers []uint32
	for range s.read(1)[0] {
		var b [4]byte
		copy(b[4-size:], s.read(size))
		numbers = append(numbers, binary.BigEndian.Uint32(b[:]))
	}
	return numbers
}
