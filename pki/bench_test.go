package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"

	"virtpki/pki"
)

// BenchmarkIssue makes one client certificate with a key of its own, both encoded, for each key
// type; the CA's key is of the same type. It runs the same with plain crypto/x509 beside it, for
// comparison.
func BenchmarkIssue(b *testing.B) {
	for _, keyType := range pki.KeyTypes() {
		ca := newCA(b, keyType)
		b.Run(string(keyType)+"/virtpki", func(b *testing.B) {
			for b.Loop() {
				issueWithPKI(b, ca, keyType)
			}
		})
		b.Run(string(keyType)+"/x509", func(b *testing.B) {
			for b.Loop() {
				issueWithX509(b, ca, keyType)
			}
		})
	}
}

func issueWithPKI(b *testing.B, ca *pki.CA, keyType pki.KeyType) {
	key, err := pki.GenerateKey(keyType)
	if err != nil {
		b.Fatal(err)
	}
	r := pki.Request{Role: pki.Client, RawSubject: subject("bench"), PublicKey: key.Public(), Now: now}
	cert, err := ca.Issue(r)
	if err != nil {
		b.Fatal(err)
	}
	pki.EncodeCertificates(cert)
	if _, err := pki.EncodeKey(key, nil); err != nil {
		b.Fatal(err)
	}
}

// plainKey makes a key as a program does that uses only the standard library.
func plainKey(b *testing.B, keyType pki.KeyType) crypto.Signer {
	var key crypto.Signer
	var err error
	switch keyType {
	case pki.EC256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case pki.EC384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case pki.Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case pki.RSA2048:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case pki.RSA3072:
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	case pki.RSA4096:
		key, err = rsa.GenerateKey(rand.Reader, 4096)
	}
	if err != nil {
		b.Fatal(err)
	}
	return key
}

func issueWithX509(b *testing.B, ca *pki.CA, keyType pki.KeyType) {
	key := plainKey(b, keyType)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "bench"},
		NotBefore:             now,
		NotAfter:              now.Add(pki.Year),
		BasicConstraintsValid: true,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, key.Public(), ca.Signer)
	if err != nil {
		b.Fatal(err)
	}
	pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
