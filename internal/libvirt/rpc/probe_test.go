package rpc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"virtpki/internal/lab/labpki"
	"virtpki/internal/libvirt"
)

// tlsServer listens on 127.0.0.1 and answers one connection: after the handshake it
// calls after, and hangs up.
func tlsServer(t *testing.T, config *tls.Config, after func(*tls.Conn)) (address string) {
	t.Helper()
	return server(t, func(conn net.Conn) {
		session := tls.Server(conn, config)
		if session.Handshake() == nil {
			after(session)
		}
		session.Close()
	})
}

func server(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

func say(b byte) func(*tls.Conn) { return func(c *tls.Conn) { c.Write([]byte{b}) } }

func hangUp(*tls.Conn) {}

// reset ends the connection by a reset.
func reset(c *tls.Conn) {
	c.NetConn().(*net.TCPConn).SetLinger(0)
	c.NetConn().Close()
}

func stayMute(c *tls.Conn) { c.Read(make([]byte, 1)) }

func TestProbe(t *testing.T) {
	ca, foreign := labpki.New(t, "CA"), labpki.New(t, "Foreign")
	alice, mallory := ca.Issue("alice", nil), foreign.Issue("mallory", nil)
	good := ca.Issue("hv1", labpki.ForHost("hv1", "127.0.0.1"))
	expired := ca.Issue("hv1", func(c *x509.Certificate) { labpki.ForHost("127.0.0.1")(c); c.NotAfter = time.Now().Add(-time.Minute) })
	wants := func(pair labpki.Pair, auth tls.ClientAuthType) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{*pair.TLS()}, ClientAuth: auth, ClientCAs: ca.Pool()}
	}
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	for _, c := range []struct {
		name   string
		config *tls.Config
		after  func(*tls.Conn)
		req    ProbeRequest
		stage  Stage
		is     error // for errors.Is
		as     any   // for errors.As
		served *x509.Certificate
	}{
		{"let in", wants(good, tls.RequireAndVerifyClientCert), say(1), ProbeRequest{Verify: ca.Vouches("127.0.0.1", time.Time{}), Client: alice.TLS()}, StageDone, nil, nil, good.Cert},
		{"let in by name", wants(good, tls.RequestClientCert), say(1), ProbeRequest{Verify: ca.Vouches("HV1", time.Time{})}, StageDone, nil, nil, good.Cert},
		{"refused by hanging up", wants(good, tls.RequestClientCert), hangUp, ProbeRequest{Verify: ca.Vouches("127.0.0.1", time.Time{}), Client: mallory.TLS()}, StageConfirmation, ErrClientRefused, nil, good.Cert},
		{"refused by a reset", wants(good, tls.RequestClientCert), reset, ProbeRequest{Verify: ca.Vouches("127.0.0.1", time.Time{})}, StageConfirmation, ErrClientRefused, nil, good.Cert},
		{"refused by an alert", wants(good, tls.RequireAndVerifyClientCert), say(1), ProbeRequest{Verify: ca.Vouches("127.0.0.1", time.Time{}), Client: mallory.TLS()}, StageConfirmation, ErrClientRefused, nil, good.Cert},
		{"another byte", wants(good, tls.RequestClientCert), say(2), ProbeRequest{Verify: ca.Vouches("127.0.0.1", time.Time{})}, StageConfirmation, nil, nil, good.Cert},
		{"mute after the handshake", wants(good, tls.RequestClientCert), stayMute, ProbeRequest{Verify: ca.Vouches("127.0.0.1", time.Time{})}, StageConfirmation, context.DeadlineExceeded, nil, good.Cert},
		{"foreign CA", wants(good, tls.RequestClientCert), say(1), ProbeRequest{Verify: foreign.Vouches("127.0.0.1", time.Time{})}, StageVerify, nil, &authority, good.Cert},
		{"expired", wants(expired, tls.RequestClientCert), say(1), ProbeRequest{Verify: ca.Vouches("127.0.0.1", time.Time{})}, StageVerify, nil, &invalid, expired.Cert},
		{"expired, at a time when it was not", wants(expired, tls.RequestClientCert), say(1), ProbeRequest{Verify: ca.Vouches("127.0.0.1", time.Now().Add(-2*time.Minute))}, StageDone, nil, nil, expired.Cert},
		{"expired, looked at without trust", wants(expired, tls.RequestClientCert), hangUp, ProbeRequest{}, StageConfirmation, ErrClientRefused, nil, expired.Cert},
		{"another name", wants(good, tls.RequestClientCert), say(1), ProbeRequest{Verify: ca.Vouches("hv2", time.Time{})}, StageVerify, nil, &hostname, good.Cert},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(c.name+"/"+tls.VersionName(version), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				if c.is == context.DeadlineExceeded {
					ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
				}
				defer cancel()
				config := c.config.Clone()
				config.MinVersion, config.MaxVersion = version, version
				c.req.Address = tlsServer(t, config, c.after)
				got, err := Probe(ctx, c.req)
				stage, is := c.stage, c.is
				if c.name == "refused by an alert" && version == tls.VersionTLS12 {
					stage, is = StageHandshake, nil // this handshake ends with the server's word
				}
				var failed *ProbeError
				if got.Stage != stage || got.Confirmed != (stage == StageDone) || (err == nil) != (stage == StageDone) || err != nil && (!errors.As(err, &failed) || failed.Stage != stage) {
					t.Fatalf("got %+v, %v", got, err)
				}
				if is != nil && !errors.Is(err, is) || is != ErrClientRefused && errors.Is(err, ErrClientRefused) || c.as != nil && !errors.As(err, c.as) {
					t.Errorf("error %v", err)
				}
				if c.served != nil && (got.Leaf() == nil || !got.Leaf().Equal(c.served) || got.Fingerprint() != libvirt.Fingerprint(c.served) || got.Version != version || got.CipherSuite == 0) {
					t.Errorf("served: %+v", got)
				}
			})
		}
	}
}

func TestProbeWithoutTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	for _, c := range []struct {
		name, address string
		stage         Stage
		nobody        bool
		want          string
	}{
		{"nobody listens", closed, StageDial, true, "refused"},
		{"not an address", "hv1", StageResolve, false, "missing port"},
		{"no such name", "hv1.invalid:16514", StageResolve, false, "hv1.invalid"},
		{"hangs up", server(t, func(net.Conn) {}), StageHandshake, false, ""},
		{"speaks something else", server(t, func(c net.Conn) { c.Write([]byte("SSH-2.0-x\r\n")); c.Read(make([]byte, 1000)) }), StageHandshake, false, "does not look like"},
		{"is mute", server(t, func(c net.Conn) { time.Sleep(time.Second) }), StageHandshake, false, "deadline"},
		{"has no certificate", tlsServer(t, &tls.Config{}, hangUp), StageHandshake, false, "remote error"},
		{"knows TLS 1.1 alone", tlsServer(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, hangUp), StageHandshake, false, "protocol version"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		got, err := Probe(ctx, ProbeRequest{Address: c.address})
		cancel()
		if err == nil || got.Stage != c.stage || errors.Is(err, ErrNobodyListens) != c.nobody || errors.Is(err, ErrClientRefused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		}
		if got.Leaf() != nil || got.Fingerprint() != "" {
			t.Errorf("%s: a certificate was served: %+v", c.name, got)
		}
	}
}

func TestProbeKeyTypes(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ca := labpki.New(t, "CA")
	for name, key := range map[string]crypto.Signer{"P-256": labpki.NewKey(t), "P-384": p384, "Ed25519": ed, "RSA": rsa2048} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			pair, client := ca.IssueFor(key, "hv1", labpki.ForHost("127.0.0.1")), ca.IssueFor(key, "alice", nil)
			config := &tls.Config{Certificates: []tls.Certificate{*pair.TLS()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(), MaxVersion: version}
			got, err := Probe(t.Context(), ProbeRequest{Address: tlsServer(t, config, say(1)), Verify: ca.Vouches("127.0.0.1", time.Time{}), Client: client.TLS()})
			if err != nil || !got.Confirmed || got.Version != version || got.Fingerprint() != libvirt.Fingerprint(pair.Cert) {
				t.Errorf("%s, %s: got %+v, %v", name, tls.VersionName(version), got, err)
			}
		}
	}
}
