package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"virtpki/internal/connect"
)

// fakePKI is a CA with the certificates that it has issued, and a client's directory for pkipath.
type fakePKI struct {
	t      *testing.T
	ca     *x509.Certificate
	key    *ecdsa.PrivateKey
	folder string
}

func newFakePKI(t *testing.T) *fakePKI {
	p := &fakePKI{t: t, folder: t.TempDir()}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	p.key = newECKey(t)
	p.ca = p.sign(template, template, p.key)
	client := p.issue(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "alice"} })
	p.write("cacert.pem", "CERTIFICATE", p.ca.Raw)
	p.write("clientcert.pem", "CERTIFICATE", client.Certificate[0])
	der, err := x509.MarshalPKCS8PrivateKey(client.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	p.write("clientkey.pem", "PRIVATE KEY", der)
	return p
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (p *fakePKI) write(name, kind string, der []byte) {
	if err := os.WriteFile(filepath.Join(p.folder, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *fakePKI) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}
	return cert
}

// issue makes a server certificate and key for 127.0.0.1. change edits the template before it is
// signed.
func (p *fakePKI) issue(change func(*x509.Certificate)) tls.Certificate {
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "hv1"}, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	if change != nil {
		change(template)
	}
	key := newECKey(p.t)
	cert := p.sign(template, p.ca, key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func (p *fakePKI) revoke(cert tls.Certificate) {
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		p.t.Fatal(err)
	}
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: leaf.SerialNumber, RevocationTime: time.Now()}}}
	der, err := x509.CreateRevocationList(rand.Reader, list, p.ca, p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("cacrl.pem", "X509 CRL", der)
}

