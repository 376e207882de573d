package pki_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"virtpki/pki"
)

var now = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)

// subject returns the encoding of CN=<text>, for a text of less than 100 ASCII characters.
func subject(text string) []byte {
	n := byte(len(text))
	head := []byte{0x30, n + 11, 0x31, n + 9, 0x30, n + 7, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, n}
	return append(head, text...)
}

func newCA(t testing.TB, keyType pki.KeyType, permit ...string) *pki.CA {
	t.Helper()
	limits, err := pki.ParsePermit(permit)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.GenerateKey(keyType)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: subject("Test CA"), Signer: key, Now: now, Permit: limits})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func request(t testing.TB, role pki.Role, keyType pki.KeyType) pki.Request {
	t.Helper()
	key, err := pki.GenerateKey(keyType)
	if err != nil {
		t.Fatal(err)
	}
	return pki.Request{Role: role, RawSubject: subject("leaf"), PublicKey: key.Public(), Now: now}
}

func TestCAShape(t *testing.T) {
	for _, keyType := range pki.KeyTypes() {
		cert := newCA(t, keyType).Certificate
		if !cert.IsCA || cert.MaxPathLen != 0 || !cert.MaxPathLenZero {
			t.Errorf("%s: CA %v, path length %d, want a CA with path length 0", keyType, cert.IsCA, cert.MaxPathLen)
		}
		if want := x509.KeyUsageCertSign | x509.KeyUsageCRLSign; cert.KeyUsage != want {
			t.Errorf("%s: keyUsage %b, want %b", keyType, cert.KeyUsage, want)
		}
		if len(cert.ExtKeyUsage) != 0 {
			t.Errorf("%s: has extKeyUsage %v", keyType, cert.ExtKeyUsage)
		}
		if len(cert.SubjectKeyId) != 20 || string(cert.SubjectKeyId) != string(cert.AuthorityKeyId) {
			t.Errorf("%s: key ids %x and %x, want 20 equal bytes", keyType, cert.SubjectKeyId, cert.AuthorityKeyId)
		}
		if got, want := cert.NotAfter.Sub(cert.NotBefore), pki.DefaultCAValidity+pki.Backdate; got != want {
			t.Errorf("%s: lives %v, want %v", keyType, got, want)
		}
	}
}

func TestLeafShape(t *testing.T) {
	rsaUsage := x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	tests := []struct {
		role   pki.Role
		key    pki.KeyType
		strict bool
		usage  x509.KeyUsage
		ext    x509.ExtKeyUsage
	}{
		{pki.Server, pki.EC256, false, 0, x509.ExtKeyUsageServerAuth},
		{pki.Client, pki.EC384, false, 0, x509.ExtKeyUsageClientAuth},
		{pki.Client, pki.Ed25519, false, 0, x509.ExtKeyUsageClientAuth},
		{pki.Server, pki.EC256, true, x509.KeyUsageDigitalSignature, x509.ExtKeyUsageServerAuth},
		{pki.Server, pki.RSA2048, false, rsaUsage, x509.ExtKeyUsageServerAuth},
		{pki.Client, pki.RSA2048, true, rsaUsage, x509.ExtKeyUsageClientAuth},
	}
	ca := newCA(t, pki.EC256)
	for _, test := range tests {
		r := request(t, test.role, test.key)
		r.StrictKeyUsage = test.strict
		cert, err := ca.Issue(r)
		if err != nil {
			t.Fatal(err)
		}
		if cert.KeyUsage != test.usage {
			t.Errorf("%+v: keyUsage %b, want %b", test, cert.KeyUsage, test.usage)
		}
		if len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != test.ext {
			t.Errorf("%+v: extKeyUsage %v", test, cert.ExtKeyUsage)
		}
		if cert.IsCA || !cert.BasicConstraintsValid {
			t.Errorf("%+v: CA %v, basicConstraints %v", test, cert.IsCA, cert.BasicConstraintsValid)
		}
		if string(cert.AuthorityKeyId) != string(ca.Certificate.SubjectKeyId) || len(cert.SubjectKeyId) != 20 {
			t.Errorf("%+v: key ids %x and %x", test, cert.SubjectKeyId, cert.AuthorityKeyId)
		}
		if got, want := criticals(cert), wantCriticals(test.usage); got != want {
			t.Errorf("%+v: critical extensions %q, want %q", test, got, want)
		}
	}
}

