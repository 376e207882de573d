package grant

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"

	"virtpki/pki"
)

// hosts are live certificates: hv1 with two server certificates, and a client with the same CN; an
// administrator; two hosts that share a name and the address of a bridge; a server with an alias
// that is the CN of an administrator; a wildcard.
var hosts = []string{
	"server hv1.lab.example/hv1.lab.example,hv1,10.0.0.1,192.168.122.1,localhost,127.0.0.1 hv1-old",
	"server hv1.lab.example/hv1.lab.example,hv1,10.0.0.1,192.168.122.1,localhost,127.0.0.1 hv1-server",
	"client HV1.lab.example hv1-client",
	"client admin admin",
	"client Admin.lab.example admin2",
	"server hv2.lab.example/hv2.lab.example,cluster.lab.example,192.168.122.1 hv2",
	"server hv3.lab.example/hv3.lab.example,cluster.lab.example hv3",
	"server gw.lab.example/gw.lab.example,admin.lab.example gw",
	"server lb.web.example/lb.web.example,*.web.example lb",
	"server www.web.example/www.web.example www",
	"client 10.9.9.9 addressed",
}

func TestTaken(t *testing.T) {
	c := &cast{t: t}
	var live []*x509.Certificate
	for _, text := range hosts {
		live = append(live, c.cert(text))
	}
	holders := NewHolders(live[:len(live)/2]).Over()
	for _, cert := range live[len(live)/2:] {
		holders.Add(cert)
	}
	for _, test := range []struct {
		ask     string // the certificate
		keys    string // that the sender has shown in addition to its own
		replace string
		taken   string
		matched string
	}{
		// First enrolment.
		{"server hv9.lab.example/hv9.lab.example,hv9,10.0.0.9,localhost,127.0.0.1 new", "", "", "", ""},
		{"client bob new", "", "", "", ""},
		// Somebody else.
		{"server hv1.lab.example/hv1.lab.example,hv1,10.0.0.1 new", "", "", "CN hv1.lab.example 10.0.0.1 hv1", ""},
		{"server HV1.LAB.example/hv9.lab.example new", "", "", "CN hv1.lab.example", ""},
		{"server hv9.lab.example/hv9.lab.example,HV1 new", "", "", "hv1", ""},
		{"server hv9.lab.example/hv9.lab.example,10.0.0.1 new", "", "", "10.0.0.1", ""},
		{"server hv9.lab.example/hv9.lab.example,::ffff:10.0.0.1 new", "", "", "10.0.0.1", ""},
		{"server hv9.lab.example/10.9.9.9 new", "", "", "10.9.9.9", ""},
		{"client hv1 new", "", "", "CN hv1", ""},
		{"client ADMIN new", "", "", "CN admin", ""},
		{"server admin/admin new", "", "", "CN admin", ""},
		{"server hv2.lab.example/hv2.lab.example,hv1.lab.example new", "hv2", "", "hv1.lab.example", ""},
		{"server hv2.lab.example/hv2.lab.example,hv1.lab.example hv2", "", "", "hv1.lab.example", ""},
		{"server hv9.lab.example/hv1.lab.example,hv2.lab.example,hv3.lab.example new", "", "", "hv1.lab.example hv2.lab.example hv3.lab.example", ""},
		// The holder: the same key, or a proof with any live key of the name, in either role.
		{"server hv1.lab.example/hv1.lab.example,hv1,10.0.0.1,192.168.122.1 hv1-server", "", "", "", ""},
		{"server hv1.lab.example/hv1.lab.example,hv1,10.0.0.1,192.168.122.1 new", "hv1-server", "", "", ""},
		{"server hv1.lab.example/hv1.lab.example,hv1,10.0.0.1,192.168.122.1 new", "hv1-old", "", "", ""},
		{"client hv1.lab.example new", "hv1-client", "", "", ""},
		{"client hv1.lab.example new", "hv1-server", "", "", ""},
		{"server hv1.lab.example/hv1.lab.example new", "hv1-client", "", "", ""},
		{"server hv1.lab.example/hv1.lab.example,10.0.0.1 new", "hv1-client", "", "10.0.0.1", ""},
		{"client hv1.lab.example new", "hv2", "", "CN hv1.lab.example", ""},
		// A name that several have: each may keep it, but an alias does not become a CN.
		{"server hv3.lab.example/hv3.lab.example,cluster.lab.example new", "hv3", "", "", ""},
		{"server cluster.lab.example/cluster.lab.example new", "hv3", "", "CN cluster.lab.example", ""},
		{"server cluster.lab.example/cluster.lab.example new", "hv2 hv3", "", "", ""},
		{"client admin.lab.example new", "gw", "", "CN admin.lab.example", ""},
		{"server admin.lab.example/admin.lab.example new", "gw", "", "CN admin.lab.example", ""},
		{"client admin.lab.example new", "admin2", "", "", ""},
		{"client hv1 new", "hv1-server", "", "CN hv1", ""},
		{"client hv1 new", "hv1-server hv1-old", "", "", ""},
		// Wildcards.
		{"server hv9.lab.example/*.lab.example new", "", "", "*.lab.example", ""},
		{"server hv9.lab.example/*.lab.example new", "hv1-server", "", "*.lab.example", ""},
		{"server hv9.lab.example/hv9.lab.example,*.example new", "", "", "", ""},
		{"server mail.web.example/mail.web.example new", "", "", "CN mail.web.example", ""},
		{"server a.mail.web.example/a.mail.web.example new", "", "", "", ""},
		{"server lb.web.example/lb.web.example,*.web.example new", "lb", "", "", ""},
		{"server www.web.example/www.web.example new", "www", "", "", ""},
		{"server www.web.example/www.web.example new", "lb", "", "CN www.web.example", ""},
		// With the consent of a person.
		{"server hv1.lab.example/hv1.lab.example,hv1,10.0.0.1 new", "", "HV1.lab.example", "", "HV1.lab.example"},
		{"client hv1.lab.example new", "", "hv1.lab.example.", "", "hv1.lab.example."},
		{"server hv1.lab.example/hv1.lab.example,hv1,192.168.122.1 new", "", "hv1.lab.example", "192.168.122.1", "hv1.lab.example"},
		{"server hv1.lab.example/hv1.lab.example,hv1,192.168.122.1 new", "", "hv1.lab.example 192.168.122.1", "", "hv1.lab.example 192.168.122.1"},
		{"server hv9.lab.example/hv9.lab.example,hv1 new", "", "hv9.lab.example", "hv1", ""},
		{"server hv9.lab.example/hv9.lab.example,hv1,10.0.0.1 new", "", "hv1.lab.example", "", "hv1.lab.example"},
		{"server hv9.lab.example/hv9.lab.example,cluster.lab.example new", "", "cluster.lab.example", "", "cluster.lab.example"},
		{"server hv2.lab.example/hv2.lab.example,cluster.lab.example new", "", "cluster.lab.example", "CN hv2.lab.example", "cluster.lab.example"},
		{"server hv9.lab.example/*.lab.example new", "", "*.lab.example", "", "*.lab.example"},
		{"client bob new", "", "bob", "", ""},
		{"client admin admin", "", "admin", "", ""},
	} {
		sender := Sender{KeyIDs: []string{pki.KeyIDOf(c.cert(test.ask))}, Replace: strings.Fields(test.replace)}
		for _, key := range strings.Fields(test.keys) {
			sender.KeyIDs = append(sender.KeyIDs, pki.KeyID(c.key(key)))
		}
		taken, matched := holders.Taken(c.cert(test.ask), sender)
		if got := takenText(taken); got != test.taken || strings.Join(matched, " ") != test.matched {
			t.Errorf("%s, with %q, replacing %q: %q, matched %q; want %q, %q", test.ask, test.keys, test.replace, got, matched, test.taken, test.matched)
		}
	}
}