// listen passes every connection to serve, and returns HOST:PORT.
func listen(t *testing.T, serve func(net.Conn)) string {
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

// libvirtd serves like a daemon: the handshake, the first bytes, and a body for each procedure. A
// nil body leaves a call without a reply.
func libvirtd(config *tls.Config, hello string, answer func(procedure uint32) []byte) func(net.Conn) {
	return func(conn net.Conn) {
		session := tls.Server(conn, config)
		defer session.Close()
		if session.Handshake() != nil {
			return
		}
		io.WriteString(session, hello)
		for answer != nil {
			var call [28]byte
			if _, err := io.ReadFull(session, call[:]); err != nil {
				return
			}
			io.CopyN(io.Discard, session, int64(binary.BigEndian.Uint32(call[:]))-28)
			reply := answer(binary.BigEndian.Uint32(call[12:]))
			if reply == nil {
				time.Sleep(2 * time.Second)
				return
			}
			session.Write(replyTo(call, reply))
		}
		if hello == "" || hello == "\x01" {
			return
		}
		io.Copy(io.Discard, session)
	}
}

// replyTo makes the reply to a call. A body that begins with "!" is an error; a body that begins
// with "#" is the whole message.
func replyTo(call [28]byte, body []byte) []byte {
	if raw, ok := bytes.CutPrefix(body, []byte("#")); ok {
		return raw
	}
	text, failed := bytes.CutPrefix(body, []byte("!"))
	binary.BigEndian.PutUint32(call[16:], 1)
	if failed {
		binary.BigEndian.PutUint32(call[24:], 1)
		body = join32(9, 7, 1)
		body = append(body, str32(string(text))...)
	}
	binary.BigEndian.PutUint32(call[0:], uint32(28+len(body)))
	return append(call[:], body...)
}

func join32(words ...uint32) []byte {
	var b []byte
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

func str32(s string) []byte {
	b := append(join32(uint32(len(s))), s...)
	return append(b, make([]byte, -len(s)&3)...)
}

// answering is a daemon that replies correctly, except to the procedures in other.
func answering(other map[uint32][]byte) func(uint32) []byte {
	good := map[uint32][]byte{66: join32(1, 0), 1: {}, 59: str32("hv1"), 157: join32(0, 9000000), 2: {}}
	return func(procedure uint32) []byte {
		if body, ok := other[procedure]; ok {
			return body
		}
		return good[procedure]
	}
}

func TestCheckConnect(t *testing.T) {
	p, foreign := newFakePKI(t), newFakePKI(t)
	revoked := p.issue(nil)
	p.revoke(revoked)
	with := func(cert tls.Certificate) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert}
	}
	good := with(p.issue(nil))
	expired := p.issue(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	})
	future := p.issue(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	})
	named := p.issue(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"hv1.example", "hv1"} })
	bare := p.issue(func(c *x509.Certificate) { c.IPAddresses, c.Subject.CommonName = nil, "127.0.0.1" })
	old := with(p.issue(nil))
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	says := func(text string) func(net.Conn) {
		return func(c net.Conn) { io.WriteString(c, text); io.CopyN(io.Discard, c, 100) }
	}
	huge := append([]byte("#"), join32(0xffffffff, 1, 2, 3, 4, 5, 6)...)
	for _, c := range []struct {
		name    string
		serve   func(net.Conn)
		verdict string
		step    string // the last one
		side    string
		want    string // in its text, fix or reasons
	}{
		{"all is well", libvirtd(good, "\x01", answering(nil)), "fine", "answer", "", "host hv1, libvirt 9.0.0"},
		{"hangs up at once", func(net.Conn) {}, "tls-failed", "tls", "server", "closed the connection before TLS began"},
		{"is mute", func(net.Conn) { time.Sleep(2 * time.Second) }, "tls-failed", "tls", "server", "max_clients"},
		{"an SSH server", says("SSH-2.0-OpenSSH_9.2p1\r\n"), "no-tls", "tls", "server", "an SSH server answers"},
		{"a web server", says("HTTP/1.1 400 Bad Request\r\n\r\n"), "no-tls", "tls", "server", "a web server"},
		{"something else", says("220 mail ESMTP\r\n"), "no-tls", "tls", "server", `begins with "220 m"`},
		{"libvirt without TLS", plainLibvirtd, "no-tls", "tls", "server", "without TLS"},
		{"TLS 1.1 alone", libvirtd(old, "\x01", nil), "tls-failed", "tls", "server", "version"},
		{"no certificate to show", libvirtd(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}, "", nil), "tls-failed", "tls", "server", "log"},
		{"expired", libvirtd(with(expired), "\x01", nil), "untrusted", "certificate", "client", "expired on"},
		{"not valid yet", libvirtd(with(future), "\x01", nil), "untrusted", "certificate", "client", "or set the clock"},
		{"of another CA of the same name", libvirtd(with(foreign.issue(nil)), "\x01", nil), "untrusted", "certificate", "client", "same name"},
		{"revoked", libvirtd(with(revoked), "\x01", nil), "untrusted", "certificate", "client", "is revoked by"},
		{"other names", libvirtd(with(named), "\x01", nil), "wrong-name", "hostname", "client", "it names hv1.example, hv1"},
		{"an address in the CN alone", libvirtd(with(bare), "\x01", nil), "wrong-name", "hostname", "client", "for an address nothing else counts"},
		{"closes before the byte", libvirtd(good, "", nil), "refused", "confirmation", "server", "tls_allowed_dn_list there"},
		{"another byte", libvirtd(good, "\x02", nil), "no-answer", "confirmation", "server", "byte 0x02"},
		{"no byte", libvirtd(good, "", func(uint32) []byte { return nil }), "no-answer", "confirmation", "server", "no decision in time"},
		{"closes after the byte", libvirtd(good, "\x01", nil), "no-answer", "authentication", "server", "EOF"},
		{"garbage in place of an answer", libvirtd(good, "\x01HTTP/1.1 200 OK with a long line behind it", nil), "no-answer", "authentication", "server", "message of"},
		{"a huge length", libvirtd(good, "\x01", answering(map[uint32][]byte{66: huge})), "no-answer", "authentication", "server", "message of 4294967295 bytes"},
		{"too many authentications", libvirtd(good, "\x01", answering(map[uint32][]byte{66: join32(1 << 30)})), "no-answer", "authentication", "server", "at most 20"},
		{"hangs at the first call", libvirtd(good, "\x01", answering(map[uint32][]byte{66: nil})), "no-answer", "authentication", "server", "deadline"},
		{"SASL", libvirtd(good, "\x01", answering(map[uint32][]byte{66: join32(1, 1), 67: str32("SCRAM-SHA-256,GSSAPI")})), "auth-wanted", "authentication", "server", "SCRAM-SHA-256, GSSAPI"},
		{"SASL that is not set up", libvirtd(good, "\x01", answering(map[uint32][]byte{66: join32(1, 1), 67: []byte("!no mechanism")})), "auth-wanted", "authentication", "server", "no mechanism"},
		{"polkit", libvirtd(good, "\x01", answering(map[uint32][]byte{66: join32(1, 2)})), "auth-wanted", "authentication", "server", "polkit"},
		{"no such driver", libvirtd(good, "\x01", answering(map[uint32][]byte{1: []byte("!no connection driver available")})), "libvirt-error", "open", "server", "no connection driver available"},
		{"an error with escapes", libvirtd(good, "\x01", answering(map[uint32][]byte{1: []byte("!\x1b[2Jgone")})), "libvirt-error", "open", "server", `\x1b[2Jgone`},
		{"hangs at the open", libvirtd(good, "\x01", answering(map[uint32][]byte{1: nil})), "no-answer", "open", "server", "deadline"},
		{"hangs at the name", libvirtd(good, "\x01", answering(map[uint32][]byte{59: nil})), "no-answer", "answer", "server", "deadline"},
		{"a name that is cut short", libvirtd(good, "\x01", answering(map[uint32][]byte{59: join32(100)})), "no-answer", "answer", "server", "too early"},
		{"a version that is cut short", libvirtd(good, "\x01", answering(map[uint32][]byte{157: join32(0)})), "no-answer", "answer", "server", "too early"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := connectTo(t, "test+tls://"+listen(t, c.serve)+"/default", "--pkipath", p.folder)
			checkReport(t, got, c.verdict, c.step, c.side, c.want)
		})
	}
}