// criticals lists the critical extensions of cert.
func criticals(cert *x509.Certificate) string {
	var oids []string
	for _, ext := range cert.Extensions {
		if ext.Critical {
			oids = append(oids, ext.Id.String())
		}
	}
	return strings.Join(oids, " ")
}

func wantCriticals(usage x509.KeyUsage) string {
	const keyUsage, others = "2.5.29.15", "2.5.29.19 2.5.29.37" // basicConstraints, extKeyUsage
	if usage == 0 {
		return others
	}
	return keyUsage + " " + others
}

func TestSerialsDiffer(t *testing.T) {
	ca := newCA(t, pki.EC256)
	r := request(t, pki.Client, pki.EC256)
	seen := make(map[string]bool)
	most := new(big.Int).Lsh(big.NewInt(1), 128)
	for range 50 {
		cert, err := ca.Issue(r)
		if err != nil {
			t.Fatal(err)
		}
		if serial := cert.SerialNumber; serial.Sign() <= 0 || serial.Cmp(most) >= 0 || seen[serial.String()] {
			t.Fatalf("serial %x: not positive, over 128 bits, or seen before", serial)
		}
		seen[cert.SerialNumber.String()] = true
	}
}

func TestIssueStaysInsideTheCA(t *testing.T) {
	ca := newCA(t, pki.EC256)
	r := request(t, pki.Client, pki.EC256)
	r.Validity = 20 * pki.Year
	cert, err := ca.Issue(r)
	if err != nil || !cert.NotAfter.Equal(ca.Certificate.NotAfter) {
		t.Errorf("notAfter %v, %v, want the CA's %v", cert.NotAfter, err, ca.Certificate.NotAfter)
	}
	for _, at := range []time.Time{now.Add(-2 * pki.Day), now.Add(11 * pki.Year)} {
		r.Now = at
		if _, err := ca.Issue(r); err == nil {
			t.Errorf("issued at %v, when the CA is not valid", at)
		}
	}
}

func TestIssueRefusesAnEmptySubject(t *testing.T) {
	r := request(t, pki.Client, pki.EC256)
	r.RawSubject = []byte{0x30, 0}
	if _, err := newCA(t, pki.EC256).Issue(r); err == nil {
		t.Error("issued with an empty subject, which libvirt refuses")
	}
}

func TestPermit(t *testing.T) {
	ca := newCA(t, pki.EC256, "lab.example", "10.0.0.0/8")
	if !ca.Certificate.PermittedDNSDomainsCritical {
		t.Error("name constraints are not critical")
	}
	tests := []struct {
		dns  []string
		ips  []string
		want bool
	}{
		{nil, nil, true},
		{[]string{"lab.example", "hv1.lab.example"}, []string{"10.1.2.3"}, true},
		{[]string{"hv1.LAB.example"}, nil, true},
		{[]string{"evil-lab.example"}, nil, false},
		{[]string{"hv1.example"}, nil, false},
		{nil, []string{"192.0.2.1"}, false},
		{nil, []string{"2001:db8::1"}, false},
	}
	for _, test := range tests {
		r := request(t, pki.Server, pki.EC256)
		r.DNSNames = test.dns
		permit, permitted := pki.PermitOf(ca.Certificate), true
		for _, name := range test.dns {
			permitted = permitted && permit.PermitsDNS(name)
		}
		for _, ip := range test.ips {
			r.IPAddresses = append(r.IPAddresses, net.ParseIP(ip))
			permitted = permitted && permit.PermitsIP(net.ParseIP(ip))
		}
		if permitted != test.want {
			t.Errorf("%v %v: permitted %v, want %v", test.dns, test.ips, permitted, test.want)
		}
		if _, err := ca.Issue(r); (err == nil) != test.want {
			t.Errorf("%v %v: error %v, want permitted %v", test.dns, test.ips, err, test.want)
		}
	}
}

