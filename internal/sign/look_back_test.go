package sign

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/grant"
	"virtpki/internal/machine"
	"virtpki/pki"
)

// past is a CA of the tests with the certificates that it has signed and revoked before.
type past struct {
	*authority.Authority
	live    []*x509.Certificate
	revoked []*grant.Revoked
}

// sign signs the certificate that a request asks for.
func (p *past) sign(t *testing.T, csr *pki.CSR) *x509.Certificate {
	t.Helper()
	policy := Policy{Leaf: authority.Leaf{Validity: pki.Year}}
	d, err := policy.identify(p.Authority, csr)
	if err != nil {
		t.Fatal(err)
	}
	cert, _, err := p.Sign(authority.Order{Leaf: policy.Leaf, Identity: d.Identity, PublicKey: csr.PublicKey, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	p.live = append(p.live, cert)
	return cert
}

// revoke revokes the last certificate that was signed.
func (p *past) revoke(reason pki.Reason) {
	last := len(p.live) - 1
	p.revoked = append(p.revoked, &grant.Revoked{Cert: p.live[last], Entry: x509.RevocationListEntry{ReasonCode: int(reason), RevocationTime: now}})
	p.live = p.live[:last]
}

// consider decides about one request as a run does.
func (p *past) consider(t *testing.T, s *signing, csr *pki.CSR) (decision, error) {
	t.Helper()
	s.known = &authority.Earlier{Certs: p.live}
	s.shown = make(map[string]bool)
	s.Policy.Leaf.Validity = pki.Year
	history := grant.NewHistory(p.revoked, func() ([]*x509.Certificate, error) { return p.live, nil })
	if err := s.stakeClaims(history); err != nil {
		t.Fatal(err)
	}
	standIn, err := p.CA.StandIn()
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Policy.decide(p.Authority, standIn, csr, now)
	if err != nil {
		t.Fatal(err)
	}
	return s.lookBack(history, d, csr)
}

// Despite the policy, a host that was shut out does not get a certificate, and nobody gets a name
// that somebody else has, unless a person is shown that or has allowed it beforehand.
func TestLookBack(t *testing.T) {
	theirs, mine := newKey(t), newKey(t)
	host := request(t, theirs, pki.Server, "CN=hv1.lab.example", "hv1.lab.example", "hv1", "10.0.0.7")
	again := request(t, mine, pki.Server, "CN=hv1.lab.example", "hv1.lab.example", "hv1", "10.0.0.7")
	neighbour := request(t, mine, pki.Server, "CN=hv2.lab.example", "hv2.lab.example", "hv2", "10.0.0.7")
	unattended := signing{Request: Request{Unattended: true}}
	attended := signing{}
	with := func(s signing, change func(*signing)) signing { change(&s); return s }
	const signed, superseded, compromised = pki.Reason(-1), pki.ReasonSuperseded, pki.ReasonKeyCompromise
	for _, c := range []struct {
		name   string
		before pki.Reason // why the CA has revoked the certificate of host; signed: it has not
		run    signing
		csr    *pki.CSR
		want   string   // a part of the error
		note   string   // the note that a person is shown
		left   []string // names that it goes without
	}{
		{"the same key", signed, unattended, host, "", "", nil},
		{"another key, the same names", signed, unattended, again, "is live under another key", "", nil},
		{"another key, shown to a person", signed, attended, again, "", "hv1.lab.example is live under another key", []string{"hv1", "10.0.0.7"}},
		{"another key, and the name is given", signed, with(unattended, func(s *signing) { s.Replace = []string{"hv1.lab.example"} }), again, "", "", nil},
		{"another host with one address in common", signed, unattended, neighbour, "", "without 10.0.0.7, which is live under another key", []string{"10.0.0.7"}},
		{"a name that somebody else got while a person was asked", signed, with(attended, func(s *signing) { s.confirmed = true }), again, "is live under another key", "", nil},
		{"superseded", superseded, unattended, again, "", "", nil},
		{"revoked", pki.ReasonPrivilegeWithdrawn, unattended, again, "is shut out", "", nil},
		{"revoked, the same key", pki.ReasonPrivilegeWithdrawn, unattended, host, "is shut out", "", nil},
		{"revoked, shown to a person", pki.ReasonPrivilegeWithdrawn, attended, again, "", "is shut out", nil},
		{"revoked, and signed all the same", pki.ReasonPrivilegeWithdrawn, with(unattended, func(s *signing) { s.AfterRevocation = true }), again, "", "is shut out", nil},
		{"revoked while a person was asked", pki.ReasonPrivilegeWithdrawn, with(attended, func(s *signing) { s.confirmed = true }), again, "is shut out", "", nil},
		{"an address in common with one that was revoked", pki.ReasonPrivilegeWithdrawn, unattended, neighbour, "", "without 10.0.0.7", []string{"10.0.0.7"}},
		{"compromised, another key", compromised, unattended, again, "is shut out", "", nil},
		{"compromised, the same key", compromised, unattended, host, "compromised", "", nil},
		{"compromised, the same key, to a person", compromised, attended, host, "compromised", "", nil},
		{"compromised, the same key, and signed all the same", compromised, with(unattended, func(s *signing) { s.AfterRevocation = true }), host, "compromised", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &past{Authority: newAuthority(t)}
			if p.sign(t, host); c.before != signed {
				p.revoke(c.before)
			}
			d, err := p.consider(t, &c.run, c.csr)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if err != nil {
				return
			}
			if notes := strings.Join(d.notes, "; "); !strings.Contains(notes, c.note) || c.note == "" && c.left == nil && notes != "" {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			slices.Sort(d.left)
			slices.Sort(c.left)
			if !slices.Equal(d.left, c.left) {
				t.Errorf("without %q, want %q", d.left, c.left)
			}
		})
	}
}

// A certificate is not handed out if a template has put back a name that was left out.
func TestHoldNames(t *testing.T) {
	p := &past{Authority: newAuthority(t)}
	key := newKey(t)
	cert := func(sans ...string) *x509.Certificate {
		return p.sign(t, request(t, key, pki.Server, "CN=hv1.lab.example", append(sans, "hv1.lab.example")...))
	}
	d := decision{finished: cert("hv1", "10.0.0.7"), left: []string{"hv1"}}
	for _, c := range []struct {
		signed *x509.Certificate
		ok     bool
	}{
		{cert("10.0.0.7"), true},
		{cert(), true},
		{cert("hv1"), false},
		{cert("hv2"), false},
		{cert("10.0.0.8"), false},
	} {
		if err := d.holdNames(c.signed); (err == nil) != c.ok {
			t.Errorf("%v, %v: %v", c.signed.DNSNames, c.signed.IPAddresses, err)
		}
	}
}

// Reuse answers with the certificate that was signed before, as long as a new one would be the
// same.
func TestReusable(t *testing.T) {
	p := &past{Authority: newAuthority(t)}
	key := newKey(t)
	csr := request(t, key, pki.Server, "CN=hv1.lab.example", "hv1.lab.example")
	before := p.sign(t, csr)
	for _, c := range []struct {
		name string
		csr  *pki.CSR
		age  time.Duration
		want bool
	}{
		{"the same", csr, 0, true},
		{"the same, near its end", csr, pki.Year * 9 / 10, false},
		{"a further name", request(t, key, pki.Server, "CN=hv1.lab.example", "hv1.lab.example", "db1"), 0, false},
		{"another role", request(t, key, pki.Client, "CN=hv1.lab.example"), 0, false},
	} {
		m := machine.New()
		m.Now = func() time.Time { return now.Add(c.age) }
		s := &signing{m: m, Request: Request{Policy: Policy{Leaf: authority.Leaf{Validity: pki.Year}}}}
		d, err := s.Policy.identify(p.Authority, c.csr)
		if err != nil {
			t.Fatal(err)
		}
		d.before = []*x509.Certificate{before}
		if got := s.reusable(p.Authority, d); (got != nil) != c.want {
			t.Errorf("%s: %v", c.name, got != nil)
		}
	}
}
