package sign

import (
	"crypto"
	"net"
	"strings"
	"testing"
	"time"

	"virtpki/dn"
	"virtpki/internal/authority"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/subject"
	"virtpki/pki"
)

var now = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)

// newAuthority returns a CA without files, for all names or those of a limit.
func newAuthority(t *testing.T, limits ...string) *authority.Authority {
	t.Helper()
	raw, err1 := subject.ForCA("Example Org")
	key, err2 := pki.GenerateKey(pki.EC256)
	permit, err3 := pki.ParsePermit(limits)
	if err := hint.First(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: raw, Signer: key, Now: now, Permit: permit})
	if err != nil {
		t.Fatal(err)
	}
	a := &authority.Authority{}
	a.CA, a.Certificates = *ca, append(a.Certificates, ca.Certificate)
	return a
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// request makes the request of a role for a subject, with SANs.
func request(t *testing.T, key crypto.Signer, role pki.Role, name string, sans ...string) *pki.CSR {
	t.Helper()
	raw, err := dn.Encode(name)
	if err != nil {
		t.Fatal(err)
	}
	r := pki.CSRRequest{Role: role, RawSubject: raw}
	for _, san := range sans {
		if ip := net.ParseIP(san); ip != nil {
			r.IPAddresses = append(r.IPAddresses, ip)
		} else {
			r.DNSNames = append(r.DNSNames, san)
		}
	}
	csr, err := pki.NewCSR(r, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

func permit(t *testing.T, items ...string) (p Policy) {
	t.Helper()
	var err error
	if p.Permit, err = pki.ParsePermit(items); err != nil {
		t.Fatal(err)
	}
	return p
}

func exact(t *testing.T, items ...string) (p Policy) {
	t.Helper()
	var err error
	if p.Exact, err = grant.ParseExact(items); err != nil {
		t.Fatal(err)
	}
	return p
}

// The decision about a request is made in one place. Each row is a request, the policy that it
// meets and the certificate that would be signed, or the reason against it.
func TestDecide(t *testing.T) {
	free, limited := newAuthority(t), newAuthority(t, "lab.example")
	key := newKey(t)
	server := request(t, key, pki.Server, "O=Someone Else,CN=hv1.lab.example", "hv1.lab.example", "hv1", "10.0.0.7")
	client := request(t, key, pki.Client, "CN=alice")
	foreign := request(t, key, pki.Client, "CN=alice")
	foreign.Foreign = []string{"2.5.29.99"}
	unsaid := request(t, key, pki.Client, "CN=alice")
	unsaid.Roles = nil
	both := request(t, key, pki.Client, "CN=alice")
	both.Roles = []pki.Role{pki.Server, pki.Client}
	odd := request(t, key, pki.Server, "CN=hv1.lab.example", "hv1.lab.example")
	odd.DNSNames = append(odd.DNSNames, "10.0.0.7")
	lab := permit(t, "lab.example", "10.0.0.0/8")
	with := func(p Policy, change func(*Policy)) Policy { change(&p); return p }
	roles := func(roles ...pki.Role) func(*Policy) { return func(p *Policy) { p.Roles = roles } }
	leaveOut := func(p *Policy) { p.LeaveOut = true }
	const full = "O=Example Org,CN=hv1.lab.example: hv1.lab.example, hv1, 10.0.0.7"
	for _, c := range []struct {
		name   string
		ca     *authority.Authority
		policy Policy
		csr    *pki.CSR
		want   string // the DN and the names, or a part of the error
		note   string
	}{
		{"no policy", free, Policy{}, server, full, ""},
		{"its subject is not taken over", free, Policy{}, client, "O=Example Org,CN=alice: ", ""},
		{"but where that is wanted", free, Policy{OwnSubject: true}, client, "CN=alice: ", ""},
		{"a client's SANs go", free, Policy{}, request(t, key, pki.Client, "CN=alice", "x.example"), "O=Example Org,CN=alice: ", "without its subjectAltName"},
		{"a server is called by its CN", free, Policy{}, request(t, key, pki.Server, "CN=hv1.lab.example", "10.0.0.7"), "O=Example Org,CN=hv1.lab.example: hv1.lab.example, 10.0.0.7", "for hv1.lab.example too"},
		{"an address as a DNS name", free, Policy{}, odd, "as a DNS name", ""},
		{"a permitted domain and network", free, lab, server, "O=Example Org,CN=hv1.lab.example: hv1.lab.example, 10.0.0.7", "without hv1, which may not be granted"},
		{"another domain", free, permit(t, "other.example"), server, "hv1.lab.example, which is not granted", ""},
		{"another network", free, permit(t, "lab.example"), server, "10.0.0.7, which is not granted", ""},
		{"another network, left out", free, with(permit(t, "lab.example"), leaveOut), server, "O=Example Org,CN=hv1.lab.example: hv1.lab.example", "without hv1, 10.0.0.7"},
		{"all names left out", free, with(permit(t, "other.example"), leaveOut), server, "none of its names is granted", ""},
		{"a client in a domain that is permitted", free, lab, client, `its name "alice" is not granted`, ""},
		{"an exact client", free, exact(t, "alice"), client, "O=Example Org,CN=alice: ", ""},
		{"an exact host has its short name", free, exact(t, "hv1.lab.example", "10.0.0.7"), server, full, ""},
		{"an exact host of another name", free, exact(t, "hv2.lab.example"), server, "hv1.lab.example, which is not granted", ""},
		{"below an exact name", free, exact(t, "lab.example"), server, "hv1.lab.example, which is not granted", ""},
		{"the CA's own limits", limited, Policy{}, request(t, key, pki.Server, "CN=hv1.other.example", "hv1.other.example"), "which the CA's own limits do not permit", ""},
		{"a role that is granted", free, with(Policy{}, roles(pki.Server, pki.Client)), client, "O=Example Org,CN=alice: ", ""},
		{"a role that is not granted", free, with(Policy{}, roles(pki.Server)), client, "it asks to be a client, which is not granted", ""},
		{"no role is asked for", free, Policy{}, unsaid, "it does not say whether", ""},
		{"no role is asked for, one is granted", free, with(Policy{}, roles(pki.Client)), unsaid, "O=Example Org,CN=alice: ", ""},
		{"two roles with one key", free, Policy{}, both, "server and client, with one key", ""},
		{"two roles, of which one is granted", free, with(Policy{}, roles(pki.Client)), both, "O=Example Org,CN=alice: ", ""},
		{"an extension", free, Policy{}, foreign, "2.5.29.99, which is not granted", ""},
		{"an extension, signed without", free, Policy{IgnoreExtra: true}, foreign, "O=Example Org,CN=alice: ", "without 2.5.29.99"},
		{"a type of key that is not granted", free, with(Policy{}, func(p *Policy) { p.KeyTypes = []pki.KeyType{pki.RSA3072} }), client, "its key is of the type", ""},
		{"the CA's own key", free, Policy{}, request(t, free.CA.Signer, pki.Client, "CN=alice"), "its key is the CA's own", ""},
		{"no name", free, Policy{}, request(t, key, pki.Client, "O=Example Org"), "CN", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.policy.Leaf.Validity = pki.DefaultLeafValidity
			standIn, err := c.ca.CA.StandIn()
			if err != nil {
				t.Fatal(err)
			}
			d, err := c.policy.decide(c.ca, standIn, c.csr, now)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %q, want %q", err, c.want)
				}
				return
			}
			got := subject.Of(d.finished) + ": " + subject.Names{DNS: d.finished.DNSNames, IPs: d.finished.IPAddresses}.Text()
			if got != c.want {
				t.Errorf("granted %q, want %q", got, c.want)
			}
			if notes := strings.Join(d.notes, "; "); !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}
