package libvirt

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// probeTimeout bounds a probe whose context has no deadline.
const probeTimeout = 15 * time.Second

// ProbeRequest says whom to ask and as whom.
type ProbeRequest struct {
	// Address is "host:port" as [net.Dialer] takes it.
	Address string
	// ServerName is what the certificate must be made out to, a name or an IP
	// address; empty means the host of Address.
	ServerName string
	// Roots are the CAs that the server is verified against. Without them nothing
	// is verified, the name neither: to learn which certificate is served, be it
	// expired.
	Roots *x509.CertPool
	// Client is the pair to show when the server asks for one; nil is none.
	Client *tls.Certificate
	// Now is the time to verify for; zero is the present.
	Now time.Time
	// MaxVersion is the newest version of TLS to offer, as in [tls.Config].
	MaxVersion uint16
}

// Stage is how far a probe has come.
type Stage int

// The stages, in their order: what failed, or Done.
const (
	StageDial         Stage = iota // nobody answered on the TCP port
	StageHandshake                 // there is no TLS, or the server is not to be trusted
	StageHostname                  // the certificate is made out to somebody else
	StageConfirmation              // TLS is fine, but the server has not confirmed the client
	StageDone
)

// String names the stage in a word.
func (s Stage) String() string {
	return [...]string{"dial", "handshake", "hostname", "confirmation", "done"}[s]
}

// ProbeResult is what a probe has seen, up to where it failed.
type ProbeResult struct {
	Stage       Stage
	Chain       []*x509.Certificate // as served, the leaf first
	Version     uint16              // of TLS: tls.VersionTLS13
	CipherSuite uint16
	// Confirmed is whether the server sent the byte by which libvirt tells a
	// client that it has been let in.
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
	return Fingerprint(r.Chain[0])
}

// Fingerprint is the SHA-256 of a certificate in lower-case hex.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// ProbeError says where a probe failed, and why.
type ProbeError struct {
	Stage Stage
	Err   error
}

// Error gives the reason, which names the stage well enough.
func (e *ProbeError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *ProbeError) Unwrap() error { return e.Err }

// What callers tell apart beside the stage.
var (
	// ErrNobodyListens is a port or a socket that refuses connections, or a socket
	// that does not exist.
	ErrNobodyListens = errors.New("nobody listens")
	// ErrClientRefused is a server that ended the connection after the handshake:
	// it did not like the client's certificate, or the lack of one. libvirt tells
	// the client no more than that; the reason is in the daemon's log.
	ErrClientRefused = errors.New("the server refused the client")
)

// Probe connects as a libvirt client does: TCP, TLS, and then the one byte that
// libvirt's daemon sends once it has verified the client (libvirt,
// src/rpc/virnetserverclient.c). The result is never nil and holds what was seen;
// the error is nil or a [*ProbeError].
//
// Verification is Go's, which differs from GnuTLS's in corners: it knows no
// Ed448 keys, and lets "*.example" match. The extended key usage is not looked
// at, since libvirt minds it only where it is critical.
func Probe(ctx context.Context, req ProbeRequest) (*ProbeResult, error) {
	ctx, cancel := bounded(ctx, probeTimeout)
	defer cancel()
	result := &ProbeResult{}
	err := result.probe(ctx, req)
	if err != nil {
		return result, &ProbeError{Stage: result.Stage, Err: fmt.Errorf("%s: %w", req.Address, err)}
	}
	return result, nil
}

func (r *ProbeResult) probe(ctx context.Context, req ProbeRequest) error {
	if req.ServerName == "" {
		host, _, err := net.SplitHostPort(req.Address)
		if err != nil {
			return err
		}
		req.ServerName = host
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", req.Address)
	if err != nil {
		return nobodyListens(err)
	}
	defer conn.Close()
	r.Stage = StageHandshake
	session := tls.Client(conn, r.config(req))
	if err := session.HandshakeContext(ctx); err != nil {
		return err
	}
	r.Stage = StageConfirmation
	if err := confirm(ctx, session); err != nil {
		return err
	}
	r.Stage, r.Confirmed = StageDone, true
	return nil
}

// config does the verification in a callback, so that what is served is known
// also when it is not trusted. It runs before the client shows its certificate.
func (r *ProbeResult) config(req ProbeRequest) *tls.Config {
	config := &tls.Config{
		ServerName:         req.ServerName,
		InsecureSkipVerify: true, // by crypto/tls itself
		MinVersion:         tls.VersionTLS12,
		MaxVersion:         req.MaxVersion,
		VerifyConnection: func(state tls.ConnectionState) error {
			r.Chain, r.Version, r.CipherSuite = state.PeerCertificates, state.Version, state.CipherSuite
			return r.verify(req)
		},
	}
	// Shown whatever CAs the server lists: it is for the server to refuse it.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if req.Client == nil {
			return &tls.Certificate{}, nil
		}
		return req.Client, nil
	}
	return config
}

func (r *ProbeResult) verify(req ProbeRequest) error {
	if req.Roots == nil {
		return nil
	}
	options := x509.VerifyOptions{
		Roots:         req.Roots,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   req.Now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, cert := range r.Chain[1:] {
		options.Intermediates.AddCert(cert)
	}
	if _, err := r.Chain[0].Verify(options); err != nil {
		return err
	}
	if err := verifyHostname(r.Chain[0], req.ServerName); err != nil {
		r.Stage = StageHostname
		return err
	}
	return nil
}

// verifyHostname looks at the CN of a certificate that has no SAN at all, as
// GnuTLS does for names, not for addresses.
func verifyHostname(cert *x509.Certificate, name string) error {
	bare := len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.EmailAddresses)+len(cert.URIs) == 0
	if bare && cert.Subject.CommonName != "" && net.ParseIP(name) == nil {
		named := *cert
		named.DNSNames = []string{cert.Subject.CommonName}
		return named.VerifyHostname(name)
	}
	return cert.VerifyHostname(name)
}

// confirm reads libvirt's byte. In TLS 1.3 the handshake is over for the client
// before the server has looked at its certificate, so a refusal comes here
// whatever the version.
func confirm(ctx context.Context, conn net.Conn) error {
	release := guard(ctx, conn)
	defer release()
	var b [1]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		if ended(err) {
			return fmt.Errorf("%w: %w", ErrClientRefused, err)
		}
		return fmt.Errorf("waiting for the confirmation: %w", cause(ctx, err))
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
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.As(err, &op) && op.Op == "remote error"
}

// nobodyListens marks the errors of a dial that mean just that.
func nobodyListens(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("%w: %w", ErrNobodyListens, err)
	}
	return err
}
