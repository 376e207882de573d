package certinfo

import (
	"bytes"
	"crypto/ecdh"
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"virtpki/internal/subject"
	"virtpki/pki"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// made returns a CA and a certificate signed by it.
func made(t *testing.T) (ca, cert *x509.Certificate) {
	t.Helper()
	raw, err := subject.ForCA("Example Org")
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := pki.NewCA(pki.CARequest{RawSubject: raw, Signer: key, Now: now, Validity: 365 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := subject.ForLeaf(authority.Certificate, "hv1")
	if err != nil {
		t.Fatal(err)
	}
	cert, err = authority.Issue(pki.Request{Role: pki.Server, RawSubject: leaf, PublicKey: key.Public(), DNSNames: []string{"hv1", "hv1.lab.example"}, Now: now, Validity: 30 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return authority.Certificate, cert
}

func TestOf(t *testing.T) {
	ca, cert := made(t)
	for _, c := range []struct {
		name                string
		at                  time.Time
		revoked             string
		until, field, value string
	}{
		{"fresh", now, "", "2026-12-25 (30 days)", "until:", "2026-12-25T12:00:00Z (30 days)"},
		{"half a day before its end", cert.NotAfter.Add(-11 * time.Hour), "", "2026-12-25 (0 days)", "DN:", "O=Example Org,CN=hv1"},
		{"at its end", cert.NotAfter, "", "2026-12-25 (expired)", "until:", "2026-12-25T12:00:00Z (0 days), expired"},
		{"expired", cert.NotAfter.Add(48 * time.Hour), "", "2026-12-25 (expired)", "until:", "2026-12-25T12:00:00Z (-2 days), expired"},
		{"revoked", now, "2026-11-24", "revoked 2026-11-24", "revoked:", "2026-11-24"},
		{"its names", now, "", "2026-12-25 (30 days)", "SANs:", "hv1, hv1.lab.example"},
		{"its role", now, "", "2026-12-25 (30 days)", "role:", "server"},
	} {
		info := Of(cert, "/x.pem", c.at)
		info.Revoked = c.revoked
		if info.Until() != c.until {
			t.Errorf("%s: until %q, want %q", c.name, info.Until(), c.until)
		}
		if got := field(info, c.field); got != c.value {
			t.Errorf("%s: %s %q, want %q", c.name, c.field, got, c.value)
		}
	}
	if info := Of(ca, "", now); info.RoleText() != "ca" || field(info, "file:") != "none" || field(info, "SANs:") != "none" {
		t.Errorf("the CA: %v", info.Fields())
	}
}

// field returns the value of a field, or "none" if it is left out.
func field(info Info, name string) string {
	for _, f := range info.Fields() {
		if f[0] == name {
			return f[1]
		}
	}
	return "none"
}

// The JSON form is stable: programs rely on these names.
func TestJSON(t *testing.T) {
	_, cert := made(t)
	data, err := json.Marshal(Of(cert, "/x.pem", now))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"roles":["server"]`, `"name":"hv1"`, `"dn":"O=Example Org,CN=hv1"`, `"key_type":"ec256"`, `"days_left":30`, `"expired":false`, `"path":"/x.pem"`} {
		if !bytes.Contains(data, []byte(part)) {
			t.Errorf("%s lacks %s", data, part)
		}
	}
}

func TestRequest(t *testing.T) {
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		csr  pki.CSR
		want string
	}{
		{pki.CSR{Roles: []pki.Role{pki.Client}}, "asks to be client (ec256)"},
		{pki.CSR{Roles: []pki.Role{pki.Server, pki.Client}, DNSNames: []string{"a", "b\x1b"}}, `asks to be server+client (ec256) for a, b\x1b`},
		{pki.CSR{}, "does not name a role (ec256)"},
	} {
		c.csr.PublicKey, c.csr.RawSubject = key.Public(), []byte{0x30, 0}
		if got := OfRequest(&c.csr).Text(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := KeyType(&ecdh.PublicKey{}); got != "ecdh" {
		t.Errorf("a key that virtpki does not make is %q", got)
	}
}

func TestMetrics(t *testing.T) {
	var b bytes.Buffer
	Expiries(&b, []Expiry{{"server", `/a"\`, "CN=a\nb", now}})
	want := `# HELP virtpki_certificate_not_after_seconds When a certificate expires, in seconds since 1970.
# TYPE virtpki_certificate_not_after_seconds gauge
virtpki_certificate_not_after_seconds{role="server",path="/a\"\\",dn="CN=a\\nb"} 1795608000
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", &b, want)
	}
	if strings.Count(b.String(), "\n") != 3 {
		t.Error("a value has ended a line")
	}
}

func TestRevocable(t *testing.T) {
	ca, cert := made(t)
	for _, test := range []struct {
		name    string
		cert    *x509.Certificate
		at      time.Time
		revoked string
		want    bool
	}{
		{"live", cert, now, "", true},
		{"a CA", ca, now, "", false},
		{"expired", cert, now.AddDate(1, 0, 0), "", false},
		{"revoked", cert, now, "2026-11-25", false},
	} {
		info := Of(test.cert, "", test.at)
		info.Revoked = test.revoked
		if info.Revocable() != test.want {
			t.Errorf("%s: %v", test.name, !test.want)
		}
	}
}
