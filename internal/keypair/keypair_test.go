package keypair

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// newCA returns a CA and its key.
func newCA(t *testing.T) *pki.CA {
	t.Helper()
	raw, err1 := subject.ForCA("Example Org")
	key, err2 := pki.GenerateKey(pki.EC256)
	if err := hint.First(err1, err2); err != nil {
		t.Fatal(err)
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: raw, Signer: key, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// issue returns a client's certificate and its key.
func issue(t *testing.T, ca *pki.CA) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	raw, err1 := subject.ForLeaf(ca.Certificate, "admin")
	key, err2 := pki.GenerateKey(pki.EC256)
	if err := hint.First(err1, err2); err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Issue(pki.Request{Role: pki.Client, RawSubject: raw, PublicKey: key.Public(), Now: now, Validity: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// apply writes the planned files.
func apply(t *testing.T, plan func(*store.Plan) error) {
	t.Helper()
	var p store.Plan
	if err := plan(&p); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
}

// write writes a certificate and a key into a layout; either may be nil.
func write(t *testing.T, layout libvirt.Layout, cert *x509.Certificate, key crypto.Signer) {
	t.Helper()
	apply(t, func(p *store.Plan) error {
		to := Dest{Layout: layout}
		if cert != nil {
			if err := to.Write(p, libvirt.ClientCert, pki.EncodeCertificates(cert)); err != nil {
				return err
			}
		}
		if key == nil {
			return nil
		}
		data, err := pki.EncodeKey(key, nil)
		if err != nil {
			return err
		}
		return to.Write(p, libvirt.ClientKey, data)
	})
}

func TestLoad(t *testing.T) {
	ca := newCA(t)
	cert, key := issue(t, ca)
	_, other := issue(t, ca)
	for _, c := range []struct {
		name          string
		cert          *x509.Certificate
		key           crypto.Signer
		wrong         string
		missing, lone bool
	}{
		{"whole", cert, key, "", false, false},
		{"nothing", nil, nil, "", false, false},
		{"a certificate alone", cert, nil, "", true, false},
		{"a key alone", nil, key, "", false, true},
		{"another key", cert, other, "is not the key of", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			layout := libvirt.Flat(t.TempDir())
			write(t, layout, c.cert, c.key)
			p, err := Load(store.Tree{}, layout, pki.Client)
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Fatalf("error %v, want %q", err, c.wrong)
			}
			if err == nil && ((p.Cert != nil) != (c.cert != nil) || (p.Key != nil) != (c.key != nil)) {
				t.Errorf("loaded %+v", p)
			}
			if missing := p.KeyMissing(); (missing != nil) != c.missing {
				t.Errorf("KeyMissing: %v", missing)
			}
			if (p.Alone() != nil) != c.lone {
				t.Error("Alone")
			}
		})
	}
}

// A key waits until it is live, even if its user forgot to remove it.
func TestPending(t *testing.T) {
	ca := newCA(t)
	cert, key := issue(t, ca)
	csr, err := pki.NewCSR(pki.CSRRequest{Role: pki.Client, RawSubject: cert.RawSubject}, key)
	if err != nil {
		t.Fatal(err)
	}
	layout := libvirt.Flat(t.TempDir())
	live := func() *Pair {
		p, err := Load(store.Tree{}, layout, pki.Client)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	waits := func() *Pending {
		p, err := LoadPending(layout, live())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if waits() != nil {
		t.Fatal("a key waits where there is none")
	}
	apply(t, func(p *store.Plan) error {
		return (&Pending{Role: pki.Client, Key: key, CSR: csr}).Plan(p, Dest{Layout: layout})
	})
	if p := waits(); p == nil || !pki.SameKey(p.Key.Public(), key.Public()) || RequestFor([]*pki.CSR{p.CSR}, key.Public()) == nil {
		t.Fatalf("waits: %+v", p)
	}
	apply(t, func(p *store.Plan) error { return DropPending(p, layout) })
	if waits() == nil {
		t.Fatal("a key that is not live was dropped")
	}
	write(t, layout, cert, key)
	if waits() != nil {
		t.Fatal("a live key waits")
	}
	apply(t, func(p *store.Plan) error { return DropPending(p, layout) })
	if p, err := ReadPending(store.Tree{}, layout, pki.Client); p != nil || err != nil {
		t.Errorf("after DropPending: %+v, %v", p, err)
	}
	if err := os.WriteFile(layout.Path(libvirt.PendingFile("client")), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPending(layout, live()); err == nil || !strings.Contains(err.Error(), layout.Path(libvirt.PendingFile("client"))) {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestOlderCRL(t *testing.T) {
	list := func(number int64, at time.Time) *pki.CRL {
		crl := &pki.CRL{ThisUpdate: at}
		if number > 0 {
			crl.Number = big.NewInt(number)
		}
		return crl
	}
	for _, c := range []struct {
		name      string
		crl, than *pki.CRL
		want      bool
	}{
		{"a lower number", list(1, now), list(2, now), true},
		{"a higher number", list(2, now), list(1, now), false},
		{"a lower number, later", list(1, now.Add(time.Hour)), list(2, now), true},
		{"the same number, earlier", list(1, now), list(1, now.Add(time.Hour)), true},
		{"the same", list(1, now), list(1, now), false},
		{"no number, later", list(0, now.Add(time.Hour)), list(1, now), true},
		{"a number, earlier", list(1, now), list(0, now.Add(time.Hour)), false},
		{"no numbers, earlier", list(0, now), list(0, now.Add(time.Hour)), true},
	} {
		if got := OlderCRL(c.crl, c.than); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// There is one CRL of each issuer: the newest that the CA itself has signed.
func TestCRLsOfIssuers(t *testing.T) {
	one, two, forger := newCA(t), newCA(t), newCA(t)
	forger.Certificate.RawSubject = one.Certificate.RawSubject
	list := func(ca *pki.CA, number int64) *pki.CRL {
		crl, err := ca.CRL(pki.CRLRequest{Number: big.NewInt(number), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return crl
	}
	all := []*pki.CRL{list(one, 1), list(two, 7), list(one, 3), list(one, 2), list(forger, 9)}
	for _, c := range []struct {
		name string
		ca   *pki.CA
		want int64
	}{{"one", one, 3}, {"two", two, 7}} {
		if got := NewestCRL(all, c.ca.Certificate); got == nil || got.Number.Int64() != c.want {
			t.Errorf("%s: %+v, want number %d", c.name, got, c.want)
		}
	}
	if got := NewestCRL(all, newCA(t).Certificate); got != nil {
		t.Errorf("another CA's: %+v", got)
	}
	text := func(crls []*pki.CRL) (numbers string) {
		for _, crl := range crls {
			numbers += crl.Number.String() + " "
		}
		return numbers
	}
	if got := text(ReplaceCRL([]*pki.CRL{list(one, 1), list(two, 7), list(one, 2)}, list(one, 4))); got != "4 7 " {
		t.Errorf("replaced: %s", got)
	}
	if got := text(ReplaceCRL([]*pki.CRL{list(two, 7)}, list(one, 4))); got != "7 4 " {
		t.Errorf("added: %s", got)
	}
}

// The newest CRL of each issuer counts. An older one takes its place only if that is forced. The
// letters are issuers, the digits numbers of CRLs.
func TestMergeCRLs(t *testing.T) {
	all := make(map[string]*pki.CRL)
	for _, issuer := range []string{"a", "b"} {
		ca := newCA(t)
		for number := range int64(4) {
			crl, err := ca.CRL(pki.CRLRequest{Number: big.NewInt(number), Now: now})
			if err != nil {
				t.Fatal(err)
			}
			all[fmt.Sprint(issuer, number)] = crl
		}
	}
	crls := func(names string) (crls []*pki.CRL) {
		for _, name := range strings.Fields(names) {
			crls = append(crls, all[name])
		}
		return crls
	}
	for _, c := range []struct {
		there, others string
		force         bool
		merged, older string
	}{
		{"", "a1", false, "a1", ""},
		{"a1", "", false, "a1", ""},
		{"a1", "a1", false, "a1", ""},
		{"a1", "a2", false, "a2", ""},
		{"a2", "a1", false, "a2", "a1"},
		{"a2", "a1", true, "a1", ""},
		{"a2 b1", "b2 a1", false, "a2 b2", "a1"},
		{"b1", "a1", false, "b1 a1", ""},
		{"a1", "a2 a3", false, "a3", ""},
		{"a1", "a3 a2", false, "a3", ""},
		{"a3", "a2 a1", true, "a2", ""},
		{"", "a3 a2", false, "a3", ""},
	} {
		merged, older := MergeCRLs(crls(c.there), crls(c.others), c.force)
		if !SameCRLs(merged, crls(c.merged)) || !SameCRLs(older, crls(c.older)) {
			t.Errorf("%q and %q, force %v: %d lists, want %q; %d older ones, want %q", c.there, c.others, c.force, len(merged), c.merged, len(older), c.older)
		}
	}
}
