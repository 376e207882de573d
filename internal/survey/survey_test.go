package survey_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"virtpki/internal/connect"
	"virtpki/internal/hint"
	"virtpki/internal/lab/labpki"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/survey"
)

// fleet is many hosts behind one listener: the address that a client dials selects the host.
type fleet struct {
	t       testing.TB
	ca      *labpki.CA
	dir     string // the client's files
	m       *machine.Machine
	port    string
	servers map[string]func(net.Conn) // by address
	targets []survey.Target
	want    map[string]string // the verdicts of hosts that are not fine
	timeout time.Duration     // for silent hosts; long, since other tests may run beside
}

func newFleet(t testing.TB) *fleet {
	f := &fleet{t: t, ca: labpki.New(t, "CA"), dir: t.TempDir(), m: machine.New(), servers: map[string]func(net.Conn){}, want: map[string]string{}, timeout: 15 * time.Second}
	f.m.Root = t.TempDir()
	client := f.ca.Issue("alice", nil)
	for name, data := range map[string][]byte{"cacert.pem": labpki.CertPEM(f.ca.Cert), "clientcert.pem": labpki.CertPEM(client.Cert), "clientkey.pem": client.KeyPEM(t)} {
		f.write(filepath.Join(f.dir, name), data)
	}
	return f
}

func (f *fleet) write(path string, data []byte) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// record writes the CA's record of a certificate.
func (f *fleet) record(cert *x509.Certificate) {
	f.write(store.RecordPath(libvirt.Records(f.m.CAPath()), cert.SerialNumber), labpki.CertPEM(cert))
}

// add gives the fleet one more host, with a server of its own.
func (f *fleet) add(verdict string, serve func(net.Conn)) string {
	n := len(f.targets)
	name, address := fmt.Sprintf("hv%04d.lab.example", n), fmt.Sprintf("127.77.%d.%d", n/250, n%250+1)
	f.targets = append(f.targets, survey.Target{Name: name, Dial: address})
	f.servers[address] = serve
	if verdict != "fine" {
		f.want[name] = verdict
	}
	return name
}

// listen serves all hosts, until the test ends.
func (f *fleet) listen() {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { l.Close() })
	_, f.port, _ = net.SplitHostPort(l.Addr().String())
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
				if serve := f.servers[host]; serve != nil {
					serve(conn)
				}
			}()
		}
	}()
}

func (f *fleet) run(progress func(survey.Count)) *survey.Report {
	f.t.Helper()
	report, err := survey.Run(f.t.Context(), f.m, survey.Request{Targets: f.targets, Progress: progress,
		Client: connect.Request{URI: "qemu+tls://HOST:" + f.port + "/system", PKIPath: f.dir, Timeout: f.timeout}})
	if err != nil {
		f.t.Fatal(err)
	}
	return report
}

// libvirtd serves a certificate and answers a client's first calls, if calls is set.
func libvirtd(cert *tls.Certificate, hello string, calls bool) func(net.Conn) {
	config := &tls.Config{Certificates: []tls.Certificate{*cert}, ClientAuth: tls.RequestClientCert}
	replies := map[uint32]string{66: "\x00\x00\x00\x01\x00\x00\x00\x00", 1: "", 59: "\x00\x00\x00\x02hv\x00\x00", 157: "\x00\x00\x00\x00\x00\x89\x54\x40", 2: ""}
	return func(conn net.Conn) {
		session := tls.Server(conn, config)
		if session.Handshake() != nil || hello == "" {
			return
		}
		io.WriteString(session, hello)
		for {
			var call [28]byte
			if _, err := io.ReadFull(session, call[:]); err != nil {
				return
			}
			io.CopyN(io.Discard, session, int64(binary.BigEndian.Uint32(call[:]))-28)
			if calls {
				body := replies[binary.BigEndian.Uint32(call[12:])]
				binary.BigEndian.PutUint32(call[16:], 1)
				binary.BigEndian.PutUint32(call[0:], uint32(28+len(body)))
				session.Write(append(call[:], body...))
			}
		}
	}
}

// break20 adds twenty hosts that are not fine, in ten ways.
func (f *fleet) break20() {
	foreign := labpki.New(f.t, "CA")
	pair := func(ca *labpki.CA, name string, change func(*x509.Certificate)) *tls.Certificate {
		return ca.Issue(name, func(c *x509.Certificate) {
			c.DNSNames, c.NotAfter = []string{name}, time.Now().Add(60*24*time.Hour)
			if change != nil {
				change(c)
			}
		}).TLS()
	}
	next := func() string { return fmt.Sprintf("hv%04d.lab.example", len(f.targets)) }
	var revoked []*x509.Certificate
	for range 2 {
		f.add("untrusted", libvirtd(pair(f.ca, next(), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "\x01", true))
		f.add("untrusted", libvirtd(pair(foreign, next(), nil), "\x01", true))
		f.add("wrong-name", libvirtd(pair(f.ca, "other.example", nil), "\x01", true))
		f.add("refused", libvirtd(pair(f.ca, next(), nil), "", true))
		f.add("no-answer", libvirtd(pair(f.ca, next(), nil), "\x01", false))
		f.add("no-tls", func(c net.Conn) { io.WriteString(c, "SSH-2.0-\x1b[2J\r\n"); io.CopyN(io.Discard, c, 100) })
		f.add("tls-failed", func(c net.Conn) { io.Copy(io.Discard, c) })
		f.add(survey.ExpiresSoon, libvirtd(pair(f.ca, next(), func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-60*24*time.Hour), time.Now().Add(3*24*time.Hour)
		}), "\x01", true))
		old := pair(f.ca, next(), func(c *x509.Certificate) { c.NotBefore = time.Now().Add(-48 * time.Hour) })
		f.record(old.Leaf)
		f.record(pair(f.ca, next(), nil).Leaf)
		f.add(survey.NotLatest, libvirtd(old, "\x01", true))
		gone := pair(f.ca, next(), nil)
		revoked = append(revoked, gone.Leaf)
		f.add("untrusted", libvirtd(gone, "\x01", true))
	}
	f.write(filepath.Join(f.dir, "cacrl.pem"), f.ca.CRL(revoked...))
}

