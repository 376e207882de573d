package grant

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"virtpki/pki"
)

// day is the day on which the certificate of a test is signed.
func day(n int) time.Time { return time.Date(2027, 1, 1+n, 0, 0, 0, 0, time.UTC) }

// cast makes certificates for tests: "server hv1.lab.example/hv1.lab.example,hv1,10.0.0.7 key day"
// is a role, a CN, SANs, the name of a key and a day, which may be left out.
type cast struct {
	t    *testing.T
	keys map[string]crypto.PublicKey
}

func (c *cast) key(name string) crypto.PublicKey {
	if c.keys == nil {
		c.keys = make(map[string]crypto.PublicKey)
	}
	if c.keys[name] == nil {
		key, err := pki.GenerateKey(pki.EC256)
		if err != nil {
			c.t.Fatal(err)
		}
		c.keys[name] = key.Public()
	}
	return c.keys[name]
}

func (c *cast) cert(text string) *x509.Certificate {
	c.t.Helper()
	words := strings.Fields(text)
	cn, sans, _ := strings.Cut(words[1], "/")
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: day(0), PublicKey: c.key("fresh " + text)}
	if cn != "-" {
		cert.RawSubject = subjectWith(c.t, asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(strings.ReplaceAll(cn, "_", " "))})
	}
	cert.ExtKeyUsage = map[string][]x509.ExtKeyUsage{
		"server": {x509.ExtKeyUsageServerAuth}, "client": {x509.ExtKeyUsageClientAuth},
		"both": {x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}[words[0]]
	for _, san := range strings.FieldsFunc(sans, func(r rune) bool { return r == ',' }) {
		if ip := net.ParseIP(san); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, san)
		}
	}
	if len(words) > 2 {
		cert.PublicKey = c.key(words[2])
	}
	if len(words) > 3 {
		cert.NotBefore = day(int(words[3][0] - '0'))
	}
	return cert
}

// history returns the history of a CA that has revoked some certificates, for a reason, and signed
// others that are live.
func (c *cast) history(reason pki.Reason, revoked, live []string) *History {
	var gone []*Revoked
	for _, text := range revoked {
		gone = append(gone, &Revoked{Cert: c.cert(text), Entry: x509.RevocationListEntry{ReasonCode: int(reason)}})
	}
	return NewHistory(gone, func() ([]*x509.Certificate, error) {
		var certs []*x509.Certificate
		for _, text := range live {
			certs = append(certs, c.cert(text))
		}
		return certs, nil
	})
}

// shutOut lists the parts of a certificate that are shut out: "its key", a CN in brackets, a SAN.
func (c *cast) shutOut(h *History, asks string) string {
	c.t.Helper()
	out, err := h.ShutOut(c.cert(asks))
	if err != nil {
		c.t.Fatal(err)
	}
	var words []string
	for _, one := range out {
		switch {
		case one.By == nil:
			c.t.Errorf("%s: no revocation", asks)
		case one.Key:
			words = append(words, "its key")
		case one.CN:
			words = append(words, "["+one.Name+"]")
		default:
			words = append(words, one.Name)
		}
	}
	return strings.Join(words, " ")
}

const (
	hv1      = "server hv1.lab.example/hv1.lab.example,hv1,10.0.0.7 k1 2"
	hv1Short = "server hv1.lab.example/hv1.lab.example k1 2" // without its short name
)

