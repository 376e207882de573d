package grant

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/dn"
	"virtpki/pki"
)

// issuer is a CA for the tests, which signs any template.
type issuer struct {
	ca  *pki.CA
	key crypto.Signer // of the certificates
}

var now = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	subject, err1 := dn.Encode("O=Example Org,CN=CA")
	signer, err2 := pki.GenerateKey(pki.DefaultKeyType)
	key, err3 := pki.GenerateKey(pki.DefaultKeyType)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: subject, Signer: signer, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{ca, key}
}

// sign makes a certificate like a template, for 365 days unless that says otherwise.
func (i *issuer) sign(t *testing.T, template x509.Certificate) *x509.Certificate {
	t.Helper()
	if template.SerialNumber = i.ca.Certificate.SerialNumber; template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = now.Add(-pki.Backdate), now.Add(pki.Year)
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, i.ca.Certificate, i.key.Public(), i.ca.Signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// leaf is a template for a subject in libvirt's form, with SANs.
func leaf(t *testing.T, role pki.Role, subject string, sans ...string) x509.Certificate {
	t.Helper()
	raw, err := dn.Encode(subject)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{RawSubject: raw, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if role == pki.Server {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, san := range sans {
		if ip := net.ParseIP(san); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, san)
		}
	}
	return template
}

// policy is one of exact names (hv1.lab.example), domains (.lab.example, with a leading
// dot that is taken away) and networks (10.0.0.0/8).
func policy(t *testing.T, items ...string) Policy {
	t.Helper()
	var exact, permit []string
	for _, item := range items {
		if domain, ok := strings.CutPrefix(item, "."); ok {
			permit = append(permit, domain)
		} else if strings.Contains(item, "/") {
			permit = append(permit, item)
		} else {
			exact = append(exact, item)
		}
	}
	e, err1 := ParseExact(exact)
	p, err2 := pki.ParsePermit(permit)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return Policy{Exact: e, Permit: p, Prefix: "O=Example Org,", Lifetime: pki.Year}
}

func TestNamesGranted(t *testing.T) {
	ca := newIssuer(t)
	host := []string{"hv1.lab.example", "10.0.0.7"}
	domain := []string{".lab.example", "10.0.0.0/8"}
	long := strings.Repeat("x", 60)
	for _, test := range []struct {
		grants []string
		role   pki.Role
		cn     string
		sans   []string
		want   string // of the error; empty: granted
	}{
		// An exact name is a server, a client, their short form, and nothing else.
		{host, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "hv1", "10.0.0.7"}, ""},
		{host, pki.Server, "hv1", []string{"HV1.lab.example", "HV1"}, ""},
		{host, pki.Client, "hv1.lab.example", nil, ""},
		{host, pki.Client, "hv1", nil, ""},
		{host, pki.Client, "HV1", nil, `its name "HV1" is not granted`},
		{host, pki.Client, "admin", nil, `its name "admin" is not granted`},
		{host, pki.Client, "lab", nil, `its name "lab" is not granted`},
		{host, pki.Client, "lab.example", nil, "is not granted"},
		{host, pki.Client, "10.0.0.7", nil, "is not granted"},
		{host, pki.Client, "x.hv1.lab.example", nil, "is not granted"},
		{host, pki.Server, "admin", []string{"admin.hv1.lab.example"}, "it asks for admin.hv1.lab.example, which is not granted"},
		{host, pki.Server, "admin", []string{"hv1.lab.example"}, `its name "admin" is not granted`},
		{host, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "hv2.lab.example"}, "it asks for hv2.lab.example"},
		{host, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "*.lab.example"}, `it asks for *.lab.example`},
		{host, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "*.hv1.lab.example"}, "it asks for *.hv1"},
		{host, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "hv1.hv2"}, "it asks for hv1.hv2"},
		{host, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "10.0.0.8"}, "it asks for 10.0.0.8"},
		{host, pki.Server, "hv1.lab.example", nil, "none of its names is granted"},
		{[]string{"hv1"}, pki.Server, "hv1", []string{"hv1"}, ""},
		{[]string{"hv1"}, pki.Server, "hv1.lab.example", []string{"hv1"}, "is not granted"},
		{[]string{"*.lab.example", "hv1.lab.example"}, pki.Server, "hv1.lab.example", []string{"*.lab.example"}, ""},
		{[]string{"*.lab.example"}, pki.Client, "*.lab.example", nil, "is not granted"},
		{[]string{"*.lab.example"}, pki.Client, "*", nil, "is not granted"},
		{[]string{"*.lab.example"}, pki.Client, "hv1.lab.example", nil, "is not granted"},
		{[]string{"Alice Smith"}, pki.Client, "Alice Smith", nil, ""},
		{[]string{"Alice Smith"}, pki.Client, "Alice", nil, "is not granted"},
		{[]string{"Alice A. Smith"}, pki.Client, "Alice A", nil, "is not granted"},
		{[]string{"2001:db8::1", "hv1"}, pki.Server, "hv1", []string{"2001:db8::1"}, ""},

		// A domain is itself and all below it by labels, for names in the form of a host's.
		{domain, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "10.2.3.4"}, ""},
		{domain, pki.Client, "Admin.LAB.example", nil, ""},
		{domain, pki.Client, "lab.example", nil, ""},
		{domain, pki.Client, "hv1", nil, "is not granted"},
		{domain, pki.Server, "hv1", []string{"hv1.lab.example"}, `its name "hv1" is not granted`},
		{domain, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "hv1"}, "it asks for hv1, "},
		{domain, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "*.lab.example"}, ""},
		{domain, pki.Client, "admin.notlab.example", nil, "is not granted"},
		{domain, pki.Client, "lab.example.com", nil, "is not granted"},
		{domain, pki.Client, "bad guy.lab.example", nil, `its name "bad guy.lab.example" is not granted`},
		{domain, pki.Client, "*.lab.example", nil, "is not granted"},
		{domain, pki.Client, "\u0430dmin.lab.example", nil, "is not granted"},
		{domain, pki.Client, "a..lab.example", nil, "is not granted"},
		{domain, pki.Client, "a,CN=b.lab.example", nil, "is not granted"},
		{domain, pki.Client, "hv1.lab.example.", nil, "is not granted"},
		{domain, pki.Client, "-.lab.example", nil, "is not granted"},
		{domain, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "192.0.2.1"}, "it asks for 192.0.2.1"},
		{domain, pki.Server, "admin", []string{"admin." + long + ".lab.example"}, `its name "admin" is not granted`},
		{[]string{".lab.example"}, pki.Server, "hv1.lab.example", []string{"hv1.lab.example", "10.0.0.1"}, "it asks for 10.0.0.1"},
		{[]string{"10.0.0.0/8"}, pki.Server, "hv1", []string{"10.0.0.1"}, `its name "hv1" is not granted`},

		// Without listed names, all are granted.
		{nil, pki.Server, "hv1", []string{"hv1", "10.0.0.1"}, ""},
		{nil, pki.Client, "bad guy", nil, ""},
	} {
		p := policy(t, test.grants...)
		cert := ca.sign(t, leaf(t, test.role, "O=Example Org,CN="+dn.Escape(test.cn), test.sans...))
		expect(t, p.Check(cert, test.role), test.want, "%v: %s %q for %q", test.grants, test.role, test.cn, test.sans)
	}
}

