package starttls

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// peer is a server that sends its text whatever the client sends.
type peer struct {
	says *bytes.Reader
	told bytes.Buffer
}

func newPeer(says string) *peer { return &peer{says: bytes.NewReader([]byte(says))} }

func (p *peer) Read(b []byte) (int, error)  { return p.says.Read(b) }
func (p *peer) Write(b []byte) (int, error) { return p.told.Write(b) }

const rfbHello = "RFB 003.008\n\x01\x13\x00\x02\x00"

func reply(option, kind uint32, data string) string {
	b := binary.BigEndian.AppendUint64(nil, nbdReply)
	for _, word := range []uint32{option, kind, uint32(len(data))} {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	return string(b) + data
}

func spice(size, code uint32) string {
	b := []byte(spiceMagic)
	for _, word := range []uint32{2, 2, size, code} {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return string(b) + strings.Repeat("\x00", 180)
}

const nbdHello = nbdMagic + nbdOption + "\x00\x03"

func TestBegin(t *testing.T) {
	for _, c := range []struct {
		name     string
		dialogue Dialogue
		says     string
		want     string // part of the error, empty for none
		noTLS    bool
		told     string // the end of the client's bytes
	}{
		{"VNC, X509None", &VNC{}, rfbHello + "\x01\x00\x00\x01\x04\x01", "", false, "\x00\x00\x01\x04"},
		{"VNC, the server's first of several", &VNC{}, rfbHello + "\x03\x00\x00\x01\x01\x00\x00\x01\x05\x00\x00\x01\x04\x01", "", false, "\x00\x00\x01\x05"},
		{"VNC, X509Plain", &VNC{}, rfbHello + "\x01\x00\x00\x01\x06\x01", "", false, "\x00\x00\x01\x06"},
		{"VNC, anonymous TLS alone", &VNC{}, rfbHello + "\x02\x00\x00\x01\x01\x00\x00\x01\x02", "sub-types are TLSNone, TLSVnc", true, ""},
		{"VNC without VeNCrypt", &VNC{}, "RFB 003.008\n\x02\x01\x02", "security types are None, VNC", true, ""},
		{"VNC of old", &VNC{}, "RFB 003.003\n\x00\x00\x00\x01", "VeNCrypt needs 3.7", true, ""},
		{"VNC that refuses", &VNC{}, "RFB 003.008\n\x00\x00\x00\x00\x04\x1b[2J", `refuses the connection: "\x1b[2J"`, true, ""},
		{"VNC with an endless reason", &VNC{}, "RFB 003.008\n\x00\xff\xff\xff\xff" + strings.Repeat("a", 999), "refuses the connection", true, ""},
		{"VNC that refuses the version", &VNC{}, "RFB 003.008\n\x01\x13\x00\x01\xff", "offers 0.1", false, ""},
		{"VNC that refuses its own", &VNC{}, rfbHello + "\x01\x00\x00\x01\x04\x00", "refuses the sub-type", false, ""},
		{"VNC cut short", &VNC{}, rfbHello, "EOF", false, ""},
		{"SSH in the place of VNC", &VNC{}, "SSH-2.0-OpenSSH_9.2\r\n", "does not speak VNC", false, ""},
		{"NBD", &NBD{}, nbdHello + reply(nbdStartTLS, nbdAck, ""), "", false, nbdOption + "\x00\x00\x00\x05\x00\x00\x00\x00"},
		{"NBD without TLS", &NBD{}, nbdHello + reply(nbdStartTLS, nbdError+2, "TLS not configured"), "has no TLS set up", true, ""},
		{"NBD that knows no STARTTLS", &NBD{}, nbdHello + reply(nbdStartTLS, nbdError+1, ""), "does not know STARTTLS", true, ""},
		{"NBD with a strange reply", &NBD{}, nbdHello + reply(nbdStartTLS, 7, "\x1b]0;x\a"), `type 0x7: "\x1b]0;x\a"`, false, ""},
		{"NBD of old", &NBD{}, nbdMagic + "\x00\x00\x42\x02\x81\x86\x12\x53", "oldstyle", true, ""},
		{"NBD, newstyle that is not fixed", &NBD{}, nbdMagic + nbdOption + "\x00\x00", "fixed newstyle", true, ""},
		{"NBD with a huge reply", &NBD{}, nbdHello + reply(nbdStartTLS, 1, "")[:16] + "\xff\xff\xff\xff", "4294967295 bytes", false, ""},
		{"NBD with another option's reply", &NBD{}, nbdHello + reply(3, 1, ""), "answers option 3", false, ""},
		{"NBD with another magic", &NBD{}, nbdHello + strings.Repeat("x", 20), "does not speak NBD", false, ""},
		{"HTTP in the place of NBD", &NBD{}, "HTTP/1.1 400 Bad Request", "does not speak NBD", false, ""},
		{"SPICE", &Spice{}, "", "", false, ""},
		{"bare", Bare{}, "", "", false, ""},
	} {
		p := newPeer(c.says)
		err := c.dialogue.Begin(p)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		case errors.Is(err, ErrNoTLS) != c.noTLS:
			t.Errorf("%s: no TLS: %v, of %v", c.name, !c.noTLS, err)
		case !strings.HasSuffix(p.told.String(), c.told):
			t.Errorf("%s: the client says %q, want %q at the end", c.name, p.told.String(), c.told)
		}
	}
}

func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		name     string
		dialogue Dialogue
		says     string
		want     error  // nil for any, if text says which
		text     string // part of the error, empty for none
	}{
		{"VNC, X509None", &VNC{chosen: x509None}, "\x00\x00\x00\x00", nil, ""},
		{"VNC, X509None, refused", &VNC{chosen: x509None}, "\x00\x00\x00\x01\x00\x00\x00\x03\x1bno", nil, `"\x1bno"`},
		{"VNC, X509Vnc", &VNC{chosen: x509Vnc}, "0123456789abcdef", nil, ""},
		{"VNC, X509SASL", &VNC{chosen: x509SASL}, "\x00\x00\x00\x05PLAIN", nil, ""},
		{"VNC, X509Plain", &VNC{chosen: x509Plain}, "", ErrSilent, "does not speak first"},
		{"VNC, closed", &VNC{chosen: x509Vnc}, "", io.EOF, "EOF"},
		{"NBD, exports", &NBD{}, reply(nbdList, nbdServer, "\x00\x00\x00\x01a") + reply(nbdList, nbdAck, ""), nil, ""},
		{"NBD, a list that is refused", &NBD{}, reply(nbdList, nbdError+2, "no"), nil, ""},
		{"NBD, a list without end", &NBD{}, strings.Repeat(reply(nbdList, nbdServer, "\x00\x00\x00\x01a"), 2000), nil, ""},
		{"NBD, closed", &NBD{}, "", io.EOF, "EOF"},
		{"SPICE", &Spice{}, spice(178, 0), nil, ""},
		{"SPICE, refused", &Spice{}, spice(178, 7), nil, "error 7"},
		{"SPICE, a huge reply", &Spice{}, spice(1<<31, 0), nil, "2147483648 bytes"},
		{"SPICE, another protocol", &Spice{}, "HTTP/1.1 400 Bad Request", nil, "does not speak SPICE"},
		{"bare", Bare{}, "", ErrSilent, "does not speak first"},
	} {
		err := c.dialogue.Confirm(newPeer(c.says))
		if c.want != nil && !errors.Is(err, c.want) || (err == nil) != (c.text == "") || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v, %q", c.name, err, c.want, c.text)
		}
	}
}