// The revoked host does not come back with another spelling or in another role.
func TestShutOut(t *testing.T) {
	for _, test := range []struct {
		revoked, asks string
		what          string // empty: nobody is shut out
	}{
		{hv1, "server hv1.lab.example/hv1.lab.example", "[hv1.lab.example]"},
		{hv1, "server HV1.lab.example/HV1.lab.example", "[hv1.lab.example]"},
		{hv1, "server hv1.lab.example./hv1.lab.example.", "[hv1.lab.example]"},
		{"client kelvin", "client \u212aelvin", "[kelvin]"},
		{hv1, "server hv1/hv1", "[hv1]"},
		{hv1Short, "server hv1/hv1", "[hv1]"},
		{hv1Short, "client hv1", "[hv1]"},
		{hv1, "server x.hv1.lab.example/x.hv1.lab.example,hv1.lab.example", "hv1.lab.example"},
		{hv1, "client hv1.lab.example", "[hv1.lab.example]"},
		{hv1, "client Hv1.Lab.Example", "[hv1.lab.example]"},
		{hv1, "both hv1.lab.example", "[hv1.lab.example]"},
		{hv1, "server hv9.lab.example/hv9.lab.example,10.0.0.7", "10.0.0.7"},
		{hv1, "server hv9.lab.example/hv9.lab.example,::ffff:10.0.0.7", "10.0.0.7"},
		{hv1, "client 10.0.0.7", "[10.0.0.7]"},
		{hv1, "server hv9.lab.example/hv9.lab.example,*.lab.example", "*.lab.example"},
		{hv1, "server hv9.lab.example/hv9.lab.example k1", "its key"},
		{"client admin", "client ADMIN", "[admin]"},
		{"client admin", "client _admin_", "[admin]"},
		{"client admin", "server admin/admin", "[admin]"},
		{"client admin", "server admin.lab.example/admin.lab.example", "[admin.lab.example]"},
		{"client bad_guy", "client bad__guy", "[bad guy]"},
		{"client 10.0.0.7", "server hv9/hv9,10.0.0.7", "10.0.0.7"},
		{"client hv1.lab.example", "server hv1.lab.example/hv1.lab.example", "[hv1.lab.example]"},
		{"server w.lab.example/w.lab.example,*.lab.example", "server hv5.lab.example/hv5.lab.example", "[hv5.lab.example]"},
		{"server w.lab.example/w.lab.example,*.lab.example", "server v.lab.example/*.LAB.example", "[v.lab.example] *.lab.example"},

		{hv1, "server hv2.lab.example/hv2.lab.example,hv2,10.0.0.8", ""},
		{hv1, "server hv1.other.example/hv1.other.example", ""},
		{hv1, "server hv11.lab.example/hv11.lab.example", ""},
		{hv1, "server x.hv1.lab.example/x.hv1.lab.example", ""},
		{hv1, "server lab.example/lab.example", ""},
		{hv1, "server w.sub.lab.example/*.sub.lab.example", ""},
		{"server w.lab.example/w.lab.example,*.lab.example", "server a.b.lab.example/a.b.lab.example", ""},
		{"server hv1/hv1,localhost,127.0.0.1,::1", "server hv2/hv2,localhost,127.0.0.1,::1", ""},
		{"server localhost/localhost", "client localhost", "[localhost]"},
	} {
		c := &cast{t: t}
		what := c.shutOut(c.history(pki.ReasonCessationOfOperation, []string{test.revoked}, nil), test.asks)
		if what != test.what {
			t.Errorf("%q after %q: %q, want %q", test.asks, test.revoked, what, test.what)
		}
		if what := c.shutOut(c.history(pki.ReasonSuperseded, []string{test.revoked}, nil), test.asks); what != "" {
			t.Errorf("%q after %q was superseded: %q", test.asks, test.revoked, what)
		}
	}
}

// A host that was admitted again stays admitted. A certificate of somebody else does not admit it.
func TestLetInAgain(t *testing.T) {
	const again = "server hv1.lab.example/hv1.lab.example,hv1,10.0.0.7 k2 3"
	const shared = "server hv1.lab.example/hv1.lab.example,vip.lab.example k1 5"
	for _, test := range []struct {
		revoked, live []string
		asks          string
		what          string
	}{
		{[]string{hv1}, []string{again}, "server HV1.lab.example/hv1.lab.example,hv1,10.0.0.7", ""},
		{[]string{hv1}, []string{"server hv1.lab.example/hv1.lab.example k2 2"}, "server hv1.lab.example/hv1.lab.example", ""},
		{[]string{hv1}, []string{again}, "client hv1.lab.example", "[hv1.lab.example]"},
		{[]string{hv1}, []string{"both hv1.lab.example/hv1.lab.example k2 3"}, "client hv1.lab.example", ""},
		{[]string{hv1}, []string{again}, "both hv1.lab.example/hv1.lab.example", "[hv1.lab.example]"},
		{[]string{hv1, "client hv1.lab.example k5 2"}, []string{again}, "server hv1.lab.example/hv1.lab.example", ""},
		{[]string{hv1}, []string{again}, "server hv1/hv1", "[hv1]"},
		{[]string{hv1}, []string{again}, "server hv1.lab.example/hv1.lab.example,*.lab.example", "*.lab.example"},
		{[]string{hv1}, []string{"server hv1.lab.example/hv1.lab.example k2 3"}, "server hv1.lab.example/hv1.lab.example,10.0.0.7", "10.0.0.7"},
		// Signed before the one that was revoked.
		{[]string{hv1}, []string{"server hv1.lab.example/hv1.lab.example k2 1"}, "server hv1.lab.example/hv1.lab.example", "[hv1.lab.example]"},
		{[]string{hv1}, []string{"client hv1 k2 1"}, "client hv1", "[hv1]"},
		{[]string{hv1}, []string{"server x.lab.example/x.lab.example,hv1.lab.example k2 1"}, "server x.lab.example/x.lab.example,hv1.lab.example", "hv1.lab.example"},
		// Revoked twice: the last one counts.
		{[]string{hv1, "server hv1.lab.example/hv1.lab.example k3 4"}, []string{again}, "server hv1.lab.example/hv1.lab.example", "[hv1.lab.example]"},
		// The same key.
		{[]string{hv1}, []string{"server hv1.lab.example/hv1.lab.example k1 3"}, "server hv1.lab.example/hv1.lab.example k1", ""},
		{[]string{hv1}, []string{"server hv8.lab.example/hv8.lab.example k1 3"}, "server hv1.lab.example/hv1.lab.example k1", "its key [hv1.lab.example]"},
		// Somebody else shares a name: they stay, but the revoked host does not come back by it.
		{[]string{shared}, []string{"server hv2.lab.example/hv2.lab.example,vip.lab.example k2 3"}, "server hv2.lab.example/hv2.lab.example,vip.lab.example", ""},
		{[]string{shared}, []string{"server hv2.lab.example/hv2.lab.example,vip.lab.example k2 7"}, "server hv1.lab.example/hv1.lab.example,vip.lab.example", "[hv1.lab.example] vip.lab.example"},
		{[]string{shared}, []string{"server hv2.lab.example/hv2.lab.example,vip.lab.example k2 7"}, "server vip.lab.example/vip.lab.example", "[vip.lab.example]"},
		{[]string{shared}, []string{"server hv2.lab.example/hv2.lab.example,vip.lab.example k1 3"}, "server hv2.lab.example/hv2.lab.example,vip.lab.example", "vip.lab.example"},
		{[]string{"server w.lab.example/w.lab.example,*.lab.example k1 5"}, []string{"server hv5.lab.example/hv5.lab.example k2 3"}, "server hv5.lab.example/hv5.lab.example", ""},
		// Without a CN hosts cannot be told apart.
		{[]string{hv1}, []string{"server -/hv1.lab.example k2 3"}, "server -/hv1.lab.example", "hv1.lab.example"},
	} {
		c := &cast{t: t}
		if what := c.shutOut(c.history(pki.ReasonUnspecified, test.revoked, test.live), test.asks); what != test.what {
			t.Errorf("%q, revoked %q, live %q: %q, want %q", test.asks, test.revoked, test.live, what, test.what)
		}
	}
}

