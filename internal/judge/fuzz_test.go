package judge

import (
	"strings"
	"testing"
	"time"

	"virtpki/internal/libvirt"
)

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
			said := OwnFiles(s, libvirt.Release{}, now)
			said = append(said, InSession(s, Peer{Names: []string{"hv1"}, DNList: []string{"*"}}, libvirt.Release{}, now)...)
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
		t, err := libvirt.ParseRelease(target)
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
	t, err := libvirt.ParseRelease("libvirt-9.0")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		InSession(s, Peer{DNList: []string{"O=Lab,CN=*"}}, t, time.Now())
	}
}
