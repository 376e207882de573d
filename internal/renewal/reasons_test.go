package renewal

import (
	"crypto/x509"
	"net"
	"slices"
	"testing"
	"time"

	"virtpki/pki"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// Each reason for which a certificate is due comes from one fact.
func TestReasons(t *testing.T) {
	cert := &x509.Certificate{NotAfter: noon.AddDate(1, 0, 0)}
	for _, c := range []struct {
		name   string
		change func(*facts)
		want   []string
	}{
		{"all is well", func(f *facts) {}, nil},
		{"asked for", func(f *facts) { f.forced = true }, []string{"due because of --force"}},
		{"a moment before it opens", func(f *facts) { f.now = f.opens.Add(-time.Second) }, nil},
		{"when it opens", func(f *facts) { f.now = f.opens }, []string{"due: until 2027-06-01"}},
		{"a moment before its end", func(f *facts) { f.now = cert.NotAfter.Add(-time.Second) }, []string{"due: until 2027-06-01"}},
		{"at its end", func(f *facts) { f.now = cert.NotAfter }, []string{"expired on 2027-06-01"}},
		{"asked for, and expired", func(f *facts) { f.forced, f.now = true, cert.NotAfter }, []string{"due because of --force"}},
		{"no key", func(f *facts) { f.key = "its key is missing" }, []string{"its key is missing"}},
		{"another CA's", func(f *facts) { f.signed = false }, []string{"not signed by the CA here"}},
		{"of the generation that goes", func(f *facts) { f.outgoing = true }, []string{"signed by the CA that is being replaced"}},
		{"another CA's, in a rollover", func(f *facts) { f.signed, f.outgoing = false, true }, []string{"not signed by the CA here"}},
		{"a new address", func(f *facts) { f.missing = []net.IP{net.IPv4(192, 0, 2, 7)} }, []string{"lacks 192.0.2.7, which this machine has now"}},
		{"a name more", func(f *facts) { f.lacking = "virt" }, []string{"lacks the requested virt"}},
		{"a name less", func(f *facts) { f.unwanted = "virt" }, []string{"has virt, which is to be removed"}},
		{"one for another", func(f *facts) { f.lacking, f.unwanted = "new", "old" }, []string{"lacks the requested new, and has old, which is to be removed"}},
		{"another CA than was named", func(f *facts) { f.foreign = true }, []string{"not signed by the CA that signs now"}},
		{"several", func(f *facts) {
			f.foreign, f.key, f.now = true, "its key belongs to another certificate", cert.NotAfter
		},
			[]string{"expired on 2027-06-01", "its key belongs to another certificate", "not signed by the CA that signs now"}},
	} {
		f := facts{now: noon, opens: noon.AddDate(0, 8, 0), cert: cert, signed: true}
		c.change(&f)
		if got := f.reasons(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWhyCopy(t *testing.T) {
	for _, c := range []struct {
		name string
		f    copyFacts
		want string
	}{
		{"as the original", copyFacts{same: true, keyFits: true}, ""},
		{"the original cannot be read", copyFacts{unreadable: true, originalDue: true}, ""},
		{"the original is renewed", copyFacts{originalDue: true, same: true, keyFits: true}, "a copy of X"},
		{"it has stayed behind", copyFacts{keyFits: true}, "a copy of the previous X"},
		{"its key has stayed behind", copyFacts{same: true}, "a copy of X without its key"},
	} {
		c.f.of = "X"
		if got := whyCopy(c.f); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWhyCRL(t *testing.T) {
	list := func(life time.Duration) *pki.CRL { return &pki.CRL{ThisUpdate: noon, NextUpdate: noon.Add(life)} }
	for _, c := range []struct {
		name string
		crl  *pki.CRL
		now  time.Time
		want string
	}{
		{"fresh", list(30 * time.Hour), noon, ""},
		{"a moment before its last third", list(30 * time.Hour), noon.Add(20*time.Hour - time.Second), ""},
		{"in its last third", list(30 * time.Hour), noon.Add(20 * time.Hour), "due: fresh until 2026-06-02"},
		{"stale", list(30 * time.Hour), noon.Add(31 * time.Hour), "due: fresh until 2026-06-02"},
		{"one without an end", &pki.CRL{ThisUpdate: noon}, noon.AddDate(9, 0, 0), ""},
	} {
		if got := whyCRL(c.crl, c.now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The names of an existing certificate are signed again only if the CA has granted them; in a
// user's directory anybody's certificate may lie.
func TestUngranted(t *testing.T) {
	whole := origin{signed: true, keyFits: true, recorded: true, granted: true, role: pki.Server, roles: []pki.Role{pki.Server}}
	for _, c := range []struct {
		name         string
		change       func(*origin)
		system, user string // the fault of it there
	}{
		{"all is well", func(o *origin) {}, "", ""},
		{"a CA that is not trusted", func(o *origin) { o.signed = false }, "", "was not signed by the CA here"},
		{"no key", func(o *origin) { o.keyFits = false }, "", "has no key beside it"},
		{"no record", func(o *origin) { o.recorded = false }, "", "is not in this CA's records"},
		{"another CA's", func(o *origin) { o.signed, o.granted = false, false }, "was not made by this CA", "was not signed by the CA here"},
		{"another role", func(o *origin) { o.role = pki.Client }, "is not a client's certificate", "is not a client's certificate"},
		{"the CA's key elsewhere", func(o *origin) { o.elsewhere, o.recorded, o.granted, o.role = true, false, false, pki.Client }, "", ""},
		{"the CA's key elsewhere, and no key here", func(o *origin) { o.elsewhere, o.keyFits = true, false }, "", "has no key beside it"},
	} {
		for _, user := range []bool{false, true} {
			o, want := whole, c.system
			c.change(&o)
			if o.user = user; user {
				want = c.user
			}
			if got := ungranted(o); got != want {
				t.Errorf("%s, in a user's directory %v: %q, want %q", c.name, user, got, want)
			}
		}
	}
}
