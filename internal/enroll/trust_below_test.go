package enroll

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// caBelow returns a CA that parent has signed, or a root if parent is nil.
func caBelow(t *testing.T, name string, parent *x509.Certificate, key crypto.Signer) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	own, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if parent == nil {
		parent, key = template, own
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, own
}

// A CA below a trusted one is accepted only from an issuer that was asked directly. A root is
// never accepted so.
func TestDecideTrustBelow(t *testing.T) {
	root, key := caBelow(t, "root", nil, nil)
	first, _ := caBelow(t, "first", root, key)
	second, _ := caBelow(t, "second", root, key)
	other, otherKey := caBelow(t, "other root", nil, nil)
	below, _ := caBelow(t, "below other", other, otherKey)
	for _, test := range []struct {
		name        string
		here, given []*x509.Certificate
		vouched     *x509.Certificate
		below       bool
		want        string // in the error; empty for none
		fingerprint *x509.Certificate
	}{
		{"another intermediate", []*x509.Certificate{root, first}, []*x509.Certificate{second, root}, nil, true, "", nil},
		{"the same, by a command", []*x509.Certificate{root, first}, []*x509.Certificate{second, root}, nil, false, "this host does not trust: CN=second", second},
		{"another root", []*x509.Certificate{root, first}, []*x509.Certificate{below, other}, nil, true, "this host does not trust: CN=other root", other},
		{"its intermediate alone", []*x509.Certificate{root, first}, []*x509.Certificate{below}, nil, true, "this host does not trust: CN=below other", below},
		{"another root, vouched for", []*x509.Certificate{root, first}, []*x509.Certificate{below, other}, other, true, "", nil},
		{"the first, vouched for", nil, []*x509.Certificate{first, root}, root, true, "", nil},
		{"the first, by another", nil, []*x509.Certificate{below, other}, root, true, "this host does not trust: CN=other root", other},
	} {
		p := trustPolicy{below: test.below, now: now, vouched: Fingerprints{}}
		if test.vouched != nil {
			p.vouched[libvirt.Fingerprint(test.vouched)] = true
		}
		got, err := decideTrust(test.here, test.given, p)
		if test.want == "" {
			if err != nil || len(got.onSight) > 0 {
				t.Errorf("%s: %v, on sight %d", test.name, err, len(got.onSight))
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
			continue
		}
		if text, _ := hint.Of(err); !strings.HasSuffix(text, "--trust-new-ca "+libvirt.Fingerprint(test.fingerprint)) {
			t.Errorf("%s: hint %q", test.name, text)
		}
	}
}
