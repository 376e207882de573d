package authority

import (
	"crypto/x509"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/pki"
)

// The list that an imported CA continues.
func TestWhichCRLGoesOn(t *testing.T) {
	fresh := list(t, newCA(t, "Example", 0), pki.ReasonUnspecified)
	numberless := *fresh
	numberless.Number = nil
	for _, c := range []struct {
		name string
		crl  *pki.CRL
		more bool
		at   int64 // days from now on
		want bool
	}{
		{"none", nil, false, 0, false},
		{"a fresh one", fresh, false, 0, true},
		{"a fresh one, and an index that knows more", fresh, true, 0, false},
		{"one without a number", &numberless, false, 0, false},
		{"an expired one", fresh, false, 10000, false},
	} {
		if got := goesOn(c.crl, c.more, now.AddDate(0, 0, int(c.at))); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// An import takes over the parts of another tool's CA, or refuses the CA.
func TestImport(t *testing.T) {
	ca, other := newCA(t, "Example", 0), newCA(t, "Other", 0)
	amy, bob := issue(t, ca, pki.Client, "amy", 9*day), issue(t, ca, pki.Client, "bob", 9*day)
	twin := *issue(t, ca, pki.Client, "twin", 9*day)
	for _, c := range []struct {
		name    string
		cert    []*x509.Certificate
		crl     *pki.CRL
		issued  []*x509.Certificate
		says    string // the error
		notes   string
		records int
		live    []string
	}{
		{name: "certificate and key", cert: certs(ca)},
		{name: "the one of several that the key is of", cert: certs(other, ca)},
		{name: "another's key", cert: certs(other), says: "not the key of any certificate"},
		{name: "its records", cert: certs(ca), issued: []*x509.Certificate{amy, bob}, records: 2, live: []string{"O=Example,CN=amy", "O=Example,CN=bob"}},
		{name: "its records and its list", cert: certs(ca), crl: list(t, ca, pki.ReasonUnspecified, bob), issued: []*x509.Certificate{amy, bob}, records: 2, live: []string{"O=Example,CN=amy"}},
		{name: "records of others", cert: certs(ca), issued: []*x509.Certificate{issue(t, other, pki.Client, "eve", 9*day)}, notes: "without a certificate of this CA"},
		{name: "another's list", cert: certs(ca), crl: list(t, other, pki.ReasonUnspecified), says: "no CRL that"},
		{name: "the same record twice", cert: certs(ca), issued: []*x509.Certificate{&twin, &twin}, records: 1, live: []string{"O=Example,CN=twin"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := folder{}.machine(t)
			at := func(name string) string { return filepath.Join(m.Root, "elsewhere", name) }
			key, err := pki.EncodeKey(ca.Signer, nil)
			err = hint.First(err, os.MkdirAll(at("issued"), 0o700), os.WriteFile(at("ca.pem"), pki.EncodeCertificates(c.cert...), 0o600), os.WriteFile(at("ca.key"), key, 0o600))
			files := ImportFiles{Cert: at("ca.pem"), Key: at("ca.key"), Issued: at("issued")}
			if c.crl != nil {
				files.CRL = at("crl.pem")
				err = hint.First(err, os.WriteFile(files.CRL, pki.EncodeCRL(c.crl), 0o600))
			}
			for i, cert := range c.issued {
				err = hint.First(err, os.WriteFile(filepath.Join(files.Issued, big.NewInt(int64(i)).String()+".pem"), pki.EncodeCertificates(cert), 0o600))
			}
			if err != nil {
				t.Fatal(err)
			}
			keys := change.NewKeyring(m.Tree(), nil)
			in, err := ReadImport(m, files, keys)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v, want %q", err, c.says)
			}
			if err != nil {
				return
			}
			live, err := in.LiveClients(now)
			if err != nil || !slices.Equal(live, c.live) {
				t.Errorf("live %q, %v, want %q", live, err, c.live)
			}
			for range 2 { // a run decides twice
				j := change.NewJob(m)
				a, err := in.Take(j, m, keys)
				if err != nil {
					t.Fatal(err)
				}
				if !pki.KeyMatches(a.CA.Certificate, ca.Signer) || len(a.Planned) != c.records || !strings.Contains(strings.Join(j.Notes, "\n"), c.notes) {
					t.Errorf("%d records, want %d, notes %q", len(a.Planned), c.records, j.Notes)
				}
			}
		})
	}
}

// Anyone can leave names beside a CA that lies in a shared directory. Those that lead to no file
// do not block its import.
func TestImportPassesOverNamesWithoutAFile(t *testing.T) {
	ca := newCA(t, "Example", 0)
	m := folder{}.machine(t)
	dir := filepath.Join(m.Root, "elsewhere")
	key, err := pki.EncodeKey(ca.Signer, nil)
	amy := issue(t, ca, pki.Client, "amy", 9*day)
	err = hint.First(err, os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "ca.pem"), pki.EncodeCertificates(ca.Certificate), 0o600),
		os.WriteFile(filepath.Join(dir, "ca.key"), key, 0o600), os.WriteFile(filepath.Join(dir, "amy.pem"), pki.EncodeCertificates(amy), 0o600),
		os.Symlink("loop.pem", filepath.Join(dir, "loop.pem")), os.Symlink("ca.pem/x", filepath.Join(dir, "under.pem")),
		os.Symlink(strings.Repeat("x", 300), filepath.Join(dir, "long.pem")), syscall.Mkfifo(filepath.Join(dir, "fifo.pem"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s.pem")})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	in, err := ReadImport(m, ImportFiles{Cert: filepath.Join(dir, "ca.pem"), Key: filepath.Join(dir, "ca.key")}, change.NewKeyring(m.Tree(), nil))
	if err != nil || len(in.records) != 1 {
		t.Fatalf("error %v", err)
	}
}

func certs(cas ...*pki.CA) (certs []*x509.Certificate) {
	for _, ca := range cas {
		certs = append(certs, ca.Certificate)
	}
	return certs
}
