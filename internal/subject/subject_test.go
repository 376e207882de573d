package subject

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"slices"
	"strings"
	"testing"

	"virtpki/dn"
	"virtpki/internal/hint"
	"virtpki/pki"
)

func TestChecks(t *testing.T) {
	long := strings.Repeat("a", 65)
	for _, c := range []struct {
		name string
		err  error
		want string // in the error; empty for none
	}{
		{"a host", CheckHost("hv1.lab.example"), ""},
		{"an underscore", CheckHost("hv_1"), ""},
		{"an address", CheckHost("192.0.2.1"), "is an address"},
		{"a wildcard", CheckHost("*.lab.example"), "is a wildcard"},
		{"nothing", CheckHost(""), "is empty"},
		{"a blank", CheckHost("a b"), "is not a DNS name"},
		{"an international name", CheckHost("zwölf.example"), "is not ASCII"},
		{"half an address", CheckHost("192.0.2"), "does not end in a number"},
		{"too long a host", CheckHost(strings.Repeat("a.", 127)), "254 characters"},
		{"a client", CheckClient("alice"), ""},
		{"a client with a blank inside", CheckClient("Alice B."), ""},
		{"a client with a slash", CheckClient("a/b"), "contains a slash"},
		{"a client with a dot first", CheckClient(".a"), "begins with a dot"},
		{"a client with a blank at its end", CheckClient("a "), "begins or ends with a space"},
		{"a client of 64 characters", CheckClient(long[:64]), ""},
		{"a client of 65 characters", CheckClient(long), "65 characters"},
		{"a client that moves the cursor", CheckClient("a\x1b[2K"), "cannot be printed"},
		{"a client of bytes", CheckClient("a\xff"), "not valid UTF-8"},
		{"an organisation of blanks", CheckText("organisation", "  "), "is empty"},
	} {
		if got := c.err == nil; got != (c.want == "") || c.err != nil && !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, c.err, c.want)
		}
	}
}

