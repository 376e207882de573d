package enroll

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/pki"
)

// foreignCA returns a CA of another's making; issuer is nil for a root.
func foreignCA(t *testing.T, name string, issuer *pki.CA, change func(*x509.Certificate)) *pki.CA {
	t.Helper()
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if change != nil {
		change(&template)
	}
	if issuer == nil {
		issuer = &pki.CA{Certificate: &template, Signer: key}
	}
	return &pki.CA{Certificate: signAs(t, issuer, key, template), Signer: key}
}

// A CA below a trusted one is accepted without a fingerprint, unless a limit would be lost.
func TestBelowTrusted(t *testing.T) {
	root := foreignCA(t, "root", nil, nil)
	sub := foreignCA(t, "sub", root, nil)
	deep := foreignCA(t, "deep", sub, nil)
	short := foreignCA(t, "short", nil, func(c *x509.Certificate) { c.MaxPathLenZero = true })
	narrow := foreignCA(t, "narrow", nil, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"lab.example"} })
	namesake := foreignCA(t, "root", nil, nil)
	for _, c := range []struct {
		name           string
		trusted, given []*pki.CA
		want           string
	}{
		{"its own", []*pki.CA{root}, []*pki.CA{sub}, "sub"},
		{"two below, the lower first", []*pki.CA{root}, []*pki.CA{deep, sub}, "sub deep"},
		{"the one between is missing", []*pki.CA{root}, []*pki.CA{deep}, ""},
		{"known already", []*pki.CA{root, sub}, []*pki.CA{sub, deep}, "deep"},
		{"nothing is trusted", nil, []*pki.CA{root, sub}, ""},
		{"a root", []*pki.CA{root}, []*pki.CA{namesake}, ""},
		{"of a namesake", []*pki.CA{namesake}, []*pki.CA{sub}, ""},
		{"path length", []*pki.CA{short}, []*pki.CA{foreignCA(t, "sub", short, nil)}, ""},
		{"name constraints", []*pki.CA{narrow}, []*pki.CA{foreignCA(t, "sub", narrow, nil)}, ""},
	} {
		var got []string
		for _, ca := range belowTrusted(certsOf(c.trusted), certsOf(c.given)) {
			got = append(got, ca.Subject.CommonName)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func certsOf(cas []*pki.CA) (certs []*x509.Certificate) {
	for _, ca := range cas {
		certs = append(certs, ca.Certificate)
	}
	return certs
}

// A server's certificate has to be for a name by which its clients know the machine.
func TestCheckGivenNames(t *testing.T) {
	ca := foreignCA(t, "root", nil, nil)
	cert := func(names ...string) *x509.Certificate {
		key, err := pki.GenerateKey(pki.EC256)
		if err != nil {
			t.Fatal(err)
		}
		return signAs(t, ca, key, x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "x"}, DNSNames: names, NotBefore: now, NotAfter: now.Add(time.Hour)})
	}
	for _, c := range []struct {
		name              string
		role              pki.Role
		names, live, cert []string // of the machine; of the previous certificate; of the new one
		wrong, note       string
	}{
		{"its name", pki.Server, []string{"hv1"}, nil, []string{"hv1"}, "", ""},
		{"one of its names", pki.Server, []string{"hv1", "hv1.lab.example"}, nil, []string{"hv1.lab.example"}, "", ""},
		{"a wildcard", pki.Server, []string{"hv1.lab.example"}, nil, []string{"*.lab.example"}, "", ""},
		{"another name", pki.Server, []string{"hv1"}, nil, []string{"hv2"}, "it is for hv2, and this machine is hv1", ""},
		{"no name", pki.Server, []string{"hv1"}, nil, nil, "it is for CN=x, and this machine is hv1", ""},
		{"a name as served today", pki.Server, []string{"hv1"}, []string{"virt"}, []string{"virt"}, "", ""},
		{"a name is lost", pki.Server, []string{"hv1"}, []string{"hv1", "virt"}, []string{"hv1"}, "", "clients that connect to virt will refuse"},
		{"a client", pki.Client, []string{"hv1"}, nil, nil, "", ""},
		{"an image", pki.Server, nil, nil, []string{"hv2"}, "", ""},
	} {
		in := newInstaller(t, "")
		in.Given, in.Names = []Given{{}}, c.names
		s := &place{live: &keypair.Pair{Role: c.role}}
		if c.live != nil {
			s.live.Cert = cert(c.live...)
		}
		j := change.NewJob(in.m)
		err := in.checkGivenNames(j, s, cert(c.cert...))
		if (err == nil) != (c.wrong == "") || err != nil && err.Error() != c.wrong {
			t.Errorf("%s: %v, want %q", c.name, err, c.wrong)
		}
		if notes := strings.Join(j.Notes, "\n"); (notes == "") != (c.note == "") || !strings.Contains(notes, c.note) {
			t.Errorf("%s: noted %q, want %q", c.name, notes, c.note)
		}
	}
}
