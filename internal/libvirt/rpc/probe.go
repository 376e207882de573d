package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"virtpki/internal/libvirt"
)

// probeTimeout bounds a probe if its context has no deadline.
const probeTimeout = 15 * time.Second

// ProbeRequest says which host to ask and as which client.
type ProbeRequest struct {
	// Address is "host:port" as [net.Dialer] takes it.
	Address string
	// Verify decides whether to trust the server's certificates, the leaf first: an error ends
	// the handshake. Without it nothing is verified, not even the name; this shows which
	// certificate the server has, even an expired one.
	Verify func(chain []*x509.Certificate) error
	// Client is the certificate and key to show when the server asks for one; nil shows none.
	Client *tls.Certificate
	// MinVersion and MaxVersion bound the version of TLS to offer, as in [tls.Config]; the
	// oldest is TLS 1.2 if MinVersion is not set.
	MinVersion, MaxVersion uint16
	// Begin speaks the part of a protocol that comes before TLS; nil skips it.
	Begin func(conn io.ReadWriter) error
	// Confirm waits, after the handshake, for the sign that the server has admitted the client;
	// nil waits for libvirt's byte.
	Confirm func(ctx context.Context, conn net.Conn) error
}

// Stage is the stage that a probe has reached.
type Stage int

// The stages, in their order: the one that failed, or Done.
const (
	StageResolve      Stage = iota // the name does not exist
	StageDial                      // nobody answered on the TCP port
	StageBegin                     // the part before TLS does not lead there
	StageHandshake                 // no TLS, or none in common
	StageVerify                    // the server is not to be trusted
	StageConfirmation              // TLS is fine, but the server has not confirmed the client
	StageDone
)

// String names the stage in a word.
func (s Stage) String() string {
	return [...]string{"resolve", "dial", "begin", "handshake", "verify", "confirmation", "done"}[s]
}

// ProbeResult holds everything that a probe has seen, up to the stage that failed.
type ProbeResult struct {
	Stage         Stage
	Addresses     []netip.Addr   // that the name stands for
	Local, Remote netip.AddrPort // of the connection
	Chain         []*x509.Certificate
	Version       uint16 // of TLS: tls.VersionTLS13
	CipherSuite   uint16
	// ClientAsked is whether the server asked for a certificate. ClientCAs are the subjects
	// (DER) of the CAs from which it accepts one. A client of libvirt's shows none if its own
	// CA is not among them.
	ClientAsked bool
	ClientCAs   [][]byte
	// Confirmed is whether the server has shown that it admits the client: libvirt shows it by
	// a byte, other servers as Confirm of the request says.
	Confirmed bool
}

// Leaf is the served certificate, nil when none was seen.
func (r *ProbeResult) Leaf() *x509.Certificate {
	if len(r.Chain) == 0 {
		return nil
	}
	return r.Chain[0]
}

// Fingerprint is the SHA-256 of the served certificate in lower-case hex, empty
// when none was seen.
func (r *ProbeResult) Fingerprint() string {
	if len(r.Chain) == 0 {
		return ""
	}
	return libvirt.Fingerprint(r.Chain[0])
}

// ProbeError says where a probe failed, and why.
type ProbeError struct {
	Stage Stage
	Err   error
}

// Error returns the reason, which names the stage well enough.
func (e *ProbeError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *ProbeError) Unwrap() error { return e.Err }

// The errors that callers tell apart beside the stage.
var (
	// ErrNobodyListens means that a port or a socket refuses connections, or that a socket does
	// not exist.
	ErrNobodyListens = errors.New("nobody listens")
	// ErrClientRefused means that the server ended the connection after the handshake, because
	// it did not like the client's certificate, or the lack of one. libvirt tells the client no
	// more than that; the reason is in the daemon's log.
	ErrClientRefused = errors.New("the server refused the client")
)

// Probe connects as a libvirt client does and hangs up; see [Connect]. The result is never nil
// and holds everything that was seen; the error is nil or a [*ProbeError].
func Probe(ctx context.Context, req ProbeRequest) (*ProbeResult, error) {
	conn, result, err := Connect(ctx, req)
	if err == nil {
		conn.Close()
	}
	return result, err
}