func TestParseKind(t *testing.T) {
	for name, want := range map[string][]pki.Role{
		"server": {pki.Server}, "client": {pki.Client}, "host": {pki.Server, pki.Client},
	} {
		kind, err := ParseKind(name)
		if got := kind.Roles(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"", "Host", "ca", "both"} {
		if kind, err := ParseKind(name); err == nil || !strings.Contains(err.Error(), "server, client or host") {
			t.Errorf("%q: %q, %v", name, kind, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		sans string
		want string // empty for an error
	}{
		{"hv1.lab.example", "hv1.lab.example"},
		{"a A a.b a", "a, a.b"},
		{"192.0.2.1 ::ffff:192.0.2.1 2001:db8::1 a", "a, 192.0.2.1, 2001:db8::1"},
		{"*.lab.example", "*.lab.example"},
		{"*.example", ""},
		{"a.*.example", ""},
		{"fe80::1%eth0", ""},
		{"192.0.2", ""},
	} {
		var names Names
		var failed error
		for _, san := range strings.Fields(c.sans) {
			failed = hint.First(failed, names.Add(san))
		}
		if (failed == nil) != (c.want != "") || failed == nil && names.Text() != c.want {
			t.Errorf("%s: %q, %v, want %q", c.sans, names.Text(), failed, c.want)
		}
	}
}

// A limited CA leaves out names that nobody asked for, and refuses the others.
func TestNamesOfALimitedCA(t *testing.T) {
	permit, err := pki.ParsePermit([]string{"lab.example", "192.0.2.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	inside, outside := net.IPv4(192, 0, 2, 1).To4(), net.IPv4(203, 0, 113, 1).To4()
	found := Names{DNS: []string{"hv1.lab.example", "hv1"}, IPs: []net.IP{inside, outside}}
	found.Found.DNS, found.Found.IPs = found.DNS[1:], found.IPs
	asked := Names{DNS: found.DNS, IPs: found.IPs}

	kept, dropped := found.Within(permit)
	if kept.Text() != "hv1.lab.example, 192.0.2.1" || strings.Join(dropped, " ") != "hv1 203.0.113.1" || kept.Outside(permit) != "" {
		t.Errorf("found: %q, without %q, outside %q", kept.Text(), dropped, kept.Outside(permit))
	}
	if kept, dropped := asked.Within(permit); len(dropped) != 0 || kept.Outside(permit) != "hv1" {
		t.Errorf("asked: %q, without %q, outside %q", kept.Text(), dropped, kept.Outside(permit))
	}
	cert := &x509.Certificate{DNSNames: []string{"hv1.lab.example"}}
	if got := found.Lacking(cert); got != "" {
		t.Errorf("found: lacks %q", got)
	}
	if got := asked.Lacking(cert); got != "hv1, 192.0.2.1, 203.0.113.1" {
		t.Errorf("asked: lacks %q", got)
	}
}

func TestSubjects(t *testing.T) {
	ca := &x509.Certificate{Subject: pkix.Name{Organization: []string{"Acme, Inc."}}}
	long := strings.Repeat("a", 60) + ".lab.example"
	for _, c := range []struct{ name, want string }{
		{"admin", `O=Acme\, Inc.,CN=admin`},
		{"a+b", `O=Acme\, Inc.,CN=a\+b`},
		{long, `O=Acme\, Inc.,CN=` + strings.Repeat("a", 60)},
	} {
		raw, err := ForLeaf(ca, c.name)
		if got := Text(raw); err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", c.name, got, err, c.want)
		}
	}
	if _, err := ForLeaf(ca, strings.Repeat("a", 65)); err == nil {
		t.Error("65 characters fit into a CN")
	}
	raw, err := ForLeaf(&x509.Certificate{}, "admin")
	if got := Text(raw); err != nil || got != "CN=admin" {
		t.Errorf("without an organisation: %s, %v", got, err)
	}
	if got := Text([]byte{0x30, 0}); !strings.HasPrefix(got, "<") {
		t.Errorf("an empty subject is %q", got)
	}
}

// Two generations of a CA have different subjects: GnuTLS keeps one CRL for each.
func TestForCA(t *testing.T) {
	one, err1 := ForCA("Example Org")
	two, err2 := ForCA("Example Org")
	if err := hint.First(err1, err2); err != nil {
		t.Fatal(err)
	}
	if matched := dn.MatchGlob("O=Example Org,OU=CA ????????,CN=Example Org", Text(one)); !matched || Text(one) == Text(two) {
		t.Errorf("%s, %s", Text(one), Text(two))
	}
	if _, err := ForCA(" "); err == nil {
		t.Error("an organisation of blanks is taken")
	}
}

func TestIdentity(t *testing.T) {
	raw, err := Encode("O=Acme,CN=b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Encode("nothing"); !hint.IsUsage(err) {
		t.Errorf("Encode: %v", err)
	}
	named, given := Identity{Role: pki.Client, Name: "a"}, Identity{Role: pki.Client, Name: "a", RawSubject: raw, Place: "/x"}
	for _, c := range []struct {
		id         Identity
		slot, want string
	}{
		{named, "client a", "CN=a"},
		{given, "client a/x", "O=Acme,CN=b"},
	} {
		raw, err := c.id.Subject(&x509.Certificate{})
		if got := Text(raw); err != nil || got != c.want || c.id.Slot() != c.slot {
			t.Errorf("%+v: %s, %v, slot %q", c.id, got, err, c.id.Slot())
		}
	}
}

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		subject   string
		role      pki.Role
		of        string
		name, err string
	}{
		{"O=Acme,CN=hv1.lab.example", pki.Server, "O=Acme,CN=hv1.lab.example", "hv1.lab.example", ""},
		{"CN=192.0.2.1", pki.Server, "CN=192.0.2.1", "192.0.2.1", "is an address"},
		{"CN=192.0.2.1", pki.Client, "CN=192.0.2.1", "192.0.2.1", ""},
		{"O=Acme", pki.Client, "O=Acme", "", "0 CNs"},
		{"", pki.Client, "a request without a subject", "", "is empty"},
	} {
		csr := &pki.CSR{RawSubject: []byte{0x30, 0}}
		if c.subject != "" {
			var err error
			if csr.RawSubject, err = Encode(c.subject); err != nil {
				t.Fatal(err)
			}
		}
		name, err := NameIn(csr, c.role)
		if OfRequest(csr) != c.of || name != c.name || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: called %q, name %q, %v", c.subject, OfRequest(csr), name, err)
		}
	}
}
