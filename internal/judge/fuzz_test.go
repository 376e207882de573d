package judge

import (
	"reflect"
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
	for _, target := range []string{"libvirt-9.0", "any"} {
		t, err := libvirt.ParseRelease(target)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(target, func(b *testing.B) {
			for b.Loop() {
				InSession(s, Peer{DNList: []string{"O=Lab,CN=*"}}, t, time.Now())
			}
		})
	}
}

// All rules share how a chain was verified. That changes nothing: alone, each set of rules finds
// the same.
func TestSessionByAllRules(t *testing.T) {
	now := time.Now()
	for _, c := range findingCases {
		s := c.set(newBench())
		for _, role := range []Role{Server, Client} {
			s.Role = role
			peer := Peer{Names: []string{"hv1"}, DNList: []string{"*"}}
			alone := merge(libvirt.Release{}.Rules(s.Product), func(rules libvirt.Rules) []Finding {
				r := run{set: s, rules: rules, now: now, stage: Session, met: new(verified)}
				r.session(peer)
				return r.out
			})
			if got := InSession(s, peer, libvirt.Release{}, now); !reflect.DeepEqual(got, alone) {
				t.Errorf("%s, %s: together %+v, alone %+v", c.id, role, got, alone)
			}
		}
	}
}