// expect compares an error with a part of its text; empty is none.
func expect(t *testing.T, err error, want, format string, args ...any) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf(format+": refused: %v", append(args, err)...)
	case want != "" && err == nil:
		t.Errorf(format+": granted", args...)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf(format+": %q, want %q in it", append(args, err, want)...)
	}
}

func TestCertificatesGranted(t *testing.T) {
	ca := newIssuer(t)
	server := func(subject string) x509.Certificate { return leaf(t, pki.Server, subject, "hv1.lab.example") }
	usual := "O=Example Org,CN=hv1.lab.example"
	for _, test := range []struct {
		name     string
		template x509.Certificate
		change   func(*x509.Certificate)
		bare     string // the error of a policy that lists names
		open     string // of one that lists none
		shaped   string // of one that lists names, for a template of the CA's
	}{
		{name: "as issue makes it", template: server(usual)},
		{name: "no O", template: server("CN=hv1.lab.example"), bare: `its subject would be "CN=hv1.lab.example", and only "O=Example Org,CN=hv1.lab.example" is granted`},
		{name: "another O", template: server("O=Evil,CN=hv1.lab.example"), bare: "is granted"},
		{name: "an OU", template: server("O=Example Org,OU=admins,CN=hv1.lab.example"), bare: "is granted"},
		{name: "an OU behind", template: server("O=Example Org,CN=hv1.lab.example,OU=admins"), bare: "is granted"},
		{name: "one RDN", template: server("O=Example Org+CN=hv1.lab.example"), bare: "is granted"},
		{name: "an e-mail address", template: server("EMAIL=root@lab.example,O=Example Org,CN=hv1.lab.example"), bare: "is granted"},
		{name: "no CN", template: server("O=Example Org"), bare: "no CN", open: "no CN", shaped: "no CN"},
		{name: "two CNs", template: server("O=Example Org,CN=hv1.lab.example,CN=hv1"), bare: "2 CNs", open: "2 CNs"},
		{name: "another CN besides", template: server("O=Example Org,CN=hv1.lab.example,CN=admin"), bare: `"admin" is not granted`, open: "2 CNs", shaped: `"admin" is not granted`},
		{name: "an unknown extension", template: server(usual), change: func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
		}, bare: "the extension 1.2.3", open: "the extension 1.2.3"},
		{name: "an e-mail SAN", template: server(usual), change: func(c *x509.Certificate) { c.EmailAddresses = []string{"root@lab.example"} },
			bare: "another kind", open: "another kind"},
		{name: "a SAN of an unknown kind", template: server(usual), change: func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte("\x30\x16\x82\x0fhv1.lab.example\x88\x03\x2a\x03\x04")}}
		}, bare: "another kind", open: "another kind"},
		{name: "a CA", template: server(usual), change: func(c *x509.Certificate) { c.IsCA = true }, bare: "be a CA", open: "be a CA", shaped: "be a CA"},
		{name: "certSign", template: server(usual), change: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }, bare: "be a CA", open: "be a CA", shaped: "be a CA"},
		{name: "for longer", template: server(usual), change: func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = now.Add(-pki.Backdate), now.Add(pki.Year+time.Minute)
		}, bare: "its lifetime would be", open: "its lifetime would be", shaped: "its lifetime would be"},
		{name: "too large", template: server(usual), change: func(c *x509.Certificate) {
			c.DNSNames = slices.Repeat([]string{"hv1.lab.example"}, MaxCertificate/17)
		}, bare: "bytes (at most 32768)", open: "bytes (at most 32768)", shaped: "bytes (at most 32768)"},
		{name: "an address as a DNS name", template: server(usual), change: func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "10.0.0.7") },
			bare: "it asks for 10.0.0.7", open: "as a DNS name", shaped: "it asks for 10.0.0.7"},
		{name: "both roles", template: server(usual), change: func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) },
			bare: "be for a client", open: "be for a client"},
		{name: "any purpose", template: server(usual), change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
			bare: "be for a client", open: "be for a client"},
		{name: "no purpose", template: server(usual), change: func(c *x509.Certificate) { c.ExtKeyUsage = nil },
			bare: "be for a client", open: "be for a client"},
		{name: "the other role", template: leaf(t, pki.Client, usual, "hv1.lab.example"), bare: "be for a client", open: "be for a client", shaped: "not be for a server"},
	} {
		if test.change != nil {
			test.change(&test.template)
		}
		cert := ca.sign(t, test.template)
		listed, open := policy(t, "hv1.lab.example"), policy(t)
		byTemplate := listed
		byTemplate.Template = true
		expect(t, listed.Check(cert, pki.Server), test.bare, "%s, names listed", test.name)
		expect(t, open.Check(cert, pki.Server), test.open, "%s, no names listed", test.name)
		expect(t, byTemplate.Check(cert, pki.Server), test.shaped, "%s, by a template", test.name)
	}
}

