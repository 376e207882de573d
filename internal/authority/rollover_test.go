package authority

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// The old CA is needed by certificates that are installed here, and by those without a successor.
func TestWhatNeedsTheOldCA(t *testing.T) {
	old, next := newCA(t, "Old", 0), newCA(t, "New", 0)
	amy := issue(t, old, pki.Client, "amy", 9*day)
	host := issue(t, old, pki.Server, "host", 9*day)
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	successor, err := next.Issue(pki.Request{Role: pki.Client, RawSubject: amy.RawSubject, PublicKey: key.Public(), Now: now, Validity: 9 * day})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		records   []*x509.Certificate
		revoked   []*x509.Certificate
		installed *x509.Certificate
		needs     []string // a text that each line contains
		forced    bool     // finish --force ignores it
	}{
		{name: "nothing", forced: true},
		{name: "a client", records: []*x509.Certificate{amy}, needs: []string{"client O=Old,CN=amy"}, forced: true},
		{name: "a revoked client", records: []*x509.Certificate{amy}, revoked: []*x509.Certificate{amy}, forced: true},
		{name: "a client with a successor", records: []*x509.Certificate{amy, successor}, forced: true},
		{name: "a client whose successor is revoked", records: []*x509.Certificate{amy, successor}, revoked: []*x509.Certificate{successor}, needs: []string{"client O=Old,CN=amy"}, forced: true},
		{name: "what has expired", records: []*x509.Certificate{issue(t, old, pki.Client, "gone", time.Nanosecond)}, forced: true},
		{name: "installed here", records: []*x509.Certificate{host}, installed: host, needs: []string{"servercert.pem", "server O=Old,CN=host"}, forced: false},
		{name: "installed and revoked", records: []*x509.Certificate{host}, revoked: []*x509.Certificate{host}, installed: host, needs: []string{"servercert.pem"}, forced: false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := folder{cas: []*pki.CA{old, next}, key: old, next: next, records: c.records, rollover: rolling(old, next, now)}
			f.lists = []*pki.CRL{list(t, old, pki.ReasonUnspecified, c.revoked...), list(t, next, pki.ReasonUnspecified, c.revoked...)}
			m := f.machine(t)
			if c.installed != nil {
				path := m.System().Path(libvirt.ServerCert)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, pki.EncodeCertificates(c.installed), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			status, err := RolloverStatus(m)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(status.Needs, c.needs, strings.Contains) || status.Signs != "new" || !status.UnderWay {
				t.Errorf("status %+v, want needs %q", status, c.needs)
			}
			for _, force := range []bool{false, true} {
				want := len(c.needs) == 0 || force && c.forced
				if err := PlanFinish(change.NewJob(m), m, change.NewKeyring(m.Tree(), nil), force); (err == nil) != want {
					t.Errorf("finish with force %v: %v", force, err)
				}
			}
		})
	}
}

// A rollover can be undone as long as no certificate of the new CA is live.
func TestPlanAbort(t *testing.T) {
	old, next := newCA(t, "Old", 0), newCA(t, "New", 0)
	signed := issue(t, next, pki.Client, "amy", 9*day)
	both := []*pki.CA{old, next}
	for _, c := range []struct {
		name string
		f    folder
		says string
	}{
		{"just begun", folder{cas: both, key: old, next: next, rollover: rolling(old, next, now.Add(day))}, ""},
		{"the new CA has signed", folder{cas: both, key: old, next: next, rollover: rolling(old, next, now), records: []*x509.Certificate{signed}}, "has signed O=New,CN=amy already"},
		{"what it has signed is revoked", folder{cas: both, key: old, next: next, rollover: rolling(old, next, now), records: []*x509.Certificate{signed}, lists: []*pki.CRL{list(t, old, 0), list(t, next, 0, signed)}}, ""},
		{"a start that was cut short", folder{cas: []*pki.CA{old}, key: old, next: next, rollover: rolling(old, next, now)}, ""},
		{"none", folder{cas: []*pki.CA{old}, key: old}, "no rollover is in progress"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.f.machine(t)
			j := change.NewJob(m)
			err := PlanAbort(j, m)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
			if err == nil && len(j.Plan.Changes()) == 0 {
				t.Error("nothing is planned")
			}
		})
	}
}

func TestRevocations(t *testing.T) {
	one, two := newCA(t, "One", 0), newCA(t, "Two", 0)
	cert := issue(t, one, pki.Client, "amy", day)
	twin := *issue(t, two, pki.Client, "bob", day)
	twin.SerialNumber = cert.SerialNumber // as with CAs that count
	r := revocationsBy([]*pki.CRL{list(t, one, pki.ReasonUnspecified, cert), list(t, two, pki.ReasonUnspecified)})
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		day  string
	}{
		{"revoked", cert, "2026-11-25"},
		{"the same serial of another CA", &twin, ""},
		{"not revoked", issue(t, one, pki.Client, "eve", day), ""},
	} {
		if r.Has(c.cert) != (c.day != "") || r.Day(c.cert) != c.day {
			t.Errorf("%s: %v on %q, want %q", c.name, r.Has(c.cert), r.Day(c.cert), c.day)
		}
	}
}
