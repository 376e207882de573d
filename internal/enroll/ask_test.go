package enroll

import (
	"slices"
	"testing"

	"virtpki/internal/subject"
	"virtpki/pki"
)

// Which differences between a certificate and a request count, and which do not.
func TestUnlike(t *testing.T) {
	ca, key := newCA(t, 10), newCA(t, 1).Signer
	raw, err := subject.ForLeaf(ca.Certificate, "hv1.lab.example")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Issue(pki.Request{Role: pki.Server, RawSubject: raw, PublicKey: key.Public(), DNSNames: []string{"hv1.lab.example", "hv1"}, Now: now, Validity: pki.Year})
	if err != nil {
		t.Fatal(err)
	}
	identity := func(name string, dns ...string) subject.Identity {
		return subject.Identity{Role: pki.Server, Name: name, Names: subject.Names{DNS: dns}}
	}
	own := identity("hv1.lab.example", "hv1.lab.example")
	own.RawSubject = raw
	other := identity("hv1.lab.example", "hv1.lab.example")
	if other.RawSubject, err = subject.Encode("CN=hv1.lab.example"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		id   subject.Identity
		typ  pki.KeyType // that was given
		want []string
	}{
		{"the same", identity("hv1.lab.example", "hv1.lab.example", "hv1"), "", nil},
		{"fewer names", identity("hv1.lab.example", "hv1.lab.example"), "", nil},
		{"another name", identity("hv2.lab.example", "hv1"), "", []string{"it is called O=Example Org,CN=hv1.lab.example, not hv2.lab.example"}},
		{"a further name", identity("hv1.lab.example", "hv1", "db1", "db2"), "", []string{"lacks db1, db2"}},
		{"the same subject", own, "", nil},
		{"another subject", other, "", []string{"it is called O=Example Org,CN=hv1.lab.example"}},
		{"the same type of key", own, pki.EC256, nil},
		{"another type of key", own, pki.RSA3072, []string{"its key is ec256, not rsa3072"}},
	} {
		r := Request{Asker: Asker{KeyType: c.typ, KeyTypeGiven: c.typ != ""}}
		if got := r.unlike(cert, c.id); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
