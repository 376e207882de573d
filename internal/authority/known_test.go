package authority

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/certinfo"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// TestFind checks that installed certificates come first, then signed ones by expiry, each once,
// and that Find finds a name, a serial or a file.
func TestFind(t *testing.T) {
	m := machine.New()
	m.Root, m.Sysconfdir, m.Now = t.TempDir(), "/etc", func() time.Time { return now }
	ca := newCA(t, "Example Org", 365*day)
	server := issue(t, ca, pki.Server, "hv1", 30*day)
	late, soon := issue(t, ca, pki.Client, "late", 60*day), issue(t, ca, pki.Client, "soon", 10*day)
	write := func(path string, cert *x509.Certificate) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, pki.EncodeCertificates(cert), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(m.System().Path(libvirt.CACert), ca.Certificate)
	write(m.System().Path(libvirt.ServerCert), server)
	for _, cert := range []*x509.Certificate{late, server, soon} {
		write(store.RecordPath(libvirt.Records(m.CAPath()), cert.SerialNumber), cert)
	}
	names := func(infos []certinfo.Info) (names []string) {
		for _, info := range infos {
			names = append(names, info.Name)
		}
		return names
	}
	known, err := Known(m)
	if got, want := names(known), []string{ca.Certificate.Subject.CommonName, "hv1", "soon", "late"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("%q, %v, want %q", got, err, want)
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("soon", 0o755); err != nil { // bundles of that name
		t.Fatal(err)
	}
	for _, test := range []struct{ what, name, path string }{
		{"late", "late", ""},
		{"soon", "soon", ""},
		{"hv1", "hv1", m.System().Path(libvirt.ServerCert)},
		{strings.ToLower(known[3].Serial), "late", ""},
		{m.System().Path(libvirt.ServerCert), "hv1", m.System().Path(libvirt.ServerCert)},
		{"nobody", "", ""},
		{"./late", "", ""},
	} {
		found, err := Find(m, test.what)
		if test.name == "" {
			if err == nil {
				t.Errorf("%q: %v", test.what, names(found))
			}
			continue
		}
		if err != nil || len(found) != 1 || found[0].Name != test.name || test.path != "" && found[0].Path != test.path {
			t.Errorf("%q: %+v, %v", test.what, found, err)
		}
	}
}
