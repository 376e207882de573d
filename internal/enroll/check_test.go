package enroll

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// signAs signs any template with a CA's key and in its name.
func signAs(t *testing.T, ca *pki.CA, key crypto.Signer, template x509.Certificate) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.Certificate, key.Public(), ca.Signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// A certificate is not installed if no CA trusted here has signed it, if the program here would
// refuse it, if it is older than the one here, or if it is for another name.
func TestCheck(t *testing.T) {
	ca, other := newCA(t, 10), newCA(t, 10)
	permit, err := pki.ParsePermit([]string{"lab.example"})
	if err != nil {
		t.Fatal(err)
	}
	raw, err1 := subject.ForCA("Limited")
	limited, err2 := pki.NewCA(pki.CARequest{RawSubject: raw, Signer: ca.Signer, Now: now, Permit: permit})
	key, err3 := pki.GenerateKey(pki.EC256)
	forger, err4 := pki.GenerateKey(pki.EC256)
	if err := hint.First(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	namesake := *ca.Certificate
	namesake.PublicKey = forger.Public()
	forged := &pki.CA{Certificate: &namesake, Signer: forger}
	const good = "good"
	for _, c := range []struct {
		name    string
		ca      *pki.CA
		change  func(*x509.Certificate)
		live    time.Duration // how much older the live certificate is; 0 for none
		release string        // that is installed here; empty for none
		want    string        // part of the error
		note    string
	}{
		{"a good one", ca, nil, 0, "", good, ""},
		{"a good one, for a release", ca, nil, 0, "libvirt-9.0", good, ""},
		{"a newer one", ca, nil, time.Hour, "", good, ""},
		{"an older one", ca, nil, -time.Hour, "", "it is older than the one that is installed", ""},
		{"of another CA", other, nil, 0, "", "it is not signed by a CA that is trusted here, but by O=Example Org", ""},
		{"tampered with", forged, nil, 0, "", "does not have its signature: somebody changed it", ""},
		{"of the other role", ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, 0, "", "it is for a client, not for a server", ""},
		{"expired", ca, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, 0, "", "the certificate expired on 2027-01-01", ""},
		{"not valid yet", ca, func(c *x509.Certificate) { c.NotBefore = now.Add(25 * time.Hour) }, 0, "", "the certificate is not valid before 2027-01-02", ""},
		{"a CA", ca, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }, 0, "", "is a CA certificate", ""},
		{"without digital signatures", ca, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, 0, "", "its critical key usage does not permit digital signatures", ""},
		{"names that its CA may not sign", limited, func(c *x509.Certificate) { c.DNSNames = []string{"hv1.other.example"} }, 0, "", "its CA may not certify its names", ""},
		{"what one release refuses, and it is here", ca, strict, 0, "libvirt-9.0", "its critical key usage does not permit key encipherment", ""},
		{"what one release refuses, and another is here", ca, strict, 0, "libvirt-11.6", good, ""},
		{"what one release refuses, and none is here", ca, strict, 0, "", good, "its critical key usage does not permit key encipherment"},
		{"another name", ca, func(c *x509.Certificate) { c.DNSNames = []string{"www.bank.example"} }, 0, "", "it has none of the requested names", ""},
		{"a name left out", ca, func(c *x509.Certificate) { c.DNSNames = c.DNSNames[:1] }, 0, "", good, "the CA left out hv1"},
		{"revoked", ca, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(66) }, 0, "", "it was revoked on 2027-01-01", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			template := x509.Certificate{
				SerialNumber: big.NewInt(7), Subject: pkix.Name{Organization: []string{"Example Org"}, CommonName: "hv1.lab.example"},
				DNSNames: []string{"hv1.lab.example", "hv1"}, NotBefore: now.Add(-pki.Backdate), NotAfter: now.Add(pki.Year),
				KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			}
			s := waiting(t, key, template)
			if c.live != 0 {
				before := template
				before.NotBefore, before.NotAfter = now.Add(-pki.Backdate-c.live), now.Add(pki.Year-c.live)
				s.live.Cert, s.live.Key = signAs(t, ca, forger, before), forger
			}
			if c.change != nil {
				c.change(&template)
			}
			in := newInstaller(t, c.release, ca.Certificate, limited.Certificate)
			in.lists = []*pki.CRL{revoke(t, ca, 66)}
			j := &change.Job{}
			err := in.check(j, s, key, signAs(t, c.ca, key, template))
			if got := errorText(err); !strings.Contains(got, c.want) {
				t.Errorf("%s, want %q", got, c.want)
			}
			if notes := strings.Join(j.Notes, "; "); !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

// strict gives a certificate a key usage that libvirt refuses before 11.6.
func strict(c *x509.Certificate) {
	usage, err := asn1.Marshal(asn1.BitString{Bytes: []byte{0x80}, BitLength: 1})
	if err != nil {
		panic(err)
	}
	c.KeyUsage = 0
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: usage}}
}

func errorText(err error) string {
	if err == nil {
		return "good"
	}
	return err.Error()
}

// waiting returns a server's place in which a key waits with the request for a certificate.
func waiting(t *testing.T, key crypto.Signer, template x509.Certificate) *place {
	t.Helper()
	csr, err := pki.NewCSR(pki.CSRRequest{Role: pki.Server, RawSubject: mustEncode(t, "CN="+template.Subject.CommonName), DNSNames: template.DNSNames}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &place{live: &keypair.Pair{Role: pki.Server}, waits: &keypair.Pending{Role: pki.Server, Key: key, CSR: csr}}
}

func mustEncode(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := subject.Encode(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// newInstaller returns a run on a machine that has one release, or none.
func newInstaller(t *testing.T, release string, cas ...*x509.Certificate) *installer {
	t.Helper()
	m := machine.New()
	m.Root, m.Now = t.TempDir(), func() time.Time { return now }
	in := &installer{m: m, cas: cas, known: release != ""}
	in.To.Layout = m.System()
	if release == "" {
		release = "any"
	}
	var err error
	if in.release, err = libvirt.ParseRelease(release); err != nil {
		t.Fatal(err)
	}
	return in
}

// revoke returns a CA's list with one serial.
func revoke(t *testing.T, ca *pki.CA, serial int64) *pki.CRL {
	t.Helper()
	crl, err := ca.CRL(pki.CRLRequest{Number: big.NewInt(1), Now: now, Add: []x509.RevocationListEntry{{SerialNumber: big.NewInt(serial), RevocationTime: now}}})
	if err != nil {
		t.Fatal(err)
	}
	return crl
}
