package connect_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"virtpki/internal/connect"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
)

// libvirtd answers a client's first calls, and says which guests run.
func libvirtd(config *tls.Config, guests map[string]string) func(net.Conn) {
	words := func(words ...uint32) string {
		var b []byte
		for _, w := range words {
			b = binary.BigEndian.AppendUint32(b, w)
		}
		return string(b)
	}
	text := func(s string) string {
		return words(uint32(len(s))) + s + strings.Repeat("\x00", -len(s)&3)
	}
	list := words(uint32(len(guests)))
	for name := range guests {
		list += text(name) + strings.Repeat("\x00", 16) + words(1)
	}
	list += words(uint32(len(guests)))
	replies := map[uint32]string{66: words(1, 0), 1: "", 59: text("hv1"), 157: words(0, 9000000), 2: "", 273: list}
	return func(conn net.Conn) {
		session := tls.Server(conn, config)
		if session.Handshake() != nil {
			return
		}
		io.WriteString(session, "\x01")
		for {
			var head [28]byte
			if _, err := io.ReadFull(session, head[:]); err != nil {
				return
			}
			args := make([]byte, min(binary.BigEndian.Uint32(head[:])-28, 4096))
			if _, err := io.ReadFull(session, args); err != nil {
				return
			}
			procedure := binary.BigEndian.Uint32(head[12:])
			body := replies[procedure]
			if procedure == 14 {
				n := binary.BigEndian.Uint32(args)
				body = text("<domain><devices>" + guests[string(args[4:4+n])] + "</devices></domain>")
			}
			binary.BigEndian.PutUint32(head[16:], 1)
			binary.BigEndian.PutUint32(head[0:], uint32(28+len(body)))
			session.Write(append(head[:], body...))
		}
	}
}

// TestGuests has displays of all kinds among the guests of a host.
func TestGuests(t *testing.T) {
	s := newSite(t)
	expired := s.server(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	})
	port := func(serve func(net.Conn)) string {
		_, port, _ := net.SplitHostPort(listen(t, serve))
		return port
	}
	display := func(kind, listen, ports string) string {
		return "<graphics type='" + kind + "' listen='" + listen + "' " + ports + "/>"
	}
	run := func(guests map[string]string) *connect.GuestsReport {
		t.Helper()
		uri := "qemu+tls://" + listen(t, libvirtd(s.server(nil), guests)) + "/system"
		report, err := connect.RunGuests(t.Context(), machine.New(), connect.Request{URI: uri, PKIPath: s.dir, Timeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	good := display("vnc", "0.0.0.0", "port='"+port(serving(s.server(nil), true, vencrypt, accepted))+"'")
	for _, c := range []struct {
		name, devices, verdict, want string
	}{
		{"VNC", good, "fine", ", demands a client certificate"},
		{"VNC on loopback, which is here", display("vnc", "127.0.0.1", "port='"+port(serving(s.server(nil), false, vencrypt, accepted))+"'"), "fine", ", demands no client certificate"},
		{"SPICE", display("spice", "127.0.0.1", "port='1' tlsPort='"+port(serving(s.server(nil), false, nil, link))+"'"), "fine", "CN=hv1 until"},
		{"SPICE, expired", display("spice", "0.0.0.0", "tlsPort='"+port(serving(expired, false, nil, link))+"'"), "untrusted", "expired on"},
		{"SPICE without TLS", display("spice", "0.0.0.0", "port='5900' tlsPort='-1'"), "no-tls", "no port with TLS"},
		{"VNC without TLS", display("vnc", "0.0.0.0", "port='"+port(says("RFB 003.008\n\x01\x01"))+"'"), "no-tls", "security types are None"},
		{"another address", display("vnc", "127.0.0.9", "port='1'"), "nobody-listens", "refused"},
		{"escapes", display("vnc", "&#x85;[2J", "port='1'"), "no-address", ""},
	} {
		report := run(map[string]string{"web\x1b[2J": c.devices})
		if len(report.Displays) != 1 {
			t.Fatalf("%s: %+v", c.name, report)
		}
		d := report.Displays[0]
		if d.Verdict != c.verdict || d.OK != (c.verdict == "fine") || report.OK != d.OK || !strings.Contains(d.Text, c.want) || !d.OK && d.Fix == "" {
			t.Errorf("%s: %+v", c.name, d)
		}
		if printed := string(report.Text()); strings.Contains(printed, "\x1b") || report.OK != strings.Contains(printed, "\nfine\n") {
			t.Errorf("%s: %q", c.name, printed)
		}
	}
	// The address comes from the host, and the fix is typed into a shell.
	typed := run(map[string]string{"web": display("vnc", "$(id);id.invalid", "port='1'")}).Displays[0]
	if !strings.HasSuffix(typed.Fix, " '$(id);id.invalid'") {
		t.Errorf("%+v", typed)
	}
	long := run(map[string]string{"web": display("vnc", strings.Repeat("a", 2000), "port='1'")}).Displays[0]
	if long.Verdict != "no-address" || len(long.URI) > 300 {
		t.Errorf("%.400s", long.URI)
	}
	none := run(map[string]string{"web": "<graphics type='vnc' port='-1'/><graphics type='sdl'/>"})
	if !none.OK || len(none.Displays) != 0 || !strings.Contains(string(none.Text()), "no running guest there has a display that listens") {
		t.Errorf("%+v", none)
	}
	if two := run(map[string]string{"a": good, "b": good + good}); !two.OK || len(two.Displays) != 3 {
		t.Errorf("%+v", two)
	}
}

// A host that lists endless displays, on addresses that do not respond, does not keep the run.
func TestTooManyDisplays(t *testing.T) {
	s := newSite(t)
	guests := map[string]string{}
	for i := range 65 {
		guests[fmt.Sprint(i)] = strings.Repeat("<graphics type='spice' port='1' tlsPort='-1'/>", 16)
	}
	uri := "qemu+tls://" + listen(t, libvirtd(s.server(nil), guests)) + "/system"
	_, err := connect.RunGuests(t.Context(), machine.New(), connect.Request{URI: uri, PKIPath: s.dir, Timeout: 30 * time.Second})
	if err == nil || !strings.Contains(err.Error(), "1040 displays (virtpki checks at most 1024)") {
		t.Errorf("error %v", err)
	}
}

// A line of an inventory is a name. It does not bring parameters of the URI that it is put into.
func TestLookTakesNamesAlone(t *testing.T) {
	s := newSite(t)
	client, err := connect.Prepare(t.Context(), machine.New(), connect.Request{URI: "qemu+tls://HOST/system", PKIPath: s.dir, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1/system?no_verify=1#", "127.0.0.1/?", "me@127.0.0.1", "127.0.0.1#"} {
		if report, err := client.Look(t.Context(), host, "127.0.0.1", time.Second); err == nil || !strings.Contains(err.Error(), "is not the name of a host") {
			t.Errorf("%s: %+v, %v", host, report, err)
		}
	}
}

func TestGuestsRefuses(t *testing.T) {
	_, err := connect.RunGuests(t.Context(), machine.New(), connect.Request{URI: "vnc://hv1", Timeout: time.Second})
	if err == nil || !hint.IsUsage(err) {
		t.Errorf("%v", err)
	}
}
