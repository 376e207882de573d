package gnutls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// seeds are the certificates of the oracle's subjects, and a CA, a certificate and a
// key of Ed448, which few programs make.
func seeds(f *testing.F) [][]byte {
	f.Helper()
	var file struct {
		Cases []struct {
			PEM string `json:"cert_pem"`
		}
	}
	if err := json.Unmarshal(contents(f, "..", "..", "testdata", "oracle", "dn.json"), &file); err != nil {
		f.Fatal(err)
	}
	var list [][]byte
	for _, c := range file.Cases {
		if c.PEM != "" {
			list = append(list, []byte(c.PEM))
		}
	}
	if len(list) < 50 {
		f.Fatalf("dn.json has %d certificates", len(list))
	}
	for _, name := range []string{"cacert.pem", "cert.pem", "key.pem"} {
		list = append(list, contents(f, "..", "judge", "testdata", "ed448", name))
	}
	return append(list, madeSeeds(f)...)
}

// madeSeeds are a CRL with an entry, and keys in each form that has a reader.
func madeSeeds(f *testing.F) [][]byte {
	f.Helper()
	fatal := func(err error) {
		if err != nil {
			f.Fatal(err)
		}
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	fatal(err)
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(7), RevocationTime: time.Now()}}}
	crl, err := x509.CreateRevocationList(rand.Reader, list, &x509.Certificate{RawSubject: []byte{0x30, 0}, SubjectKeyId: []byte{1}, KeyUsage: x509.KeyUsageCRLSign}, ec)
	fatal(err)
	sec1, err := x509.MarshalECPrivateKey(ec)
	fatal(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ec)
	fatal(err)
	blocks := []pem.Block{{Type: labelCRL, Bytes: crl}, {Type: "EC PRIVATE KEY", Bytes: sec1}, {Type: labelPKCS8, Bytes: pkcs8},
		{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}}
	var texts [][]byte
	for _, block := range blocks {
		texts = append(texts, pem.EncodeToMemory(&block))
	}
	return texts
}

func contents(f *testing.F, path ...string) []byte {
	f.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// FuzzReaders gives bytes to every reader, as they are and as the DER of a block.
func FuzzReaders(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data)
		if block, _ := pem.Decode(data); block != nil {
			f.Add(block.Bytes)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parseCertificate(data); err == nil {
			examine(t, c)
		}
		parseCRL(data)
		for _, read := range []func([]byte) (PrivateKey, error){ReadPrivateKey, readPKCS1, readPKCS8, readSEC1} {
			if _, err := read(data); err == nil && len(data) == 0 {
				t.Error("a key out of nothing")
			}
		}
		certs, err := ReadCertificates(data, 0)
		if err == nil && len(certs) == 0 {
			t.Error("neither a certificate nor an error")
		}
	})
}

// examine calls everything that reads more of a certificate.
func examine(t *testing.T, c *Certificate) {
	c.altNames()
	c.Purposes()
	c.subjectKeyID()
	c.authorityKeyID()
	var n constraints
	n.add(c)
	n.allow(c)
	if text := NamesText(c) + c.Key.Describe(); text == "" {
		t.Error("nothing to say of a certificate")
	}
	Library{}.checkSignature(c.algorithm, c.tbs, c.signature, c.Key)
	v := ChainCheck{Trusted: []*Certificate{c}, Now: c.NotBefore, MinBits: 80}
	v.Verify([]*Certificate{c, c})
	v.VerifyPeer(Shorten(SortChain([]*Certificate{c, c}), v.Trusted), v.Trusted)
	MatchHost(c, "hv1.lab.example")
}