// thousand returns a fleet of a thousand hosts, of which twenty are not fine.
func thousand(t testing.TB) *fleet {
	f, key := newFleet(t), labpki.NewKey(t)
	fine := func(n int) {
		for range n {
			name := fmt.Sprintf("hv%04d.lab.example", len(f.targets))
			pair := f.ca.IssueFor(key, name, func(c *x509.Certificate) { c.DNSNames, c.NotAfter = []string{name}, time.Now().Add(60*24*time.Hour) })
			f.record(pair.Cert)
			f.add("fine", libvirtd(pair.TLS(), "\x01", true))
		}
	}
	fine(500)
	f.break20()
	fine(480)
	f.listen()
	return f
}

// BenchmarkThousandHosts looks at that fleet. The processor time is that of virtpki and of the
// thousand servers together.
func BenchmarkThousandHosts(b *testing.B) {
	f := thousand(b)
	f.timeout = 5 * time.Second
	before := processorTime(b)
	for b.Loop() {
		if report := f.run(nil); report.Fine != 980 {
			b.Fatalf("%d fine", report.Fine)
		}
	}
	b.ReportMetric((processorTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}

func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestThousandHosts looks at a thousand hosts, of which twenty are not fine, in ten ways. The
// report names those twenty, each with its own reason, and no others.
func TestThousandHosts(t *testing.T) {
	f := thousand(t)
	var last survey.Count
	report := f.run(func(c survey.Count) {
		if c.Done != last.Done+1 {
			t.Errorf("%d hosts after %d", c.Done, last.Done)
		}
		last = c
	})
	t.Logf("%d hosts in %v", report.Hosts, report.Elapsed)
	if last != (survey.Count{Done: 1000, Bad: 20, Total: 1000}) || report.Fine != 980 || report.OK() || !report.Records {
		t.Errorf("%+v, %d fine", last, report.Fine)
	}
	reasons := map[string]string{"expired": "expired on", "revoked": "is revoked by"}
	for _, r := range report.Results {
		want := f.want[r.Host]
		if want == "" {
			want = "fine"
		}
		if r.Verdict != want || r.OK != (want == "fine") || r.OK && (!r.Admitted || r.Certificate == nil || r.Libvirt != "9.0.0") {
			t.Errorf("%s: %+v, want %s", r.Host, r, want)
		}
		for reason, text := range reasons {
			if strings.Contains(r.Text, text) {
				reasons[reason] = ""
			}
		}
		if !r.OK && (r.Text == "" || r.Fix == "") {
			t.Errorf("%s: nothing is said: %+v", r.Host, r)
		}
	}
	if reasons["expired"]+reasons["revoked"] != "" {
		t.Errorf("not said: %v", reasons)
	}
	printed := string(report.Text())
	if lines := strings.Count(printed, "NO  hv05"); lines != 20 || strings.Contains(printed, "\x1b") || !strings.Contains(printed, "1000 hosts: 980 fine, 20 not, in ") {
		t.Errorf("%d lines:\n%s", lines, printed)
	}
	if metrics := report.Metrics(); bytes.Count(metrics, []byte("\nvirtpki_host_ok{")) != 1000 || bytes.Count(metrics, []byte("} 0\n")) < 20 || bytes.Contains(metrics, []byte("\x1b")) {
		t.Errorf("%s", metrics)
	}
}

// TestWithoutRecords runs on a machine without the CA's records.
func TestWithoutRecords(t *testing.T) {
	f := newFleet(t)
	name := "hv0000.lab.example"
	f.add("fine", libvirtd(f.ca.Issue(name, func(c *x509.Certificate) {
		c.DNSNames, c.NotBefore, c.NotAfter = []string{name}, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	}).TLS(), "\x01", true))
	f.targets = append(f.targets, survey.Target{Name: name + " "}, survey.Target{Name: "nobody", Dial: "::1"})
	f.listen()
	report := f.run(nil)
	for i, want := range []string{"fine", survey.NoName, "nobody-listens"} {
		if got := report.Results[i]; got.Verdict != want {
			t.Errorf("%+v, want %s", got, want)
		}
	}
	if printed := string(report.Text()); !strings.Contains(printed, "records are not here") || !strings.Contains(printed, "3 hosts: 1 fine, 2 not") {
		t.Error(printed)
	}
}

func TestRefuses(t *testing.T) {
	f := newFleet(t)
	targets := []survey.Target{{Name: "hv1"}}
	for _, c := range []struct {
		request connect.Request
		want    string
	}{
		{connect.Request{URI: "qemu+tls://hv1/system", PKIPath: f.dir, Timeout: time.Second}, "does not contain HOST"},
		{connect.Request{URI: "vnc://HOST:5900", PKIPath: f.dir, Timeout: time.Second}, "does not contain HOST"},
		{connect.Request{PKIPath: f.dir}, "is not a positive time"},
		{connect.Request{PKIPath: t.TempDir(), Timeout: time.Second}, "the client has no CA"},
	} {
		if _, err := survey.Run(t.Context(), f.m, survey.Request{Targets: targets, Client: c.request}); err == nil || !hint.IsUsage(err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.request, err, c.want)
		}
	}
}