func TestParsePermit(t *testing.T) {
	tests := map[string]string{
		"lab.example": "lab.example", ".lab.example": "lab.example", "10.1.2.3/8": "10.0.0.0/8",
		"192.0.2.1": "192.0.2.1/32", "2001:db8::/32": "2001:db8::/32", "::1": "::1/128",
		"": "", "*.example": "", "a b": "", "10.0.0.0/33": "", "-x.example": "", "exa_mple": "",
	}
	for in, want := range tests {
		permit, err := pki.ParsePermit([]string{in})
		if got := permit.String(); got != want || (err == nil) != (want != "") {
			t.Errorf("ParsePermit(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestKeyRoundTrip(t *testing.T) {
	for _, keyType := range pki.KeyTypes() {
		key, err := pki.GenerateKey(keyType)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := pki.KeyTypeOf(key.Public()); got != keyType || !ok {
			t.Errorf("KeyTypeOf = %q, %v, want %q", got, ok, keyType)
		}
		for _, passphrase := range [][]byte{nil, []byte("open sesame")} {
			data, err := pki.EncodeKey(key, passphrase)
			if err != nil {
				t.Fatal(err)
			}
			back, err := pki.ParseKey(data, passphrase)
			if err != nil {
				t.Fatalf("%s, passphrase %q: %v", keyType, passphrase, err)
			}
			if !back.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
				t.Errorf("%s, passphrase %q: another key came back", keyType, passphrase)
			}
			if pki.Encrypted(data) != (passphrase != nil) {
				t.Errorf("%s: Encrypted = %v with passphrase %q", keyType, pki.Encrypted(data), passphrase)
			}
		}
	}
}

func TestParseKeyErrors(t *testing.T) {
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	locked, err := pki.EncodeKey(key, []byte("right"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name       string
		data       []byte
		passphrase string
		want       error
	}{
		{"nothing", nil, "", pki.ErrNoKey},
		{"no key in it", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "", pki.ErrNoKey},
		{"no passphrase", locked, "", pki.ErrKeyEncrypted},
		{"wrong passphrase", locked, "wrong", pki.ErrWrongPassphrase},
	}
	for _, test := range tests {
		if _, err := pki.ParseKey(test.data, []byte(test.passphrase)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := pki.ParseKey(append([]byte("\xef\xbb\xbf"), locked...), []byte("right")); err != nil {
		t.Errorf("behind a byte order mark: %v", err)
	}
}

func TestParseValidity(t *testing.T) {
	tests := map[string]time.Duration{
		"90s": 90 * time.Second, "5m": 5 * time.Minute, "12h": 12 * time.Hour, "30d": 30 * pki.Day, "1y": pki.Year, "200y": 200 * pki.Year,
		"": 0, "d": 0, "1": 0, "0d": 0, "-1d": 0, "+1d": 0, "1.5d": 0, "1w": 0, "1Y": 0, "201y": 0, "99999999999999999999s": 0, " 1d": 0,
	}
	for in, want := range tests {
		got, err := pki.ParseValidity(in)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("ParseValidity(%q) = %v, %v, want %v", in, got, err, want)
		}
		if err != nil {
			continue
		}
		if back, err := pki.ParseValidity(pki.FormatValidity(got)); back != got || err != nil {
			t.Errorf("ParseValidity(FormatValidity(%v)) = %v, %v", got, back, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	ca := newCA(f, pki.EC256)
	key, err := pki.EncodeKey(ca.Signer, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pki.EncodeCertificates(ca.Certificate), "1y")
	f.Add(key, "30d")
	f.Fuzz(func(t *testing.T, data []byte, duration string) {
		if certs, err := pki.ParseCertificates(data); err == nil && len(certs) == 0 {
			t.Error("no error and no certificate")
		}
		if key, err := pki.ParseKey(data, nil); err == nil && key == nil {
			t.Error("no error and no key")
		}
		if d, err := pki.ParseValidity(duration); err == nil && d <= 0 {
			t.Errorf("ParseValidity(%q) = %v", duration, d)
		}
		pki.ParsePermit([]string{duration})
	})
}