func takenText(taken []Taken) string {
	var names []string
	for _, one := range taken {
		if one.CN {
			names = append(names, "CN")
		}
		names = append(names, one.Name)
	}
	return strings.Join(names, " ")
}

// A certificate does not take a name that it will be signed without.
func TestHoldersWithout(t *testing.T) {
	c := &cast{t: t}
	holders := NewHolders(nil)
	holders.AddWithout(c.cert("server a/a,b.lab.example a"), []string{"b.lab.example"})
	for name, want := range map[string]string{"a": "CN a", "b.lab.example": ""} {
		ask := c.cert("client " + name + " new")
		if taken, _ := holders.Taken(ask, Sender{KeyIDs: []string{pki.KeyIDOf(ask)}}); takenText(taken) != want {
			t.Errorf("%s: %q, want %q", name, takenText(taken), want)
		}
	}
}

// Without the taken names, the remaining names of a certificate are free: no taken name hides
// behind another one.
func TestTakenLeavesNothing(t *testing.T) {
	c := &cast{t: t}
	var live []*x509.Certificate
	names := []string{"new"}
	for _, text := range append([]string{"server short/short,www.lab.example,aa.lab.example,fd77::1 short"}, hosts...) {
		live = append(live, c.cert(text))
		names = append(names, newHolder(live[len(live)-1]).all...)
	}
	holders := NewHolders(live)
	sender := Sender{KeyIDs: []string{pki.KeyID(c.key("new"))}}
	for _, first := range names {
		for _, second := range names {
			cert := c.cert("server new/new," + first + "," + second + " new")
			taken, _ := holders.Taken(cert, sender)
			var got []string
			for _, one := range taken {
				got = append(got, one.Name)
			}
			for _, name := range newHolder(cert).all {
				if free := name == "new"; free == slices.Contains(got, name) {
					t.Errorf("with %s and %s these are taken: %v", first, second, got)
				}
			}
		}
	}
}

// A sender that has not shown a live key does not get a name that somebody has, in any combination
// of names. The holder in the result has that name, a wildcard above it or a name below it.
func TestTakenFindsAll(t *testing.T) {
	c := &cast{t: t}
	var live []*x509.Certificate
	for _, text := range hosts {
		live = append(live, c.cert(text))
	}
	holders := NewHolders(live)
	for i, cert := range live {
		for _, name := range newHolder(cert).all {
			for form, ask := range map[string]string{
				"a CN": fmt.Sprintf("client %s new", name), "a SAN": fmt.Sprintf("server new.lab.example/new.lab.example,%s new", strings.ToUpper(name)),
			} {
				taken, _ := holders.Taken(c.cert(ask), Sender{KeyIDs: []string{pki.KeyID(c.key("new"))}})
				if len(taken) == 0 {
					t.Errorf("%s of %s as %s is free", name, hosts[i], form)
				}
				for _, one := range taken {
					all := newHolder(one.Holder).all
					below := slices.ContainsFunc(all, func(have string) bool { return "*."+parent(have) == one.Name })
					if !below && !slices.Contains(all, one.Name) && !slices.Contains(all, "*."+parent(one.Name)) {
						t.Errorf("%s belongs to a certificate for %v", one.Name, all)
					}
				}
			}
		}
	}
}