// A template of the CA's does not widen the roles of the policy, nor does a request.
func TestRolesGranted(t *testing.T) {
	ca := newIssuer(t)
	both := leaf(t, pki.Server, "O=Example Org,CN=hv1", "hv1")
	both.ExtKeyUsage = append(both.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	for _, test := range []struct {
		roles []pki.Role
		want  string
	}{
		{nil, ""},
		{[]pki.Role{pki.Server, pki.Client}, ""},
		{[]pki.Role{pki.Server}, "be for a client"},
		{[]pki.Role{pki.Client}, "be for a server"},
	} {
		p := policy(t)
		p.Template, p.Roles = true, test.roles
		expect(t, p.Check(ca.sign(t, both), pki.Server), test.want, "%v", test.roles)
	}
}

// A subject is granted as libvirt prints it. If that differs from the text that was read, somebody
// has chosen the string types to hide a name.
func TestSubjectsInOtherStringTypes(t *testing.T) {
	p := policy(t)
	name := asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("hv1")}
	for _, test := range []struct {
		tag   int
		bytes string
		want  string
	}{
		{asn1.TagPrintableString, "hv1", ""},
		{asn1.TagBMPString, "\x00h\x00v", ""},
		{asn1.TagT61String, "hv1", ""},
		{asn1.TagT61String, "hv\xf6", "does not print as text"},
		{asn1.TagIA5String, "hv1", "does not print as text"},
		{asn1.TagGeneralString, "admin", "does not print as text"},
		{tagVisibleString, "admin", "does not print as text"},
		{tagUniversalString, "\x00\x00\x00a", "does not print as text"},
		{asn1.TagOctetString, "admin", "does not print as text"},
	} {
		value := asn1.RawValue{Tag: test.tag, Bytes: []byte(test.bytes)}
		expect(t, p.CheckSubject(subjectWith(t, value)), test.want, "tag %d %q", test.tag, test.bytes)
		if err := p.CheckSubject(subjectWith(t, name, value)); err == nil {
			t.Errorf("tag %d: a second CN is granted", test.tag)
		}
	}
}

