package enroll

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// A certificate of a response goes to its key: first to the key that waits, then to the live
// one. The digits are keys: 1 is the server's and 2 the client's that are live, 3 the server's
// that waits, and 4 is not here.
func TestAssign(t *testing.T) {
	ca := newCA(t, 10)
	keys := make(map[string]crypto.Signer)
	certs := make(map[string]*x509.Certificate)
	for _, name := range []string{"1", "2", "3", "4", "1 again"} {
		key := keys[name[:1]]
		raw, err1 := subject.ForLeaf(ca.Certificate, "hv1.lab.example")
		if key == nil {
			var err error
			if key, err = pki.GenerateKey(pki.EC256); err != nil {
				t.Fatal(err)
			}
			keys[name] = key
		}
		cert, err2 := ca.Issue(pki.Request{Role: pki.Server, RawSubject: raw, PublicKey: key.Public(), DNSNames: []string{"hv1.lab.example"}, Now: now, Validity: pki.Year})
		if err := hint.First(err1, err2); err != nil {
			t.Fatal(err)
		}
		certs[name] = cert
	}
	server := &place{live: &keypair.Pair{Role: pki.Server, Key: keys["1"]}, waits: &keypair.Pending{Role: pki.Server, Key: keys["3"]}}
	client := &place{live: &keypair.Pair{Role: pki.Client, Key: keys["2"]}}
	for _, c := range []struct {
		response       []string
		server, client string // the certificates for them
		others         []string
		wrong          string
	}{
		{nil, "", "", nil, ""},
		{[]string{"3", "2"}, "3", "2", nil, ""},
		{[]string{"1"}, "1", "", nil, ""},
		{[]string{"4", "2"}, "", "2", []string{"4"}, ""},
		{[]string{"4"}, "", "", []string{"4"}, ""},
		{[]string{"1", "1"}, "1", "", nil, ""},
		{[]string{"1", "1 again"}, "", "", nil, "two certificates for the server key"},
		{[]string{"1", "3"}, "", "", nil, "two certificates for the server key"},
	} {
		var given []*x509.Certificate
		for _, name := range c.response {
			given = append(given, certs[name])
		}
		taken, others, err := assign([]*place{server, client}, given)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%q: error %v, want %q", c.response, err, c.wrong)
			continue
		}
		var names []string
		for _, cert := range others {
			for name, known := range certs {
				if known.Equal(cert) {
					names = append(names, name)
				}
			}
		}
		if taken[server] != certs[c.server] || taken[client] != certs[c.client] || !slices.Equal(names, c.others) {
			t.Errorf("%q: the server gets %v, the client %v, others %q", c.response, taken[server] != nil, taken[client] != nil, names)
		}
	}
}

// A response may hold any number of certificates for other keys: it does not fill a log.
func TestOthersAreFew(t *testing.T) {
	cert := newCA(t, 1).Certificate
	for n, want := range map[int]int{0: 0, 1: 1, 8: 8, 9: 9, 5000: 9} {
		j := &change.Job{}
		noteOthers(j, slices.Repeat([]*x509.Certificate{cert}, n))
		if len(j.Notes) != want {
			t.Errorf("%d certificates: %d notes, want %d", n, len(j.Notes), want)
		}
		if n > 8 && !strings.HasPrefix(j.Notes[8], fmt.Sprintf("ignored %d more ", n-8)) {
			t.Errorf("%q", j.Notes[8])
		}
	}
}
