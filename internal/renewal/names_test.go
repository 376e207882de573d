package renewal

import (
	"crypto/x509"
	"net"
	"strings"
	"testing"

	"virtpki/internal/subject"
	"virtpki/pki"
)

// mustNames parses a change of names, which are separated by blanks.
func mustNames(t *testing.T, add, remove string) NameChange {
	t.Helper()
	c, err := ParseNames(strings.Fields(add), strings.Fields(remove))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseNames(t *testing.T) {
	for _, c := range []struct{ add, remove, want string }{
		{"hv1 10.0.0.1 *.lab.example", "hv2 2001:db8::1", ""},
		{"a b", "B", "B cannot be both added and removed"},
		{"10.0.0.1", "10.0.0.1", "10.0.0.1 cannot be both added and removed"},
		{"hv_1 a..b", "", `SAN "a..b" is not a DNS name`},
		{"", "fe80::1%eth0", "names an interface"},
	} {
		_, err := ParseNames(strings.Fields(c.add), strings.Fields(c.remove))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: %v, want %q", c.add, c.remove, err, c.want)
		}
	}
}

// Names are compared without regard to case, and the others stay in their order.
func TestNameChange(t *testing.T) {
	cert := &x509.Certificate{DNSNames: []string{"Hv1.lab.example", "hv1"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1).To4()}}
	for _, c := range []struct{ add, remove, lacking, kept, next string }{
		{"", "", "", "", "Hv1.lab.example, hv1, 10.0.0.1"},
		{"hv1.LAB.example 10.0.0.1", "virt", "", "", "Hv1.lab.example, hv1, 10.0.0.1"},
		{"virt ::ffff:10.0.0.1 10.0.0.2", "", "virt, 10.0.0.2", "", "Hv1.lab.example, hv1, virt, 10.0.0.1, 10.0.0.2"},
		{"virt", "HV1 10.0.0.1", "virt", "hv1, 10.0.0.1", "Hv1.lab.example, virt"},
	} {
		n := mustNames(t, c.add, c.remove)
		next := n.of(subject.Names{DNS: cert.DNSNames, IPs: cert.IPAddresses}).Text()
		if n.lacking(cert) != c.lacking || n.kept(cert) != c.kept || next != c.next {
			t.Errorf("%q, %q: lacks %q, keeps %q, next %q", c.add, c.remove, n.lacking(cert), n.kept(cert), next)
		}
		done := n.of(subject.Names{DNS: cert.DNSNames, IPs: cert.IPAddresses})
		after := &x509.Certificate{DNSNames: done.DNS, IPAddresses: done.IPs}
		if n.lacking(after)+n.kept(after) != "" {
			t.Errorf("%q, %q: done twice it would not end", c.add, c.remove)
		}
	}
}

func TestRenaming(t *testing.T) {
	permit, err := pki.ParsePermit([]string{"lab.example"})
	if err != nil {
		t.Fatal(err)
	}
	here := []net.IP{net.IPv4(10, 0, 0, 1)}
	for _, c := range []struct {
		add, remove string
		left        int
		own         []net.IP
		permit      pki.Permit
		want        string
	}{
		{"virt", "hv1", 1, here, pki.Permit{}, ""},
		{"", "10.0.0.1", 1, here, pki.Permit{}, "this machine has the address 10.0.0.1"},
		{"", "10.0.0.1", 1, nil, pki.Permit{}, ""},
		{"", "hv1", 0, nil, pki.Permit{}, "it would have no name left"},
		{"virt.lab.example", "", 2, nil, permit, ""},
		{"virt.example.org", "", 2, nil, permit, "do not permit virt.example.org (lab.example)"},
	} {
		err := renaming{change: mustNames(t, c.add, c.remove), left: c.left, own: c.own, permit: c.permit}.refusal()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: %v, want %q", c.add, c.remove, err, c.want)
		}
	}
}

// Names are the servers' of the machine.
func TestNamesFor(t *testing.T) {
	r := Rule{Names: mustNames(t, "virt", "")}
	for _, c := range []struct {
		role  pki.Role
		place place
		want  bool
	}{{pki.Server, ofSystem, true}, {pki.Server, ofQEMU, true}, {pki.Server, ofUser, false}, {pki.Client, ofSystem, false}} {
		if got := !r.namesFor(&candidate{role: c.role, place: c.place}).empty(); got != c.want {
			t.Errorf("%s in %d: %v", c.role, c.place, got)
		}
	}
}
