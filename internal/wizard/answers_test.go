package wizard

import (
	"crypto/x509"
	"slices"
	"testing"

	"virtpki/internal/authority"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/pki"
)

// answers returns the answers for a host without a CA and without certificates.
func answers() *Answers {
	a := &Answers{Machine: machine.New(), name: "Org", Hostname: "hv1"}
	a.server, a.client = &keypair.Pair{Role: pki.Server}, &keypair.Pair{Role: pki.Client}
	return a
}

// A client that was left out is not admitted, and a pattern is only a text that was typed.
func TestAllowed(t *testing.T) {
	signed := []string{"O=Org,CN=ann", "O=Org,CN=b*b"}
	for _, c := range []struct {
		name   string
		change func(*Answers)
		want   []string
		issued bool
	}{
		{"by name, nobody but the host", func(a *Answers) {}, []string{"O=Org,CN=hv1"}, false},
		{"by name, clients that are made", func(a *Answers) { a.Clients = []string{"eve", "joe"} }, []string{"O=Org,CN=hv1", "O=Org,CN=eve", "O=Org,CN=joe"}, false},
		{"by name, without a key nobody is made", func(a *Answers) { a.Clients, a.caKey = []string{"eve"}, "absent" }, nil, false},
		{"by name, all of before", func(a *Answers) { a.existing, a.admitted = signed, []bool{true, true} }, []string{"O=Org,CN=hv1"}, true},
		{"by name, one of before left out", func(a *Answers) { a.existing, a.admitted = signed, []bool{false, true} }, []string{"O=Org,CN=hv1", "O=Org,CN=b?b"}, false},
		{"by name, all of before left out", func(a *Answers) { a.existing, a.admitted = signed, []bool{false, false} }, []string{"O=Org,CN=hv1"}, false},
		{"anybody", func(a *Answers) { a.access, a.patterns = accessAnyone, []string{"O=Org,*"} }, nil, false},
		{"patterns", func(a *Answers) {
			a.access, a.patterns, a.existing, a.admitted = accessPatterns, []string{"O=Org,*"}, signed, []bool{true, true}
		}, []string{"O=Org,*"}, false},
		{"as it is", func(a *Answers) { a.access, a.patterns = accessKeep, []string{"O=Org,*"} }, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := answers()
			c.change(a)
			if patterns, issued := a.Allowed(); !slices.Equal(patterns, c.want) || issued != c.issued {
				t.Errorf("allowed are %q, issued %v; want %q, %v", patterns, issued, c.want, c.issued)
			}
		})
	}
}

func TestSANs(t *testing.T) {
	for _, c := range []struct {
		name   string
		chosen []bool
		more   []string
		want   []string
		only   bool
	}{
		{"all that was found", []bool{true, true}, nil, nil, false},
		{"all, and more", []bool{true, true}, []string{"nat"}, []string{"nat"}, false},
		{"one left out", []bool{false, true}, nil, []string{"10.0.0.1"}, true},
		{"all left out", []bool{false, false}, []string{"nat"}, []string{"nat"}, true},
		{"nothing found", nil, []string{"nat"}, []string{"nat"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := answers()
			a.offered, a.chosen, a.more = []string{"hv1.lab", "10.0.0.1"}[:len(c.chosen)], c.chosen, c.more
			if sans, only := a.SANs(); !slices.Equal(sans, c.want) || only != c.only {
				t.Errorf("SANs are %q, only %v; want %q, %v", sans, only, c.want, c.only)
			}
		})
	}
}

// Where the CA comes from, and which certificates it can sign.
func TestCA(t *testing.T) {
	there := &authority.Authority{}
	for _, c := range []struct {
		name             string
		change           func(*Answers)
		newCA            string
		imports, canSign bool
	}{
		{"a new one", func(a *Answers) {}, "Org", false, true},
		{"one that is there", func(a *Answers) { a.ca, a.caKey = there, "plain" }, "", false, true},
		{"one without its key", func(a *Answers) { a.ca, a.caKey = there, "absent" }, "", false, false},
		{"one of another tool", func(a *Answers) { a.source = caImport }, "", true, true},
		{"one of another tool, and then there is one", func(a *Answers) { a.source, a.ca = caImport, there }, "", false, true},
		{"one elsewhere", func(a *Answers) { a.source, a.ca = caElsewhere, there }, "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := answers()
			c.change(a)
			if a.NewCA() != c.newCA || a.Imports() != c.imports || a.CanSign() != c.canSign {
				t.Errorf("new CA %q, imports %v, can sign %v; want %q, %v, %v", a.NewCA(), a.Imports(), a.CanSign(), c.newCA, c.imports, c.canSign)
			}
		})
	}
}

func TestRenewal(t *testing.T) {
	for _, c := range []struct {
		name     string
		by       Renewer
		renewing string
		want     bool
		place    string
	}{
		{"a timer", RenewSystemd, "", true, "/etc/systemd/system"},
		{"cron", RenewCron, "", true, "/etc/cron.d/virtpki"},
		{"nobody", RenewNobody, "", false, ""},
		{"renewed already", RenewSystemd, "/etc/cron.d/virtpki", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := answers()
			a.RenewBy, a.renewing, a.Sysconfdir = c.by, c.renewing, "/etc"
			if made := a.MakesRenewal(); made != c.want || made && a.RenewalPlace() != c.place {
				t.Errorf("made %v at %s, want %v at %s", made, a.RenewalPlace(), c.want, c.place)
			}
		})
	}
}

func TestURI(t *testing.T) {
	for _, c := range []struct {
		dns, there []string
		want       string
	}{
		{nil, nil, "hv1"},
		{[]string{"hv1", "hv1.lab"}, nil, "hv1.lab"},
		{[]string{"*.lab", "hv1.lab"}, nil, "hv1.lab"},
		{[]string{"hv1.lab"}, []string{"hv1", "hv1.old"}, "hv1.old"},
		{[]string{"hv1.lab"}, []string{"hv1"}, "hv1"},
	} {
		a := answers()
		if c.there != nil {
			a.server.Cert = &x509.Certificate{DNSNames: c.there}
		}
		if got := a.URI("hv1", c.dns); got != "qemu+tls://"+c.want+"/system" {
			t.Errorf("%q, %q: %s, want that of %s", c.dns, c.there, got, c.want)
		}
	}
}

// The wizard shows which clients a list admits before it takes the list.
func TestReach(t *testing.T) {
	all := []candidate{{dn: "O=Org,CN=ann"}, {dn: "O=Org,CN=bob"}, {dn: "O=Else,CN=ann"}}
	in, out := reach([]string{"O=Org,CN=a*"}, all)
	if !slices.Equal(in, []string{"O=Org,CN=ann"}) || !slices.Equal(out, []string{"O=Org,CN=bob", "O=Else,CN=ann"}) {
		t.Errorf("in %q, out %q", in, out)
	}
}