// The CA's own limits apply in addition to the listed names.
func TestLimitsOfTheCA(t *testing.T) {
	ca := newIssuer(t)
	limits, err := pki.ParsePermit([]string{"lab.example", "10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		grants []string
		cn     string
		sans   []string
		want   string
	}{
		{nil, "hv1.lab.example", []string{"hv1.lab.example", "10.0.0.1"}, ""},
		{nil, "hv1", []string{"hv1.lab.example"}, ""},
		{nil, "admin", []string{"hv1.lab.example"}, "it asks for admin, which the CA's own limits do not permit (lab.example, 10.0.0.0/8)"},
		{nil, "www.bank.example", []string{"www.bank.example"}, "the CA's own limits"},
		{nil, "www.bank.example", []string{"10.0.0.1"}, "the CA's own limits"},
		{[]string{".bank.example"}, "www.bank.example", []string{"www.bank.example"}, "the CA's own limits"},
		{[]string{"192.0.2.1", "hv1.lab.example"}, "hv1.lab.example", []string{"192.0.2.1"}, "it asks for 192.0.2.1, which the CA's own limits"},
		{[]string{"hv1.lab.example"}, "hv1.lab.example", []string{"hv2.lab.example"}, "which is not granted"},
	} {
		p := policy(t, test.grants...)
		p.Limits = limits
		cert := ca.sign(t, leaf(t, pki.Server, "O=Example Org,CN="+test.cn, test.sans...))
		expect(t, p.Check(cert, pki.Server), test.want, "%v: %s %q", test.grants, test.cn, test.sans)
	}
	p := Policy{Limits: limits}
	if addr := netip.MustParseAddr("::ffff:10.0.0.1"); !p.GrantsAddr(addr) {
		t.Errorf("%s is not taken for an IPv4 address", addr)
	}
}

func TestParseExact(t *testing.T) {
	for _, bad := range []string{"", " hv1", "hv1 ", "10.0.0.0/8", "fe80::1%eth0", "a\tb", "a\x1b[0m"} {
		if e, err := ParseExact([]string{bad}); err == nil {
			t.Errorf("%q: %+v, want an error", bad, e)
		}
	}
	e, err := ParseExact([]string{"hv1.lab.example", "::ffff:10.0.0.1", "Alice Smith"})
	if err != nil || !slices.Equal(e.Names, []string{"hv1.lab.example", "Alice Smith"}) || !slices.Equal(e.Addresses, []netip.Addr{netip.MustParseAddr("10.0.0.1")}) {
		t.Errorf("%+v, %v", e, err)
	}
}
