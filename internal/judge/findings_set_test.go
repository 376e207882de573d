package judge

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/libvirt"
)

// TestSoundSet: files that virtpki itself would make get no findings except notes.
func TestSoundSet(t *testing.T) {
	b := newBench()
	for _, s := range []Set{b.set(nil, nil), b.client()} {
		said := append(OwnFiles(s, libvirt.Release{}, b.now), InSession(s, Peer{Names: []string{"hv1.lab.example"}, DNList: []string{"O=Lab,CN=*"}}, libvirt.Release{}, b.now)...)
		for _, f := range said {
			if f.ID != "crl-missing" {
				t.Errorf("%s\n", findingLines(said))
			}
		}
	}
}

// ed448Set returns a set that certtool made; Go has no Ed448.
func ed448Set() Set {
	read := func(name string) File {
		return File{Path: name, Data: must(os.ReadFile(filepath.Join("testdata", "ed448", name)))}
	}
	return Set{Role: Server, CA: read("cacert.pem"), CRL: missing("cacrl.pem"), Cert: read("cert.pem"), Key: read("key.pem")}
}

// TestMatcherOfRelease: an escaped comma matches by one matcher, a set of characters
// by the other.
func TestMatcherOfRelease(t *testing.T) {
	b := newBench()
	s := b.set(nil, []edit{func(c *certSpec) { c.subject = name("O=Acme\\, Inc.,CN=a1") }})
	s.Role, s.Product = Client, "libvirt"
	for pattern, want := range map[string]string{"O=Acme\\, Inc.,CN=a1": "libvirt-5.8", "O=Acme\\\\, Inc.,CN=a[1-9]": "libvirt-7.0 libvirt-9.0 libvirt-11.6 libvirt-11.10"} {
		said := InSession(s, Peer{DNList: []string{pattern}}, libvirt.Release{}, b.now)
		i := slices.IndexFunc(said, func(f Finding) bool { return f.ID == "dn-refused" })
		if i < 0 || strings.Join(said[i].Releases, " ") != want {
			t.Errorf("%q is not refused by %s alone:\n%s", pattern, want, findingLines(said))
		}
	}
}

// TestOneCAManyTimes expects each finding only once for a CA that stands in a file several times,
// and for all releases.
func TestOneCAManyTimes(t *testing.T) {
	b := newBench()
	root, filler := b.ca(), b.cert("CN=filler", keyring()["p256"][2], nil, with(extBC(true, true, -1), extKU(false, 0x80)))
	set := setOf(Server, "libvirt", b.leaf(root), root, filler, filler, filler)
	said := 0
	for _, f := range OwnFiles(set, libvirt.Release{Product: "libvirt", Major: 9}, b.now) {
		if f.ID == "ca-usage-noncritical" {
			said++
			if f.Releases != nil {
				t.Errorf("releases %q, want none", f.Releases)
			}
		}
	}
	if said != 1 {
		t.Errorf("said %d times, want once", said)
	}
}

// TestForeignCRLAlone is about a file with CRLs of other CAs: they are harmless beside the CA's
// own, and without that one nobody is refused.
func TestForeignCRLAlone(t *testing.T) {
	b := newBench()
	alone := b.withCRL(crlSpec{issuer: name("CN=nobody")}, nil)
	beside := b.withCRL(crlSpec{}, func(own []byte) []byte { return append(slices.Clone(alone.CRL.Data), own...) })
	for _, test := range []struct {
		of   string
		set  Set
		want Level
	}{{"alone", alone, Warning}, {"beside the CA's own", beside, Note}} {
		found := OwnFiles(test.set, libvirt.Release{}, b.now)
		i := slices.IndexFunc(found, func(f Finding) bool { return f.ID == "crl-foreign" })
		if i < 0 || found[i].Level != test.want || (found[i].Fix != "") != (test.want == Warning) {
			t.Errorf("a foreign CRL %s: %+v, want %s", test.of, found, test.want)
		}
	}
}
