package connect_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"virtpki/internal/connect"
	"virtpki/internal/hint"
	"virtpki/internal/lab/labpki"
	"virtpki/internal/machine"
)

// site is a CA, and a directory with the files of its client.
type site struct {
	*labpki.CA
	dir string
}

func newSite(t *testing.T) site {
	s := site{labpki.New(t, "CA"), t.TempDir()}
	client := s.Issue("alice", nil)
	for name, data := range map[string][]byte{"cacert.pem": labpki.CertPEM(s.Cert), "clientcert.pem": labpki.CertPEM(client.Cert), "clientkey.pem": client.KeyPEM(t)} {
		s.put(t, name, data)
	}
	return s
}

func (s site) put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// server returns a certificate and key for 127.0.0.1; change is applied before it is signed.
func (s site) server(change func(*x509.Certificate)) *tls.Config {
	pair := s.Issue("hv1", func(c *x509.Certificate) {
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		if change != nil {
			change(c)
		}
	})
	return &tls.Config{Certificates: []tls.Certificate{*pair.TLS()}, ClientAuth: tls.RequestClientCert}
}

// listen serves every connection by serve and returns HOST:PORT.
func listen(t *testing.T, serve func(net.Conn)) string {
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

// A script of a server: the bytes that it sends, then how many bytes it wants to receive.
type line struct {
	says  string
	hears int
}

// serving plays before, does TLS, refuses clients without a certificate if demand is set, plays
// after, and stays until the client goes.
func serving(config *tls.Config, demand bool, before, after []line) func(net.Conn) {
	return func(conn net.Conn) {
		if !play(conn, before) {
			return
		}
		session := tls.Server(conn, config)
		defer session.Close()
		if session.Handshake() != nil || demand && len(session.ConnectionState().PeerCertificates) == 0 {
			return
		}
		if play(session, after) {
			io.Copy(io.Discard, session)
		}
	}
}

func play(conn io.ReadWriter, lines []line) bool {
	for _, l := range lines {
		if _, err := io.WriteString(conn, l.says); err != nil {
			return false
		}
		if _, err := io.CopyN(io.Discard, conn, int64(l.hears)); err != nil {
			return false
		}
	}
	return true
}

var (
	vencrypt  = []line{{"RFB 003.008\n", 12}, {"\x01\x13", 1}, {"\x00\x02", 2}, {"\x00\x01\x00\x00\x01\x04", 4}, {"\x01", 0}}
	x509Vnc   = []line{{"RFB 003.008\n", 12}, {"\x01\x13", 1}, {"\x00\x02", 2}, {"\x00\x01\x00\x00\x01\x05", 4}, {"\x01", 0}}
	x509Plain = []line{{"RFB 003.008\n", 12}, {"\x01\x13", 1}, {"\x00\x02", 2}, {"\x00\x01\x00\x00\x01\x06", 4}, {"\x01", 0}}
	newstyle  = []line{{"NBDMAGICIHAVEOPT\x00\x03", 20}, {option(5, 1), 0}}
	accepted  = []line{{"\x00\x00\x00\x00", 0}}
	challenge = []line{{"0123456789abcdef", 0}}
	exports   = []line{{"", 16}, {option(3, 1), 16}}
	link      = []line{{"", 34}, {linkReply(0), 0}}
	mute      = func(c net.Conn) { io.Copy(io.Discard, c) }
)

func option(option, kind uint32) string {
	b := binary.BigEndian.AppendUint64(nil, 0x3e889045565a9)
	for _, word := range []uint32{option, kind, 0} {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	return string(b)
}

func linkReply(code uint32) string {
	b := []byte("REDQ")
	for _, word := range []uint32{2, 2, 178, code} {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return string(b) + strings.Repeat("\x00", 174)
}

func says(text string) func(net.Conn) {
	return func(c net.Conn) { io.WriteString(c, text); io.CopyN(io.Discard, c, 100) }
}

// TestServices runs check --connect against imitations of QEMU's servers, right and wrong ones.
// The script testdata/e2e/check-services.txtar tests real ones.
func TestServices(t *testing.T) {
	s, foreign := newSite(t), newSite(t)
	good := s.server(nil)
	revoked := s.server(nil)
	s.put(t, "cacrl.pem", s.CRL(revoked.Certificates[0].Leaf))
	clients := s.server(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	expired := s.server(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	})
	future := s.server(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	named := s.server(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"hv1.example"} })
	bare := s.server(func(c *x509.Certificate) { c.IPAddresses, c.Subject.CommonName = nil, "127.0.0.1" })
	old := s.server(nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	other := foreign.server(nil)
	only12 := s.server(nil)
	only12.MaxVersion = tls.VersionTLS12
	picky := s.server(nil)
	picky.ClientAuth, picky.ClientCAs = tls.RequireAndVerifyClientCert, foreign.Pool()
	for _, c := range []struct {
		name, scheme string
		serve        func(net.Conn)
		verdict      string
		step, side   string // the last one
		want         string // in its text, fix or reasons
	}{
		{"VNC", "vnc", serving(good, false, vencrypt, accepted), "fine", "demand", "", "the server demands no client certificate"},
		{"VNC that demands", "vnc", serving(good, true, vencrypt, accepted), "fine", "demand", "", "the server demands a client certificate"},
		{"VNC with a password", "vnc", serving(good, true, x509Vnc, challenge), "fine", "demand", "", "demands a client certificate"},
		{"VNC with user and password", "vnc", serving(good, true, x509Plain, nil), "fine", "demand", "", "demands a client certificate"},
		{"VNC, TLS 1.2", "vnc", serving(only12, true, vencrypt, accepted), "fine", "demand", "", "demands a client certificate"},
		{"VNC, expired", "vnc", serving(expired, false, vencrypt, accepted), "untrusted", "certificate", "client", "virtpki renew, then virtpki reload"},
		{"VNC, not valid yet", "vnc", serving(future, false, vencrypt, accepted), "untrusted", "certificate", "client", "set the clock"},
		{"VNC of another CA", "vnc", serving(other, false, vencrypt, accepted), "untrusted", "certificate", "client", "another CA of the same name"},
		{"VNC with another name", "vnc", serving(named, false, vencrypt, accepted), "wrong-name", "hostname", "client", "it names hv1.example"},
		{"VNC, revoked", "vnc", serving(revoked, false, vencrypt, accepted), "untrusted", "certificate", "client", "is revoked by"},
		{"VNC with a client's certificate, which gtk-vnc takes", "vnc", serving(clients, false, vencrypt, accepted), "fine", "demand", "", "no client certificate"},
		{"VNC that takes other clients", "vnc", serving(picky, false, vencrypt, accepted), "refused", "confirmation", "server", "the CRL there"},
		{"VNC that closes", "vnc", serving(good, false, vencrypt, []line{{"", 0}, {"x", 0}, {"", 1 << 20}}), "no-answer", "confirmation", "server", "deadline"},
		{"VNC without TLS", "vnc", serving(good, false, []line{{"RFB 003.008\n", 12}, {"\x01\x01", 99}}, nil), "no-tls", "protocol", "server", "security types are None"},
		{"VNC, anonymous", "vnc", serving(good, false, []line{{"RFB 003.008\n", 12}, {"\x01\x13", 1}, {"\x00\x02", 2}, {"\x00\x01\x00\x00\x01\x01", 99}}, nil), "no-tls", "protocol", "server", "TLSNone"},
		{"VNC, TLS 1.1", "vnc", serving(old, false, vencrypt, nil), "tls-failed", "tls", "server", "version"},
		{"VNC, no TLS where it begins", "vnc", serving(good, false, append(vencrypt[:len(vencrypt):len(vencrypt)], line{"nonsense\n", 999}), nil), "no-tls", "tls", "server", `begins with "nonse"`},
		{"mute instead of VNC", "vnc", mute, "wrong-protocol", "protocol", "server", "the other end sends nothing"},
		{"NBD instead of VNC", "vnc", serving(good, false, newstyle, nil), "wrong-protocol", "protocol", "server", "virtpki check --connect nbds://127.0.0.1:"},
		{"escapes instead of VNC", "vnc", says("\x1b[2J\x1b]0;gone\a\n"), "wrong-protocol", "protocol", "server", `begins with "\x1b[2J`},
		{"VNC that refuses with escapes", "vnc", says("RFB 003.008\n\x00\x00\x00\x00\x04\x1b[2J"), "no-tls", "protocol", "server", `"\x1b[2J"`},
		{"closes at once", "vnc", func(net.Conn) {}, "wrong-protocol", "protocol", "server", "EOF"},

		{"SPICE", "spice", serving(good, false, nil, link), "fine", "confirmation", "", "the ticket"},
		{"SPICE, expired", "spice", serving(expired, false, nil, link), "untrusted", "certificate", "client", "SPICE reads its files when QEMU starts"},
		{"SPICE with another name", "spice", serving(named, false, nil, link), "wrong-name", "hostname", "client", "host-subject"},
		{"SPICE with an address in the CN", "spice", serving(bare, false, nil, link), "fine", "confirmation", "", "admits"},
		{"SPICE, revoked, which its viewers do not see", "spice", serving(revoked, false, nil, link), "fine", "confirmation", "", "admits"},
		{"SPICE with a client's certificate", "spice", serving(clients, false, nil, link), "untrusted", "certificate", "client", "extended key usage"},
		{"NBD, revoked, which QEMU does not see", "nbds", serving(revoked, false, newstyle, exports), "fine", "demand", "", "no client certificate"},
		{"SPICE without TLS", "spice", says(linkReply(4)), "no-tls", "tls", "server", "SPICE's port without TLS"},
		{"SPICE that refuses", "spice", serving(good, false, nil, []line{{"", 34}, {linkReply(7), 0}}), "no-answer", "confirmation", "server", "error 7"},
		{"HTTPS instead of SPICE", "spice", serving(good, false, nil, []line{{"", 34}, {"HTTP/1.1 400 Bad Request\r\n", 0}}), "no-answer", "confirmation", "server", "does not speak SPICE"},
		{"closes after TLS", "spice", serving(good, true, nil, nil), "refused", "confirmation", "server", "has ended"},
		{"mute instead of SPICE", "spice", mute, "tls-failed", "tls", "server", "the other end sends nothing"},

		{"NBD", "nbds", serving(good, true, newstyle, exports), "fine", "demand", "", "demands a client certificate"},
		{"NBD by its other scheme", "nbd", serving(good, false, newstyle, exports), "fine", "demand", "", "the server demands no client certificate"},
		{"NBD, expired", "nbds", serving(expired, false, newstyle, exports), "untrusted", "certificate", "client", "restart the NBD server"},
		{"NBD without TLS", "nbds", serving(good, false, []line{{"NBDMAGICIHAVEOPT\x00\x03", 20}, {option(5, 1<<31+2), 99}}, nil), "no-tls", "protocol", "server", "no TLS set up"},
		{"NBD with an endless list", "nbds", serving(good, false, newstyle, []line{{strings.Repeat(option(3, 2), 4096), 0}}), "fine", "demand", "", "no client certificate"},
		{"NBD with a huge reply", "nbds", says("NBDMAGICIHAVEOPT\x00\x03" + option(5, 1)[:16] + "\xff\xff\xff\xff"), "wrong-protocol", "protocol", "server", "4294967295 bytes"},

		{"a character device", "chardev", serving(good, true, nil, nil), "fine", "demand", "", "demands a client certificate"},
		{"a character device that speaks", "chardev", serving(good, true, nil, []line{{"login: ", 0}}), "fine", "demand", "", "demands a client certificate"},
		{"a character device with another name", "chardev", serving(named, true, nil, nil), "wrong-name", "hostname", "client", "it names hv1.example"},
		{"a character device without TLS", "chardev", says("login: "), "no-tls", "tls", "server", `begins with "login"`},
		{"a migration", "migrate", serving(good, true, nil, nil), "fine", "confirmation", "", "not tried"},
		{"a migration, expired", "migrate", serving(expired, true, nil, nil), "untrusted", "certificate", "client", "start the migration again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			limit := 30 * time.Second
			if c.want == "deadline" || c.want == "the other end sends nothing" {
				limit = 3 * time.Second // all of it passes
			}
			got, err := connect.Run(t.Context(), machine.New(), connect.Request{URI: c.scheme + "://" + listen(t, c.serve), PKIPath: s.dir, Timeout: limit})
			if err != nil {
				t.Fatal(err)
			}
			checkReport(t, got, c.verdict, c.step, c.side, c.want)
			if took := time.Since(began); took > limit+time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func checkReport(t *testing.T, got *connect.Report, verdict, step, side, want string) {
	t.Helper()
	last := got.Steps[len(got.Steps)-1]
	text := last.Text + "\n" + last.Fix
	for _, r := range last.Likely {
		text += "\n" + r.Text + "\n" + r.Fix
	}
	if got.Verdict != verdict || last.Name != step || last.OK != (side == "") || last.Side != side || !strings.Contains(text, want) {
		t.Errorf("got %s, %+v", got.Verdict, last)
	}
	if got.OK != (verdict == "fine") || connect.Verdicts[got.Verdict] == "" || !last.OK && last.Fix == "" && len(last.Likely) == 0 {
		t.Errorf("nothing is sent of what to do: %+v", last)
	}
	if printed := string(got.Text()); strings.ContainsAny(printed, "\x1b\a") {
		t.Errorf("raw on the terminal: %q", printed)
	}
}

// TestServiceWithoutPair is a client without a certificate.
func TestServiceWithoutPair(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"clientcert.pem", "clientkey.pem"} {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(demand bool) *connect.Report {
		got, err := connect.Run(t.Context(), machine.New(), connect.Request{URI: "vnc://" + listen(t, serving(s.server(nil), demand, vencrypt, accepted)), PKIPath: s.dir, Timeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	checkReport(t, run(true), "refused", "confirmation", "server", "the server demands one")
	checkReport(t, run(false), "fine", "confirmation", "", "admits a client without a certificate")
}

// TestServiceWithQEMUsNames uses a --pkipath whose files have QEMU's names.
func TestServiceWithQEMUsNames(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"ca", "client"} {
		if err := os.Rename(filepath.Join(s.dir, name+"cert.pem"), filepath.Join(s.dir, name+"-cert.pem")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(s.dir, "clientkey.pem"), filepath.Join(s.dir, "client-key.pem")); err != nil {
		t.Fatal(err)
	}
	got, err := connect.Run(t.Context(), machine.New(), connect.Request{URI: "nbds://" + listen(t, serving(s.server(nil), true, newstyle, exports)), PKIPath: s.dir, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, got, "fine", "demand", "", "demands a client certificate")
	if got.Demands != "yes" || got.Client == nil {
		t.Errorf("%q, %+v", got.Demands, got.Client)
	}
}

func TestServiceURIs(t *testing.T) {
	for uri, want := range map[string]string{
		"spice://hv1":               "names no port",
		"chardev://hv1":             "names no port",
		"vnc://":                    "does not name a host and a port",
		"vnc://hv1:99999":           "does not name a host and a port",
		"vnc://hv1:5900?tls-port=1": `does not know "tls-port"`,
		"vnc://hv1:x":               "is not a URI",
	} {
		_, err := connect.Run(t.Context(), machine.New(), connect.Request{URI: uri, PKIPath: t.TempDir(), Timeout: time.Second})
		if err == nil || !hint.IsUsage(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", uri, err, want)
		}
	}
	s := newSite(t)
	for uri, want := range map[string]string{
		"vnc://127.0.0.1": "127.0.0.1:5900", "nbds://127.0.0.1/export": "127.0.0.1:10809", "migrate://[::1]": "[::1]:49152",
		"spice://127.0.0.1:1?tls-port=2": "127.0.0.1:2", "VNC://127.0.0.1:7": "127.0.0.1:7",
	} {
		got, err := connect.Run(t.Context(), machine.New(), connect.Request{URI: uri, PKIPath: s.dir, Timeout: 100 * time.Millisecond})
		if err != nil || got.Address != want {
			t.Errorf("%s: %+v, %v, want %s", uri, got, err, want)
		}
	}
}