// plainLibvirtd takes a TLS hello for a message that is too long, and replies to the first call of
// a client without TLS.
func plainLibvirtd(conn net.Conn) {
	var call [28]byte
	io.ReadFull(conn, call[:])
	if binary.BigEndian.Uint32(call[:]) == 28 {
		conn.Write(replyTo(call, join32(1, 0)))
	}
}

// connectTo runs check --connect and returns its report.
func connectTo(t *testing.T, uri string, args ...string) connect.Report {
	t.Helper()
	var stdout, stderr bytes.Buffer
	e := newEnv()
	e.stdout, e.stderr = &stdout, &stderr
	began := time.Now()
	status := run(context.Background(), e, append([]string{"check", "--json", "--timeout", "1s", "--connect", uri}, args...))
	var report connect.Report
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("status %d, %v\n%s%s", status, err, &stdout, &stderr)
	}
	if time.Since(began) > 6*time.Second {
		t.Errorf("took %v", time.Since(began))
	}
	if want := map[bool]int{true: exitDone, false: exitRefused}[report.OK]; status != want || connect.Verdicts[report.Verdict] == "" || report.OK != (report.Verdict == "fine") {
		t.Errorf("status %d, verdict %q: %+v", status, report.Verdict, report)
	}
	return report
}

func checkReport(t *testing.T, got connect.Report, verdict, step, side, want string) {
	t.Helper()
	last := got.Steps[len(got.Steps)-1]
	for _, earlier := range got.Steps[:len(got.Steps)-1] {
		if !earlier.OK || earlier.Side != "" {
			t.Errorf("a step that is not the last one says no: %+v", earlier)
		}
	}
	text := last.Text + "\n" + last.Fix
	for _, r := range last.Likely {
		text += "\n" + r.Text + "\n" + r.Fix
	}
	if got.Verdict != verdict || last.Name != step || last.OK != (side == "") || last.Side != side || !strings.Contains(text, want) {
		t.Errorf("got %s, %+v", got.Verdict, last)
	}
	if !last.OK && last.Fix == "" && len(last.Likely) == 0 {
		t.Errorf("nothing is said of what to do: %+v", last)
	}
}

func TestCheckConnectWithoutServer(t *testing.T) {
	p := newFakePKI(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	checkReport(t, connectTo(t, closed, "--pkipath", p.folder), "nobody-listens", "tcp", "network", "refused")
	checkReport(t, connectTo(t, "hv1.invalid", "--pkipath", p.folder), "no-address", "name", "network", "hv1.invalid")
	checkReport(t, connectTo(t, closed, "--pkipath", t.TempDir()), "files", "files", "client", "the client has no CA")
}

func TestCheckConnectIsInterrupted(t *testing.T) {
	p := newFakePKI(t)
	ctx, cancel := context.WithCancel(t.Context())
	address := listen(t, func(net.Conn) { cancel(); time.Sleep(time.Second) })
	e := newEnv()
	e.stdout, e.stderr = io.Discard, io.Discard
	began := time.Now()
	if status := run(ctx, e, []string{"check", "--connect", address, "--pkipath", p.folder}); status != exitInterrupted || time.Since(began) > time.Second {
		t.Errorf("status %d after %v", status, time.Since(began))
	}
}
