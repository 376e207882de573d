// Package labpki makes the certificates of a throwaway PKI for tests. Every libvirt accepts
// them.
//
// It is independent of package pki, so that a test does not verify one by the other. It knows
// one kind of key, one CA and no options but a function that changes a certificate before it is
// signed.
package labpki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// CA signs certificates. If a step fails, the test of the CA ends.
type CA struct {
	t    testing.TB
	Cert *x509.Certificate
	key  crypto.Signer
}

// Pair is a key and its certificate.
type Pair struct {
	Cert *x509.Certificate
	key  crypto.Signer
}

// NewKey makes a P-256 key.
func NewKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// New makes a self-signed CA with this CN, valid for a day.
func New(t testing.TB, name string) *CA {
	t.Helper()
	ca := &CA{t: t, key: NewKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	ca.Cert = ca.sign(template, template, ca.key.Public())
	return ca
}

func (ca *CA) sign(template, parent *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	ca.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatal(err)
	}
	return cert
}

// Issue makes a key and its certificate, O=Lab,CN=name. change, unless nil, alters the
// certificate before it is signed.
func (ca *CA) Issue(name string, change func(*x509.Certificate)) Pair {
	ca.t.Helper()
	return ca.IssueFor(NewKey(ca.t), name, change)
}

// IssueFor is [CA.Issue] for an existing key.
func (ca *CA) IssueFor(key crypto.Signer, name string, change func(*x509.Certificate)) Pair {
	ca.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		ca.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{"Lab"}, CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(12 * time.Hour),
		BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	return Pair{ca.sign(template, ca.Cert, key.Public()), key}
}

// ForHost returns a change for [CA.Issue] that gives a server's certificate its names
// and addresses.
func ForHost(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, name := range names {
			if ip := net.ParseIP(name); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, name)
			}
		}
	}
}

// CRL returns the PEM of a list of revoked certificates, newer than all earlier ones.
func (ca *CA) CRL(revoked ...*x509.Certificate) []byte {
	ca.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(time.Now().UnixNano()), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, cert := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: time.Now().Add(-time.Minute)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, ca.Cert, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// Pool returns a pool that holds only the CA.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return pool
}

// Vouches returns a check of a chain, leaf first. It checks that the CA has signed the chain,
// for this name, and that it is valid at the time now; a zero now means the present.
func (ca *CA) Vouches(name string, now time.Time) func([]*x509.Certificate) error {
	return func(chain []*x509.Certificate) error {
		options := x509.VerifyOptions{Roots: ca.Pool(), CurrentTime: now, DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
		_, err := chain[0].Verify(options)
		return err
	}
}

// CertPEM returns certificates as PEM, one after the other.
func CertPEM(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, cert := range certs {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return b.Bytes()
}

// KeyPEM returns the key as PKCS #8.
func (p Pair) KeyPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TLS returns the certificate and key as crypto/tls wants them.
func (p Pair) TLS() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.key, Leaf: p.Cert}
}