// Connect connects as a libvirt client does: TCP, TLS, and then the one byte that libvirt's
// daemon sends once it has verified the client (libvirt, src/rpc/virnetserverclient.c). The
// connection is for [NewRemote]; it is nil unless all of that is done. The result is never nil
// and holds everything that was seen; the error is nil or a [*ProbeError].
//
// The TLS is Go's, which differs from GnuTLS's in corners: it knows no Ed448 keys.
func Connect(ctx context.Context, req ProbeRequest) (net.Conn, *ProbeResult, error) {
	ctx, cancel := bounded(ctx, probeTimeout)
	defer cancel()
	result := &ProbeResult{}
	conn, err := result.connect(ctx, req)
	if err != nil {
		return nil, result, &ProbeError{Stage: result.Stage, Err: fmt.Errorf("%s: %w", req.Address, err)}
	}
	return conn, result, nil
}

func (r *ProbeResult) connect(ctx context.Context, req ProbeRequest) (net.Conn, error) {
	addrs, port, err := resolve(ctx, req.Address)
	if err != nil {
		return nil, err
	}
	r.Stage, r.Addresses = StageDial, addrs
	conn, err := dialAny(ctx, addrs, port)
	if err != nil {
		return nil, cause(ctx, err)
	}
	r.Stage, r.Local, r.Remote = StageBegin, addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
	session := tls.Client(conn, r.config(req))
	if err = begin(ctx, conn, req); err == nil {
		err = r.greet(ctx, session, req)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	r.Stage, r.Confirmed = StageDone, true
	return session, nil
}

// addrPort is a TCP address in the form that compares.
func addrPort(addr net.Addr) netip.AddrPort {
	at := addr.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// begin speaks the part before TLS.
func begin(ctx context.Context, conn net.Conn, req ProbeRequest) error {
	if req.Begin == nil {
		return nil
	}
	release := guard(ctx, conn)
	defer release()
	if err := req.Begin(conn); err != nil {
		return cause(ctx, err)
	}
	return nil
}

// greet does the handshake and waits for the confirmation.
func (r *ProbeResult) greet(ctx context.Context, session *tls.Conn, req ProbeRequest) error {
	r.Stage = StageHandshake
	if err := session.HandshakeContext(ctx); err != nil {
		return cause(ctx, err)
	}
	r.Stage = StageConfirmation
	wait := confirm
	if req.Confirm != nil {
		wait = req.Confirm
	}
	release := guard(ctx, session)
	defer release()
	return refusal(ctx, wait(ctx, session))
}

// refusal marks the end of a connection, by which servers refuse a client, as
// [ErrClientRefused]. It keeps other errors.
func refusal(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("waiting for the confirmation: %w", cause(ctx, err))
	case ended(err):
		return fmt.Errorf("%w: %w", ErrClientRefused, err)
	}
	return err
}

// config verifies in a callback, so that the server's certificates are known even when they are
// not trusted. The callback runs before the client shows its certificate.
func (r *ProbeResult) config(req ProbeRequest) *tls.Config {
	host, _, _ := net.SplitHostPort(req.Address)
	return &tls.Config{
		ServerName:           host,
		InsecureSkipVerify:   true, // by crypto/tls itself
		MinVersion:           max(req.MinVersion, tls.VersionTLS12),
		MaxVersion:           req.MaxVersion,
		VerifyConnection:     func(state tls.ConnectionState) error { return r.verify(state, req) },
		GetClientCertificate: func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) { return r.show(asked, req) },
	}
}

func (r *ProbeResult) verify(state tls.ConnectionState, req ProbeRequest) error {
	r.Chain, r.Version, r.CipherSuite = state.PeerCertificates, state.Version, state.CipherSuite
	if req.Verify == nil {
		return nil
	}
	if err := req.Verify(r.Chain); err != nil {
		r.Stage = StageVerify
		return err
	}
	return nil
}

// show returns the client's certificate and key without regard to the CAs that the server
// lists: it is for the server to refuse the client.
func (r *ProbeResult) show(asked *tls.CertificateRequestInfo, req ProbeRequest) (*tls.Certificate, error) {
	r.ClientAsked, r.ClientCAs = true, asked.AcceptableCAs
	if req.Client == nil {
		return &tls.Certificate{}, nil
	}
	return req.Client, nil
}

// confirm reads libvirt's byte. In TLS 1.3 the handshake is over for the client before the
// server has looked at its certificate, so a refusal comes here in every version.
func confirm(_ context.Context, conn net.Conn) error {
	var b [1]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return err
	}
	if b[0] != 1 {
		return fmt.Errorf("byte %#02x in place of libvirt's confirmation", b[0])
	}
	return nil
}

// ended reports whether the other side ended the connection: by its end, by a
// reset, or by an alert, which crypto/tls calls a remote error.
func ended(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.As(err, &op) && op.Op == "remote error"
}
