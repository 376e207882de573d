package pki_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"virtpki/pki"
)

// foreign describes a list that another program might have made. The zero value is an empty list of
// version 1. Its signature is garbage.
type foreign struct {
	v2         bool
	entries    [][]byte // encoded
	emptyList  bool     // write revokedCertificates although it is empty
	extensions []pkix.Extension
	trailing   []byte // behind the entries
}

func (f foreign) encode(t testing.TB, issuer []byte) []byte {
	t.Helper()
	algorithm := []byte{0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70} // Ed25519
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			if f.v2 {
				b.AddASN1Int64(1)
			}
			b.AddBytes(algorithm)
			b.AddBytes(issuer)
			b.AddASN1UTCTime(now)
			f.addBody(t, b)
		})
		b.AddBytes(algorithm)
		b.AddASN1BitString(make([]byte, 64))
	})
	return b.BytesOrPanic()
}

func (f foreign) addBody(t testing.TB, b *cryptobyte.Builder) {
	if len(f.entries) > 0 || f.emptyList {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(f.entries, nil)) })
	}
	b.AddBytes(f.trailing)
	if len(f.extensions) > 0 {
		b.AddASN1(der.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(marshal(t, f.extensions)) })
	}
}

func marshal(t testing.TB, value any) []byte {
	t.Helper()
	encoded, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// revoked encodes an entry with the standard library.
func revoked(t testing.TB, serial *big.Int, at time.Time, extensions ...pkix.Extension) []byte {
	return marshal(t, pkix.RevokedCertificate{SerialNumber: serial, RevocationTime: at, Extensions: extensions})
}

func extension(id int, value ...byte) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, id}, Value: value}
}

// entry is a new entry for a list.
func entry(serial int64, reason pki.Reason) x509.RevocationListEntry {
	return x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: now.Add(-time.Hour), ReasonCode: int(reason)}
}

func sign(t testing.TB, ca *pki.CA, r pki.CRLRequest) *pki.CRL {
	t.Helper()
	if r.Now.IsZero() {
		r.Now = now
	}
	crl, err := ca.CRL(r)
	if err != nil {
		t.Fatal(err)
	}
	return crl
}

func parse(t testing.TB, data []byte) *pki.CRL {
	t.Helper()
	crl, err := pki.ParseCRL(data)
	if err != nil {
		t.Fatal(err)
	}
	return crl
}

// raws lists the encodings of the entries.
func raws(t testing.TB, crl *pki.CRL) [][]byte {
	t.Helper()
	var all [][]byte
	for entry, err := range crl.Entries() {
		if err != nil {
			t.Error(err)
		}
		all = append(all, entry.Raw)
	}
	if len(all) != crl.Len() {
		t.Errorf("Len() = %d, and %d entries", crl.Len(), len(all))
	}
	return all
}

