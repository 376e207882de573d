package provision

import (
	"crypto"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/pki"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// newCA returns a CA and its key.
func newCA(t *testing.T) *pki.CA {
	t.Helper()
	raw, err1 := subject.ForCA("Example")
	key, err2 := pki.GenerateKey(pki.EC256)
	if err := hint.First(err1, err2); err != nil {
		t.Fatal(err)
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: raw, Signer: key, Now: now.Add(-24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// pair returns a server's key pair that begins at a time.
func pair(t *testing.T, ca *pki.CA, name string, at time.Time) *keypair.Pair {
	t.Helper()
	raw, err1 := subject.ForLeaf(ca.Certificate, name)
	key, err2 := pki.GenerateKey(pki.EC256)
	if err := hint.First(err1, err2); err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Issue(pki.Request{Role: pki.Server, RawSubject: raw, DNSNames: []string{name}, PublicKey: key.Public(), Now: at, Validity: 48 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return &keypair.Pair{Role: pki.Server, CertPath: "servercert.pem", KeyPath: "serverkey.pem", Cert: cert, Key: key}
}

func TestWhichPairWins(t *testing.T) {
	ca := newCA(t)
	given := pair(t, ca, "hv1", now)
	before, after, other := pair(t, ca, "hv1", now.Add(-time.Hour)), pair(t, ca, "hv1", now.Add(time.Hour)), pair(t, ca, "hv2", now)
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		key  crypto.Signer
		want outcome
		says string
	}{
		{"nothing there", nil, nil, missing, ""},
		{"its key alone", nil, given.Key, missing, ""},
		{"its certificate alone", given.Cert, nil, missing, ""},
		{"the same", given.Cert, given.Key, same, ""},
		{"an older one", before.Cert, before.Key, renewed, ""},
		{"a later one", after.Cert, after.Key, newer, ""},
		{"another key", nil, other.Key, 0, "there is already another key here"},
		{"another name", other.Cert, other.Key, 0, "this is O=Example,CN=hv2 already, and the bundle is for O=Example,CN=hv1"},
		{"an older certificate without its key", before.Cert, nil, 0, "its key serverkey.pem is missing"},
		{"a later certificate without its key", after.Cert, nil, 0, "its key serverkey.pem is missing"},
	} {
		have := &keypair.Pair{Role: pki.Server, CertPath: given.CertPath, KeyPath: given.KeyPath, Cert: c.cert, Key: c.key}
		got, err := whichPair(have, given)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v, want %v, %q", c.name, got, err, c.want, c.says)
		}
	}
}

func TestNaming(t *testing.T) {
	live := machine.New()
	live.Hostname = func() (string, error) { return "hv1.lab.example", nil }
	live.Addresses = func() ([]net.IP, error) { return []net.IP{net.ParseIP("192.0.2.1")}, nil }
	image := *live
	image.Root = "/mnt"
	for _, c := range []struct {
		name   string
		m      *machine.Machine
		naming Naming
		of     string
		roles  []pki.Role
		names  string // of the server
		says   string
	}{
		{"a client", live, Naming{Kind: subject.Client}, "admin", []pki.Role{pki.Client}, "", ""},
		{"this host", live, Naming{Kind: subject.Host}, "hv1.lab.example", []pki.Role{pki.Server, pki.Client}, "hv1.lab.example hv1 192.0.2.1", ""},
		{"this server, carried", live, Naming{Kind: subject.Server, Carried: true}, "hv1.lab.example", []pki.Role{pki.Server}, "hv1.lab.example hv1 192.0.2.1", ""},
		{"another host, carried", live, Naming{Kind: subject.Host, Carried: true}, "hv2.lab.example", []pki.Role{pki.Server, pki.Client}, "hv2.lab.example hv2", ""},
		{"a host in an image", &image, Naming{Kind: subject.Server}, "hv2.lab.example", []pki.Role{pki.Server}, "hv2.lab.example hv2", ""},
		{"with more names", live, Naming{Kind: subject.Server, Carried: true, SANs: []string{"db.lab.example", "192.0.2.7"}}, "hv2.lab.example", []pki.Role{pki.Server}, "hv2.lab.example db.lab.example hv2 192.0.2.7", ""},
		{"those alone", live, Naming{Kind: subject.Server, OnlySANs: true, SANs: []string{"db.lab.example"}}, "hv1.lab.example", []pki.Role{pki.Server}, "hv1.lab.example db.lab.example", ""},
		{"no host name", live, Naming{Kind: subject.Host, Carried: true}, "a b", nil, "", "a b"},
	} {
		ids, err := c.naming.Identities(c.m, c.of)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.says)
		}
		if err != nil {
			continue
		}
		var roles []pki.Role
		for _, id := range ids {
			roles = append(roles, id.Role)
		}
		if !slices.Equal(roles, c.roles) || ids[0].Name != c.of {
			t.Errorf("%s: roles %v for %s, want %v", c.name, roles, ids[0].Name, c.roles)
		}
		if got := strings.ReplaceAll(ids[0].Text(), ",", ""); got != c.names {
			t.Errorf("%s: names %q, want %q", c.name, got, c.names)
		}
	}
}

func TestSourceOfQEMUPairs(t *testing.T) {
	ca := newCA(t)
	libvirts, own, given := pair(t, ca, "hv1", now), pair(t, ca, "hv1", now), pair(t, ca, "hv1", now)
	half := func(p *keypair.Pair, cert, key bool) *keypair.Pair {
		half := *p
		if !cert {
			half.Cert = nil
		}
		if !key {
			half.Key = nil
		}
		return &half
	}
	nothing := half(own, false, false)
	for _, c := range []struct {
		name             string
		have, given      *keypair.Pair
		copies, separate source
	}{
		{"nothing there", nothing, nil, copied, made},
		{"a key alone", half(own, false, true), nil, copied, made},
		{"one of its own", own, nil, kept, kept},
		{"one of its own, and a bundle", own, given, kept, kept},
		{"libvirt's", libvirts, nil, copied, kept},
		{"libvirt's, without its key", half(libvirts, true, false), nil, copied, keyless},
		{"a certificate of its own alone", half(own, true, false), nil, keyless, keyless},
		{"a certificate of its own alone, and a bundle", half(own, true, false), given, brought, brought},
		{"a bundle", nothing, given, brought, brought},
		{"libvirt's, and a bundle", libvirts, given, brought, kept},
	} {
		for separate, want := range map[bool]source{false: c.copies, true: c.separate} {
			f := &Folders{QEMU: &QEMU{Separate: separate}, Pairs: map[pki.Role]*keypair.Pair{pki.Server: libvirts}}
			if got := f.sourceOf(c.have, c.given); got != want {
				t.Errorf("%s, separate %v: %v, want %v", c.name, separate, got, want)
			}
		}
	}
}

// Existing files of a host are taken, and missing ones are made. A certificate without a
// trusted CA is refused: libvirtd would not start on it.
func TestTakeOrMake(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	mine, foreign := pair(t, ca, "hv1", now), pair(t, other, "hv1", now)
	for _, c := range []struct {
		name   string
		cert   *x509.Certificate
		key    crypto.Signer
		keyed  bool // the CA's key is here
		made   int
		found  int
		says   string
		notes  string
		server bool
	}{
		{"a whole pair", mine.Cert, mine.Key, false, 0, 1, "", "", true},
		{"nothing, with the CA's key", nil, nil, true, 1, 0, "", "", true},
		{"nothing, without the CA's key", nil, nil, false, 0, 0, "the CA's key is not here", "", true},
		{"no client pair, without the CA's key", nil, nil, false, 0, 0, "", "cannot connect to others", false},
		{"a key, with the CA's", nil, mine.Key, true, 1, 0, "", "", true},
		{"a certificate without its key", mine.Cert, nil, true, 0, 0, "is missing", "", true},
		{"another CA's", foreign.Cert, foreign.Key, true, 0, 1, "is not signed by the CA in", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := machine.New()
			m.Root, m.Now = t.TempDir(), func() time.Time { return now }
			h := &Host{m: m, r: HostRequest{Leaf: authority.Leaf{KeyType: pki.EC256, Validity: time.Hour}}, to: keypair.Dest{Layout: m.System()}}
			keep(t, libvirt.CA(m.CAPath()), libvirt.CACert, pki.EncodeCertificates(ca.Certificate))
			if c.keyed {
				keep(t, libvirt.CA(m.CAPath()), libvirt.CAKey, keyPEM(t, ca.Signer))
			}
			if c.cert != nil {
				keep(t, m.System(), libvirt.ServerCert, pki.EncodeCertificates(c.cert))
			}
			if c.key != nil {
				keep(t, m.System(), libvirt.ServerKey, keyPEM(t, c.key))
			}
			id := subject.Identity{Role: pki.Server, Name: "hv1"}
			if !c.server {
				id.Role = pki.Client
			}
			j, keys := change.NewJob(m), change.NewKeyring(m.Tree(), nil)
			a, err := h.FindOrMakeCA(j, keys)
			if err != nil {
				t.Fatal(err)
			}
			j.Found, j.Notes = nil, nil // of the CA
			_, err = h.takeOrMake(j, keys, a, id)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
			if len(j.Made) != c.made || len(j.Found) != c.found || !strings.Contains(strings.Join(j.Notes, "\n"), c.notes) {
				t.Errorf("made %d, found %d, notes %q", len(j.Made), len(j.Found), j.Notes)
			}
		})
	}
}

// keep writes a file of a layout.
func keep(t *testing.T, layout libvirt.Layout, file libvirt.File, data []byte) {
	t.Helper()
	path := layout.Path(file)
	if err := hint.First(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func keyPEM(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	data, err := pki.EncodeKey(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