func TestCompromised(t *testing.T) {
	key, err := pki.GenerateKey(pki.RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	public := key.Public().(*rsa.PublicKey)
	for _, reason := range pki.Reasons() {
		c := &cast{t: t, keys: map[string]crypto.PublicKey{"k1": public}}
		h := c.history(reason, []string{hv1}, []string{"server hv1.lab.example/hv1.lab.example k1 3"})
		other := pki.KeyID(&rsa.PublicKey{N: public.N, E: 257})
		if got := h.Compromised(other) != nil; got != reason.Compromised() {
			t.Errorf("%v: compromised is %v", reason, got)
		}
		if h.Compromised(pki.KeyID(c.key("k2"))) != nil || h.Compromised("") != nil {
			t.Errorf("%v: another key is compromised", reason)
		}
		// A live certificate with a compromised key does not admit its host again.
		if what := c.shutOut(h, "server hv1.lab.example/hv1.lab.example k2"); (what != "") != reason.Compromised() {
			t.Errorf("%v: %q is shut out", reason, what)
		}
	}
}

// It is an error if it is not known whether a host was admitted again.
func TestShutOutUnknown(t *testing.T) {
	c := &cast{t: t}
	h := NewHistory([]*Revoked{{Cert: c.cert(hv1)}}, func() ([]*x509.Certificate, error) { return nil, errors.New("no records") })
	for asks, fails := range map[string]bool{hv1: true, "server hv2/hv2": false} {
		if _, err := h.ShutOut(c.cert(asks)); (err != nil) != fails {
			t.Errorf("%s: %v", asks, err)
		}
	}
}

func TestCarry(t *testing.T) {
	c := &cast{t: t}
	names := NamesOf(c.cert("server hv1.lab.example/HV1.lab.example,hv1,*.lab.example,10.0.0.7,2001:db8::1"))
	for name, want := range map[string]bool{
		"hv1.lab.example": true, "Hv1.LAB.example.": true, "HV1": true, "*.lab.example": true, "10.0.0.7": true, "::ffff:10.0.0.7": true,
		"2001:DB8:0::1": true, "hv2.lab.example": false, "lab.example": false, "10.0.0.8": false, "": false,
	} {
		if names.Carry(name) != want {
			t.Errorf("Carry(%q) is %v", name, !want)
		}
	}
	for name, want := range map[string]string{"hv2.lab.example": "*.lab.example", "hv1.lab.example": "", "a.b.lab.example": "", "lab.example": "", "hv2": ""} {
		if got := names.Cover(name); got != want {
			t.Errorf("Cover(%q) = %q, want %q", name, got, want)
		}
	}
}
