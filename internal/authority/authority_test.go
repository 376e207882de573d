package authority

import (
	"crypto"
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// newCA returns a CA with a lifetime, from now on.
func newCA(t *testing.T, name string, life time.Duration) *pki.CA {
	t.Helper()
	raw, err1 := subject.ForCA(name)
	key, err2 := pki.GenerateKey(pki.EC256)
	if err := hint.First(err1, err2); err != nil {
		t.Fatal(err)
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: raw, Signer: key, Now: now, Validity: life})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// issue returns a certificate of a role for a key of its own.
func issue(t *testing.T, ca *pki.CA, role pki.Role, name string, life time.Duration) *x509.Certificate {
	t.Helper()
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	return issueFor(t, ca, role, name, key, life)
}

func issueFor(t *testing.T, ca *pki.CA, role pki.Role, name string, key crypto.Signer, life time.Duration) *x509.Certificate {
	t.Helper()
	raw, err := subject.ForLeaf(ca.Certificate, name)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Issue(pki.Request{Role: role, RawSubject: raw, PublicKey: key.Public(), Now: now, Validity: life})
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// list returns a CA's list of some certificates, all for one reason.
func list(t *testing.T, ca *pki.CA, reason pki.Reason, certs ...*x509.Certificate) *pki.CRL {
	t.Helper()
	r := pki.CRLRequest{Number: big.NewInt(1), Now: now}
	for _, cert := range certs {
		r.Add = append(r.Add, x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: now, ReasonCode: int(reason)})
	}
	crl, err := ca.CRL(r)
	if err != nil {
		t.Fatal(err)
	}
	return crl
}

// folder is a CA's directory as a table describes it.
type folder struct {
	cas      []*pki.CA // of cacert.pem, in this order
	key      *pki.CA   // the one with the key in cakey.pem; nil for none
	next     *pki.CA   // the one with the key that waits for a rollover's end
	lists    []*pki.CRL
	retired  []byte
	records  []*x509.Certificate
	rollover string
}

// machine writes the directory into a machine of the test's own.
func (f folder) machine(t *testing.T) *machine.Machine {
	t.Helper()
	m := machine.New()
	m.Root, m.Now = t.TempDir(), func() time.Time { return now }
	layout := libvirt.CA(m.CAPath())
	write := func(path string, data []byte) {
		if len(data) == 0 {
			return
		}
		if err := hint.First(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for i, ca := range []*pki.CA{f.key, f.next} {
		if ca == nil {
			continue
		}
		data, err := pki.EncodeKey(ca.Signer, nil)
		if err != nil {
			t.Fatal(err)
		}
		write(layout.Path([]libvirt.File{libvirt.CAKey, libvirt.CANextKey}[i]), data)
	}
	var certs []*x509.Certificate
	for _, ca := range f.cas {
		certs = append(certs, ca.Certificate)
	}
	write(layout.Path(libvirt.CACert), pki.EncodeCertificates(certs...))
	write(layout.Path(libvirt.CACRL), pki.EncodeCRL(f.lists...))
	write(layout.Path(libvirt.CARetired), f.retired)
	write(layout.Path(libvirt.CARollover), []byte(f.rollover))
	for _, cert := range f.records {
		write(store.RecordPath(libvirt.Records(m.CAPath()), cert.SerialNumber), pki.EncodeCertificates(cert))
	}
	return m
}

// open opens the CA in the directory, with its lists and, if they exist, its keys.
func (f folder) open(t *testing.T) *Authority {
	t.Helper()
	m := f.machine(t)
	a, err := Open(m)
	if err == nil && f.key != nil {
		err = a.Unlock(change.NewKeyring(m.Tree(), nil))
	}
	if err == nil {
		err = a.LoadCRL()
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// rolling is the state of a rollover that switches at a time.
func rolling(from, to *pki.CA, at time.Time) string {
	return `{"old": "` + keyID(from.Certificate) + `", "new": "` + keyID(to.Certificate) + `", "switch": "` + at.Format(time.RFC3339) + `"}`
}

func TestWhichCASigns(t *testing.T) {
	first, second, stranger := newCA(t, "First", 0), newCA(t, "Second", 0), newCA(t, "Stranger", 0)
	both := []*pki.CA{first, second}
	for _, c := range []struct {
		name    string
		f       folder
		signs   *pki.CA
		rolling bool
		keys    int
	}{
		{"one generation", folder{cas: []*pki.CA{first}, key: first}, first, false, 1},
		{"the first of several", folder{cas: both, key: first}, first, false, 1},
		{"before the switch", folder{cas: both, key: first, next: second, rollover: rolling(first, second, now.Add(day))}, first, true, 2},
		{"at the switch", folder{cas: both, key: first, next: second, rollover: rolling(first, second, now)}, second, true, 2},
		{"a start that was cut short", folder{cas: []*pki.CA{first}, key: first, next: second, rollover: rolling(first, second, now)}, first, false, 1},
		{"a finish that was cut short", folder{cas: []*pki.CA{second}, key: second, rollover: rolling(first, second, now)}, second, true, 1},
		{"the key of another in wait", folder{cas: []*pki.CA{first}, key: first, next: stranger}, first, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.f.open(t)
			if !a.CA.Certificate.Equal(c.signs.Certificate) || !pki.KeyMatches(c.signs.Certificate, a.CA.Signer) {
				t.Errorf("%s signs, want %s", subject.Of(a.CA.Certificate), subject.Of(c.signs.Certificate))
			}
			if (a.Rollover != nil) != c.rolling || len(a.generations()) != c.keys {
				t.Errorf("rollover %v with %d keys", a.Rollover, len(a.generations()))
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	ca, old := newCA(t, "Example", 0), newCA(t, "Old", 0)
	record := issue(t, ca, pki.Client, "admin", day)
	for _, c := range []struct {
		name string
		f    folder
		is   error
		says string
	}{
		{"nothing", folder{}, ErrNone, "no CA in"},
		{"a key alone", folder{key: ca}, ErrKeyAlone, ""},
		{"a key that has signed", folder{key: ca, records: []*x509.Certificate{record}}, nil, "without its certificate"},
		{"no state", folder{cas: []*pki.CA{ca, old}, rollover: "{"}, nil, "unexpected end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(c.f.machine(t))
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

func TestHasSigned(t *testing.T) {
	old, present, gone, other := newCA(t, "Old", 0), newCA(t, "Present", 0), newCA(t, "Gone", 0), newCA(t, "Other", 0)
	recorded := issue(t, gone, pki.Client, "recorded", day)
	a := folder{
		cas:     []*pki.CA{present, old},
		retired: pki.EncodeCertificates(gone.Certificate),
		records: []*x509.Certificate{recorded},
	}.open(t)
	for _, c := range []struct {
		name                 string
		cert                 *x509.Certificate
		signed, ever, grants bool
	}{
		{"the one that signs", issue(t, present, pki.Client, "a", day), true, true, true},
		{"another generation", issue(t, old, pki.Client, "b", day), true, true, true},
		{"one that was dropped", issue(t, gone, pki.Client, "c", day), false, true, false},
		{"one that was dropped, with a record", recorded, false, true, true},
		{"a stranger", issue(t, other, pki.Client, "d", day), false, false, false},
	} {
		if a.HasSigned(c.cert) != c.signed || a.EverSigned(c.cert) != c.ever || a.Granted(c.cert) != c.grants {
			t.Errorf("%s: signed %v, ever %v, granted %v", c.name, a.HasSigned(c.cert), a.EverSigned(c.cert), a.Granted(c.cert))
		}
	}
}

func TestFindRevokedOverGenerations(t *testing.T) {
	old, present, gone := newCA(t, "Old", 0), newCA(t, "Present", 0), newCA(t, "Gone", 0)
	byOld, byPresent, byGone := issue(t, old, pki.Client, "a", day), issue(t, present, pki.Client, "b", day), issue(t, gone, pki.Client, "c", day)
	graver := list(t, gone, pki.ReasonKeyCompromise, byGone, byOld)
	a := folder{
		cas:     []*pki.CA{present, old},
		lists:   []*pki.CRL{list(t, present, pki.ReasonUnspecified, byPresent), list(t, old, pki.ReasonSuperseded, byOld)},
		retired: slices.Concat(pki.EncodeCertificates(gone.Certificate), pki.EncodeCRL(graver)),
	}.open(t)
	for _, c := range []struct {
		name    string
		cert    *x509.Certificate
		revoked bool
		reason  pki.Reason
	}{
		{"by the one that signs", byPresent, true, pki.ReasonUnspecified},
		{"twice, for a graver reason", byOld, true, pki.ReasonKeyCompromise},
		{"by one that was dropped", byGone, true, pki.ReasonKeyCompromise},
		{"by nobody", issue(t, present, pki.Client, "d", day), false, pki.ReasonUnspecified},
	} {
		entry, revoked := a.FindRevoked(c.cert.SerialNumber)
		if revoked != c.revoked || pki.Reason(entry.ReasonCode) != c.reason {
			t.Errorf("%s: revoked %v (%v)", c.name, revoked, pki.Reason(entry.ReasonCode))
		}
	}
}

func TestLiveClients(t *testing.T) {
	ca, gone := newCA(t, "Example", 0), newCA(t, "Gone", 0)
	revoked := issue(t, ca, pki.Client, "revoked", 9*day)
	a := folder{
		cas:   []*pki.CA{ca},
		lists: []*pki.CRL{list(t, ca, pki.ReasonUnspecified, revoked)},
		records: []*x509.Certificate{
			revoked, issue(t, ca, pki.Client, "zoe", 9*day), issue(t, ca, pki.Client, "expired", day),
			issue(t, ca, pki.Server, "host", 9*day), issue(t, gone, pki.Client, "dropped", 9*day),
		},
	}.open(t)
	a.Planned = append(a.Planned, issue(t, ca, pki.Client, "amy", 9*day))
	got, err := a.LiveClients(now.Add(2 * day))
	if want := []string{"O=Example,CN=amy", "O=Example,CN=zoe"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("live clients %q, %v, want %q", got, err, want)
	}
}

func TestLifeLike(t *testing.T) {
	ca, gone := newCA(t, "Example", 30*day), newCA(t, "Gone", 0)
	a := folder{cas: []*pki.CA{ca}}.open(t)
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		want time.Duration
	}{
		{"the same", issue(t, ca, pki.Client, "a", 7*day), 7 * day},
		{"cut short by its CA", issue(t, ca, pki.Client, "b", 90*day), pki.DefaultLeafValidity},
		{"of a CA that is gone", issue(t, gone, pki.Client, "c", 7*day), pki.DefaultLeafValidity},
	} {
		if got := a.LifeLike(c.cert); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestMake(t *testing.T) {
	ca := newCA(t, "Example", 0)
	raw, err := subject.ForCA("New")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		f       folder
		refused string
		kept    bool // the key that is there
	}{
		{"nothing there", folder{}, "", false},
		{"a key that a run has left", folder{key: ca}, "there is only a CA's key", true},
		{"a CA", folder{cas: []*pki.CA{ca}, key: ca}, "there is a CA already", true},
		{"a list alone", folder{lists: []*pki.CRL{list(t, ca, pki.ReasonUnspecified)}}, "without its certificate", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.f.machine(t)
			if err := RefuseExisting(m); (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
				t.Errorf("error %v, want %q", err, c.refused)
			}
			a, err := Make(change.NewJob(m), m, change.NewKeyring(m.Tree(), nil), Spec{RawSubject: raw, KeyType: pki.EC256, Validity: day})
			if err != nil {
				t.Fatal(err)
			}
			if kept := pki.KeyMatches(ca.Certificate, a.CA.Signer); kept != c.kept || !slices.Equal(a.CA.Certificate.RawSubject, raw) {
				t.Errorf("%s with the old key: %v", subject.Of(a.CA.Certificate), kept)
			}
		})
	}
}
