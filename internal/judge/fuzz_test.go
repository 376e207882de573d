package judge

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"virtpki/internal/libvirt"
)

// seeds are sound and spoilt files, and the certificates of the oracle.
func seeds(f *testing.F) [][]byte {
	f.Helper()
	var list [][]byte
	for _, c := range findingCases {
		s := c.set(newBench())
		list = append(list, s.CA.Data, s.Cert.Data, s.Key.Data, s.CRL.Data)
	}
	for _, name := range []string{"cacert.pem", "cert.pem", "key.pem"} {
		list = append(list, must(os.ReadFile(filepath.Join("testdata", "ed448", name))))
	}
	return list
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
		for _, read := range []func([]byte) (keyFile, error){readKeyFile, readPKCS1, readPKCS8, readSEC1} {
			if _, err := read(data); err == nil && len(data) == 0 {
				t.Error("a key out of nothing")
			}
		}
		certs, err := readCerts(data, 0)
		if err == nil && len(certs) == 0 {
			t.Error("neither a certificate nor an error")
		}
	})
}

// examine calls everything that reads more of a certificate.
func examine(t *testing.T, c *Certificate) {
	c.altNames()
	c.purposes()
	c.subjectKeyID()
	c.authorityKeyID()
	var n constraints
	n.add(c)
	n.allow(c)
	if text := nameText(c.Subject) + c.key.describe(); text == "" {
		t.Error("nothing to say of a certificate")
	}
	checkSignature(c.algorithm, c.tbs, c.signature, c.key)
	v := chainCheck{trusted: []*Certificate{c}, now: c.NotBefore, minBits: sessionBits}
	v.verify([]*Certificate{c, c})
	matchHost(c, "hv1.lab.example")
}

// FuzzOwnFiles judges any four files in both roles, by all rules.
func FuzzOwnFiles(f *testing.F) {
	for _, c := range findingCases {
		s := c.set(newBench())
		f.Add(s.CA.Data, s.CRL.Data, s.Cert.Data, s.Key.Data)
	}
	known := map[string]bool{}
	for _, e := range CertCatalogue() {
		known[e.ID] = true
	}
	now := time.Now()
	f.Fuzz(func(t *testing.T, ca, crl, cert, key []byte) {
		file := func(path string, data []byte) File { return File{Path: path, Data: data} }
		for _, role := range []Role{Server, Client} {
			s := Set{Role: role, CA: file("ca", ca), CRL: file("crl", crl), Cert: file("cert", cert), Key: file("key", key)}
			said := OwnFiles(s, libvirt.Target{}, now)
			said = append(said, InSession(s, Peer{Names: []string{"hv1"}, DNList: []string{"*"}}, libvirt.Target{}, now)...)
			for _, finding := range said {
				if !known[finding.ID] || strings.Contains(finding.Text, "%!") {
					t.Errorf("%+v", finding)
				}
			}
		}
	})
}

func BenchmarkOwnFiles(b *testing.B) {
	s := newBench().set(nil, nil)
	now := time.Now()
	for _, target := range []string{"libvirt-9.0", "any"} {
		t, err := libvirt.ParseTarget(target)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(target, func(b *testing.B) {
			for b.Loop() {
				OwnFiles(s, t, now)
			}
		})
	}
}

func BenchmarkInSession(b *testing.B) {
	s := newBench().client()
	t, err := libvirt.ParseTarget("libvirt-9.0")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		InSession(s, Peer{DNList: []string{"O=Lab,CN=*"}}, t, time.Now())
	}
}