func TestParseCRLs(t *testing.T) {
	one, two := sign(t, newCA(t, pki.EC256), pki.CRLRequest{}), sign(t, newCA(t, pki.EC256), pki.CRLRequest{})
	file := append([]byte("\xef\xbb\xbf# both generations\r\n"), pki.EncodeCRL(one, two)...)
	crls, err := pki.ParseCRLs(bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")))
	if err != nil || len(crls) != 2 || !bytes.Equal(crls[0].Raw, one.Raw) || !bytes.Equal(crls[1].Raw, two.Raw) {
		t.Fatalf("%d lists, %v, want the two", len(crls), err)
	}
	if got := pki.EncodeCRL(crls...); !bytes.HasSuffix(file, got) {
		t.Error("reading and encoding changes the file")
	}
	for name, data := range map[string][]byte{"nothing": nil, "DER": one.Raw, "a certificate": pki.EncodeCertificates(newCA(t, pki.EC256).Certificate)} {
		if _, err := pki.ParseCRLs(data); !errors.Is(err, pki.ErrNoCRL) {
			t.Errorf("%s: %v, want %v", name, err, pki.ErrNoCRL)
		}
	}
	whole := pki.EncodeCRL(one)
	for name, data := range map[string][]byte{
		"cut short":             whole[:len(whole)/2],
		"second cut short":      append(pki.EncodeCRL(two), whole[:len(whole)-30]...),
		"first of bad letters":  append(bytes.Replace(whole, []byte("\nM"), []byte("\n!"), 1), whole...),
		"a block of other data": []byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
	} {
		if crls, err := pki.ParseCRLs(data); err == nil || errors.Is(err, pki.ErrNoCRL) {
			t.Errorf("%s: %d lists, %v, want an error of its own", name, len(crls), err)
		}
	}
}

// A replaced entry keeps its place and its other fields. The other entries keep their bytes, and a
// serial that the list does not have is not added.
func TestReplaceEntries(t *testing.T) {
	ca := newCA(t, pki.EC256)
	invalidity := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 24}, Value: []byte("\x18\x0f20260101000000Z")}
	first := entry(6, pki.ReasonUnspecified)
	first.ExtraExtensions = []pkix.Extension{invalidity}
	base := sign(t, ca, pki.CRLRequest{Add: []x509.RevocationListEntry{entry(5, pki.ReasonSuperseded), first, entry(7, pki.ReasonUnspecified)}})
	old, _ := base.Find(big.NewInt(6))
	next := sign(t, ca, pki.CRLRequest{Base: base, Replace: []x509.RevocationListEntry{pki.WithReason(old, pki.ReasonKeyCompromise), entry(9, pki.ReasonKeyCompromise)}})
	var before, after []x509.RevocationListEntry
	for e := range base.Entries() {
		before = append(before, e)
	}
	for e := range next.Entries() {
		after = append(after, e)
	}
	if len(after) != 3 || !bytes.Equal(before[0].Raw, after[0].Raw) || !bytes.Equal(before[2].Raw, after[2].Raw) {
		t.Fatalf("got %d entries, want the 3 of before with the first and the last as they were", len(after))
	}
	got := after[1]
	if got.SerialNumber.Int64() != 6 || got.ReasonCode != int(pki.ReasonKeyCompromise) || !got.RevocationTime.Equal(old.RevocationTime) ||
		len(got.Extensions) != 2 || !got.Extensions[0].Id.Equal(invalidity.Id) {
		t.Errorf("got %+v, want serial 6 of %v with keyCompromise beside its invalidityDate", got, old.RevocationTime)
	}
}

func TestParseCRLRefuses(t *testing.T) {
	ca := newCA(t, pki.EC256)
	raw := sign(t, ca, pki.CRLRequest{Add: []x509.RevocationListEntry{entry(5, pki.ReasonSuperseded)}}).Raw
	for n := range raw {
		if _, err := pki.ParseCRL(raw[:n]); err == nil {
			t.Errorf("accepted the first %d of %d bytes", n, len(raw))
		}
	}
	plain := foreign{v2: true}.encode(t, ca.Certificate.RawSubject)
	for name, data := range map[string][]byte{
		"version 3":                bytes.Replace(plain, []byte{2, 1, 1}, []byte{2, 1, 2}, 1),
		"version 0":                bytes.Replace(plain, []byte{2, 1, 1}, []byte{2, 1, 0xff}, 1),
		"two signature algorithms": bytes.Replace(plain, []byte{0x2b, 0x65, 0x70}, []byte{0x2b, 0x65, 0x71}, 1),
	} {
		if _, err := pki.ParseCRL(data); err == nil {
			t.Errorf("accepted a list with %s", name)
		}
	}
	good := revoked(t, big.NewInt(5), now)
	tests := map[string]struct {
		list foreign
		want string
	}{
		"an entry that is no sequence": {foreign{v2: true, entries: [][]byte{good, {2, 1, 5}}}, "entry 2 "},
		"an entry without serial":      {foreign{v2: true, entries: [][]byte{good, good, {0x30, 0}}}, "entry 3 "},
		"a serial without contents":    {foreign{entries: [][]byte{{0x30, 2, 2, 0}}}, "entry 1 "},
		"a serial with leading zeros":  {foreign{entries: [][]byte{{0x30, 4, 2, 2, 0, 1}}}, "entry 1 "},
		"a serial with leading ones":   {foreign{entries: [][]byte{{0x30, 4, 2, 2, 0xff, 0x80}}}, "entry 1 "},
		"a number that is a string":    {foreign{v2: true, extensions: []pkix.Extension{extension(20, 4, 1, 1)}}, "cRLNumber"},
		"a key id that is a number":    {foreign{v2: true, extensions: []pkix.Extension{extension(35, 2, 1, 1)}}, "authorityKeyIdentifier"},
	}
	for name, test := range tests {
		if _, err := pki.ParseCRL(test.list.encode(t, ca.Certificate.RawSubject)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, test.want)
		}
	}
}