func TestOffer(t *testing.T) {
	v := &VNC{}
	if err := v.Begin(newPeer("RFB 003.008\n\x03\x13\x02\x63\x00\x02\x00\x01\x00\x00\x01\x05\x01")); err != nil {
		t.Fatal(err)
	}
	if got := v.Offer(); got != "VNC (RFB 003.008), VeNCrypt with X509Vnc; without certificates: VNC, 99" {
		t.Error(got)
	}
	if got := v.Wants(); got != "the display's password" {
		t.Error(got)
	}
	for _, d := range []Dialogue{&NBD{}, &Spice{}, Bare{}} {
		if strings.ContainsFunc(d.Offer()+d.Wants(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%T: %q, %q", d, d.Offer(), d.Wants())
		}
	}
}

func TestSpiceName(t *testing.T) {
	named := func(cn string, dns []string, ips ...string) *x509.Certificate {
		cert := &x509.Certificate{DNSNames: dns, Subject: pkix.Name{Names: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: cn}}}}
		for _, ip := range ips {
			cert.IPAddresses = append(cert.IPAddresses, net.ParseIP(ip))
		}
		return cert
	}
	for _, c := range []struct {
		cert *x509.Certificate
		host string
		want bool
	}{
		{named("hv1", nil), "hv1", true},
		{named("hv1", nil), "HV1", true},
		{named("hv1", []string{"hv2"}), "hv1", false},
		{named("hv1", []string{"hv1.example"}), "hv1.example", true},
		{named("hv1", []string{"*.example"}), "hv1.example", true},
		{named("hv1", []string{"*.example"}), "a.hv1.example", false},
		{named("hv1", []string{"hv*.ex*le"}), "hv1.example", true},
		{named("hv1", []string{"*"}), "hv1", true},
		{named("hv1", []string{"*"}), "hv1.example", false},
		{named("hv1", []string{"****"}), "hv1", false},
		{named("192.0.2.1", nil), "192.0.2.1", true},
		{named("hv1", nil, "192.0.2.1"), "192.0.2.1", true},
		{named("hv1", nil, "192.0.2.1"), "hv1", false},
		{named("hv1", nil, "fd09::7"), "fd09::7", false},
		{named("", nil), "hv1", false},
	} {
		if got := SpiceName(c.cert, c.host); got != c.want {
			t.Errorf("%q, %q, %v for %q: %v", c.cert.Subject.Names[0].Value, c.cert.DNSNames, c.cert.IPAddresses, c.host, got)
		}
	}
}