// A flaw behind the serial is reported, but hides neither the entry nor those after it.
func TestEntriesGoOnBehindAFlaw(t *testing.T) {
	flawed := [][]byte{
		{0x30, 3, 2, 1, 1}, // no date
		append([]byte{0x30, 18, 2, 1, 2, 0x17, 13}, "271399000000Z"...),                                 // no such date
		append(append([]byte{0x30, 22, 2, 1, 3, 0x17, 13}, "270101000000Z"...), 0x30, 2, 2, 0),          // no extension
		revoked(t, big.NewInt(4), now, extension(21, 2, 1, 1)),                                          // reason of another type
		append(append([]byte{0x30, 20, 2, 1, 5, 0x17, 13}, "270101000000Z"...), 0x30, 0x40),             // truncated extensions
		append(append([]byte{0x30, 24, 2, 1, 6, 0x17, 13}, "270101000000Z"...), 0x30, 4, 0x30, 2, 4, 0), // extension without id
	}
	good := revoked(t, big.NewInt(99), now)
	base := parse(t, foreign{v2: true, entries: append(slices.Clone(flawed), good)}.encode(t, subject("Test CA")))
	crl := sign(t, newCA(t, pki.EC256), pki.CRLRequest{Base: base})
	n, wrong := 0, 0
	for entry, err := range crl.Entries() {
		n++
		if err != nil {
			wrong++
			if entry.SerialNumber.Int64() != int64(n) || !bytes.Equal(entry.Raw, flawed[n-1]) {
				t.Errorf("entry %d: serial %v, %x, with %v", n, entry.SerialNumber, entry.Raw, err)
			}
		}
		if _, found := crl.Find(entry.SerialNumber); !found {
			t.Errorf("serial %v is not found", entry.SerialNumber)
		}
	}
	if n != 7 || wrong != 6 || base.Len() != 7 {
		t.Errorf("%d entries, %d of them with errors, Len %d, want 7, 6, 7", n, wrong, base.Len())
	}
}

func TestReasons(t *testing.T) {
	want := map[string]pki.Reason{
		"unspecified": 0, "keyCompromise": 1, "cACompromise": 2, "affiliationChanged": 3, "superseded": 4,
		"cessationOfOperation": 5, "certificateHold": 6, "privilegeWithdrawn": 9, "aACompromise": 10,
	}
	for name, reason := range want {
		for _, s := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
			if got, err := pki.ParseReason(s); got != reason || err != nil {
				t.Errorf("ParseReason(%q) = %d, %v, want %d", s, got, err, reason)
			}
		}
		if reason.String() != name || !slices.Contains(pki.Reasons(), reason) {
			t.Errorf("reason %d is %q, want %q; listed in %v", int(reason), reason, name, pki.Reasons())
		}
	}
	if len(pki.Reasons()) != len(want) {
		t.Errorf("Reasons() = %v, want %d", pki.Reasons(), len(want))
	}
	for s, text := range map[string]string{"removeFromCRL": "delta", "": "unknown", "reason 7": "unknown", "stolen": "one of unspecified, "} {
		if _, err := pki.ParseReason(s); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("ParseReason(%q): %v, want an error with %q", s, err, text)
		}
	}
	for reason, name := range map[pki.Reason]string{8: "removeFromCRL", 7: "reason 7", -1: "reason -1", 11: "reason 11"} {
		if reason.String() != name {
			t.Errorf("reason %d prints as %q, want %q", int(reason), reason, name)
		}
	}
}