func TestSpicePurpose(t *testing.T) {
	for _, c := range []struct {
		usages []x509.ExtKeyUsage
		want   bool
	}{
		{nil, true},
		{[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, true},
		{[]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, true},
		{[]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, false},
		{[]x509.ExtKeyUsage{x509.ExtKeyUsageAny}, false},
	} {
		if got := SpicePurpose(&x509.Certificate{ExtKeyUsage: c.usages}); got != c.want {
			t.Errorf("%v: %v", c.usages, got)
		}
	}
}

// fuzz gives bytes to a dialogue, which must come to an end and must not write endlessly.
func fuzz(t *testing.T, d Dialogue, before, after []byte) {
	p := newPeer(string(before))
	err := d.Begin(p)
	confirmed := d.Confirm(&peer{says: bytes.NewReader(after)})
	if p.told.Len() > 1024 {
		t.Errorf("the client says %d bytes", p.told.Len())
	}
	for _, err := range []error{err, confirmed} {
		if err != nil && (len(err.Error()) > 4096 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f })) {
			t.Errorf("an error that is long or raw: %q", err)
		}
	}
	if text := d.Offer() + d.Wants(); len(text) > 8192 {
		t.Errorf("an offer of %d bytes", len(text))
	}
}

func FuzzVNC(f *testing.F) {
	f.Add([]byte(rfbHello+"\x01\x00\x00\x01\x04\x01"), []byte("\x00\x00\x00\x00"))
	f.Add([]byte("RFB 003.008\n\x00\x00\x00\x00\x04\x1b[2J"), []byte("\x00\x00\x00\x01\xff\xff\xff\xffx"))
	f.Add([]byte("RFB 003.003\n"), []byte{})
	f.Fuzz(func(t *testing.T, before, after []byte) { fuzz(t, &VNC{}, before, after) })
}

func FuzzNBD(f *testing.F) {
	f.Add([]byte(nbdHello+reply(nbdStartTLS, nbdAck, "")), []byte(reply(nbdList, nbdServer, "\x00\x00\x00\x01a")+reply(nbdList, nbdAck, "")))
	f.Add([]byte(nbdHello+reply(nbdStartTLS, nbdError+2, "\x1b]0;x\a")), []byte(reply(nbdList, nbdError+5, "")))
	f.Add([]byte(nbdMagic+"\x00\x00\x42\x02\x81\x86\x12\x53"), []byte{})
	f.Fuzz(func(t *testing.T, before, after []byte) { fuzz(t, &NBD{}, before, after) })
}

func FuzzSpice(f *testing.F) {
	f.Add([]byte(spice(178, 0)))
	f.Add([]byte(spice(1<<31, 9)))
	f.Fuzz(func(t *testing.T, after []byte) { fuzz(t, &Spice{}, nil, after) })
}
