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

// foreign describes a list as another program might have made it. The zero value
// is an empty one of version 1. Its signature is garbage.
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

// revoked encodes an entry by the standard library.
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

func TestEmptyCRL(t *testing.T) {
	ca := newCA(t, pki.EC256)
	crl := sign(t, ca, pki.CRLRequest{})
	if err := crl.CheckSignatureFrom(ca.Certificate); err != nil {
		t.Error(err)
	}
	if crl.Len() != 0 || crl.Number.Int64() != 1 || crl.Version != 2 || crl.Delta || crl.Indirect {
		t.Errorf("%d entries, number %v, version %d, delta %v, indirect %v", crl.Len(), crl.Number, crl.Version, crl.Delta, crl.Indirect)
	}
	if !crl.ThisUpdate.Equal(now) || !crl.NextUpdate.Equal(now.Add(pki.DefaultCRLValidity)) {
		t.Errorf("from %v to %v", crl.ThisUpdate, crl.NextUpdate)
	}
	if !bytes.Equal(crl.AuthorityKeyID, ca.Certificate.SubjectKeyId) || !bytes.Equal(crl.RawIssuer, ca.Certificate.RawSubject) {
		t.Errorf("issuer %x, key %x", crl.RawIssuer, crl.AuthorityKeyID)
	}
	if _, found := crl.Find(big.NewInt(1)); found {
		t.Error("found a serial in an empty list")
	}
}

func TestCRLIsBuiltAsTheStandardLibraryBuildsIt(t *testing.T) {
	ca := newCA(t, pki.Ed25519) // signatures without chance: equal input, equal bytes
	for _, n := range []int{0, 1, 2, 3, 5, 200, 3000} {
		add := randomEntries(n)
		for i := range add {
			unique := add[i].SerialNumber.Lsh(add[i].SerialNumber, 16)
			unique.Add(unique, big.NewInt(int64(i)))
		}
		got := sign(t, ca, pki.CRLRequest{Number: big.NewInt(7), Add: add})
		want, err := x509.CreateRevocationList(nil, &x509.RevocationList{
			Number: big.NewInt(7), RevokedCertificateEntries: add, ThisUpdate: now, NextUpdate: now.Add(pki.DefaultCRLValidity),
		}, ca.Certificate, ca.Signer)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Raw, want) {
			t.Errorf("%d entries: %d bytes differ from the standard library's %d", n, len(got.Raw), len(want))
		}
	}
}

func TestCRLKeepsEarlierEntries(t *testing.T) {
	ca := newCA(t, pki.EC256)
	long := new(big.Int).Lsh(big.NewInt(1), 8*20) // 21 octets
	invalidity := extension(24, marshal(t, now)...)
	tests := []struct {
		name    string
		list    foreign
		version int
	}{
		{"version 1 without entries", foreign{}, 1},
		{"version 1", foreign{entries: [][]byte{revoked(t, big.NewInt(5), now)}}, 1},
		{"empty sequence", foreign{v2: true, emptyList: true}, 2},
		{"neither number nor key id", foreign{v2: true, entries: [][]byte{revoked(t, big.NewInt(5), now)}}, 2},
		{"long expired, and GeneralizedTime", foreign{v2: true, entries: [][]byte{
			revoked(t, big.NewInt(5), now.AddDate(-60, 0, 0)), revoked(t, big.NewInt(6), now.AddDate(30, 0, 0))}}, 2},
		{"GeneralizedTime where UTCTime is due", foreign{v2: true, entries: [][]byte{
			append([]byte{0x30, 20, 2, 1, 9, 0x18, 15}, "20270101000000Z"...)}}, 2},
		{"negative and long serials", foreign{v2: true, entries: [][]byte{
			revoked(t, big.NewInt(-5), now), revoked(t, long, now), revoked(t, new(big.Int), now)}}, 2},
		{"serials twice", foreign{v2: true, entries: [][]byte{
			revoked(t, big.NewInt(5), now), revoked(t, big.NewInt(5), now.Add(time.Hour), extension(21, 0x0a, 1, 1))}}, 2},
		{"extensions of entries", foreign{v2: true, entries: [][]byte{
			revoked(t, big.NewInt(5), now, invalidity, extension(21, 0x0a, 1, 0)), revoked(t, big.NewInt(6), now, extension(99, 1, 2, 3))}}, 2},
	}
	for _, test := range tests {
		base := parse(t, test.list.encode(t, ca.Certificate.RawSubject))
		crl := sign(t, ca, pki.CRLRequest{Base: base, Add: []x509.RevocationListEntry{entry(77, pki.ReasonSuperseded)}})
		if base.Version != test.version || crl.Version != 2 {
			t.Errorf("%s: versions %d and %d, want %d and 2", test.name, base.Version, crl.Version, test.version)
		}
		got, want := raws(t, crl), raws(t, base)
		if !slices.EqualFunc(want, test.list.entries, bytes.Equal) {
			t.Errorf("%s: read\n%x, want\n%x", test.name, want, test.list.entries)
		}
		if len(got) != len(want)+1 || !slices.EqualFunc(got[:len(want)], want, bytes.Equal) {
			t.Errorf("%s: entries\n%x, want those of\n%x and one more", test.name, got, want)
		}
		if found, ok := crl.Find(big.NewInt(77)); !ok || found.ReasonCode != int(pki.ReasonSuperseded) {
			t.Errorf("%s: new entry %+v, %v", test.name, found, ok)
		}
		if crl.Number.Int64() != 1 {
			t.Errorf("%s: number %v, want 1", test.name, crl.Number)
		}
	}
}

func TestNewEntriesComeBeforeThoseOfOtherIssuers(t *testing.T) {
	ca := newCA(t, pki.EC256)
	issuer := extension(29, marshal(t, asn1.RawValue{Class: 0, Tag: 16, IsCompound: true, Bytes: append([]byte{0xa4, byte(len(ca.Certificate.RawSubject))}, ca.Certificate.RawSubject...)})...)
	issuer.Critical = true
	base := parse(t, foreign{v2: true, entries: [][]byte{revoked(t, big.NewInt(5), now, issuer)}}.encode(t, ca.Certificate.RawSubject))
	crl := sign(t, ca, pki.CRLRequest{Base: base, Add: []x509.RevocationListEntry{entry(77, 0)}})
	var serials []int64
	for entry := range crl.Entries() {
		serials = append(serials, entry.SerialNumber.Int64())
	}
	if !slices.Equal(serials, []int64{77, 5}) {
		t.Errorf("serials %v, want the new one before one with a certificateIssuer", serials)
	}
}

func TestCRLSkipsSerialsThatStand(t *testing.T) {
	ca := newCA(t, pki.EC256)
	base := sign(t, ca, pki.CRLRequest{Add: []x509.RevocationListEntry{entry(1, pki.ReasonKeyCompromise), entry(2, 0)}})
	crl := sign(t, ca, pki.CRLRequest{Base: base, Add: []x509.RevocationListEntry{
		entry(1, pki.ReasonSuperseded), entry(3, pki.ReasonAACompromise), entry(-1, 0), entry(3, 0)}})
	want := map[int64]pki.Reason{1: pki.ReasonKeyCompromise, 2: 0, 3: pki.ReasonAACompromise, -1: 0}
	if crl.Len() != len(want) || crl.Number.Int64() != 2 {
		t.Errorf("%d entries, number %v, want %d and 2", crl.Len(), crl.Number, len(want))
	}
	for serial, reason := range want {
		got, ok := crl.Find(big.NewInt(serial))
		if !ok || got.ReasonCode != int(reason) || !got.RevocationTime.Equal(now.Add(-time.Hour)) {
			t.Errorf("serial %d: %+v, %v, want reason %v", serial, got, ok, reason)
		}
	}
}

func TestUnspecifiedIsLeftOut(t *testing.T) {
	crl := sign(t, newCA(t, pki.EC256), pki.CRLRequest{Add: []x509.RevocationListEntry{entry(1, pki.ReasonUnspecified)}})
	if got, _ := crl.Find(big.NewInt(1)); len(got.Extensions) != 0 {
		t.Errorf("extensions %v, want none", got.Extensions)
	}
}

func TestCRLRefuses(t *testing.T) {
	ca := newCA(t, pki.EC256)
	name := ca.Certificate.RawSubject
	delta := parse(t, foreign{v2: true, extensions: []pkix.Extension{extension(27, 2, 1, 1)}}.encode(t, name))
	indirect := parse(t, foreign{v2: true, extensions: []pkix.Extension{extension(28, 0x30, 3, 0x84, 1, 0xff)}}.encode(t, name))
	other := parse(t, foreign{}.encode(t, subject("Another CA")))
	numbered := sign(t, ca, pki.CRLRequest{Number: big.NewInt(9)})
	extra := entry(1, 0)
	extra.ExtraExtensions = []pkix.Extension{extension(21, 0x0a, 1, 1)}
	most := new(big.Int).Lsh(big.NewInt(1), 159)
	tests := []struct {
		name string
		r    pki.CRLRequest
		want string
	}{
		{"delta CRL", pki.CRLRequest{Base: delta}, "delta CRL"},
		{"indirect CRL", pki.CRLRequest{Base: indirect}, "indirect CRL"},
		{"another issuer", pki.CRLRequest{Base: other}, "another issuer"},
		{"same number", pki.CRLRequest{Base: numbered, Number: big.NewInt(9)}, "not higher than the 9"},
		{"lower number", pki.CRLRequest{Base: numbered, Number: big.NewInt(8)}, "not higher than the 9"},
		{"negative number", pki.CRLRequest{Number: big.NewInt(-1)}, "negative"},
		{"number of 21 octets", pki.CRLRequest{Number: most}, "20 octets"},
		{"negative validity", pki.CRLRequest{Validity: -time.Second}, "negative validity"},
		{"year 10000", pki.CRLRequest{Now: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}, "encoding the CRL"},
		{"removeFromCRL", pki.CRLRequest{Add: []x509.RevocationListEntry{entry(1, 8)}}, "removeFromCRL"},
		{"reason 7", pki.CRLRequest{Add: []x509.RevocationListEntry{entry(1, 7)}}, "reason 7"},
		{"reason -1", pki.CRLRequest{Add: []x509.RevocationListEntry{entry(1, -1)}}, "reason -1"},
		{"reason 11", pki.CRLRequest{Add: []x509.RevocationListEntry{entry(1, 11)}}, "reason 11"},
		{"no serial", pki.CRLRequest{Add: []x509.RevocationListEntry{{RevocationTime: now}}}, "has no serial"},
		{"no time", pki.CRLRequest{Add: []x509.RevocationListEntry{{SerialNumber: big.NewInt(1)}}}, "no revocation time"},
		{"reason as an extension", pki.CRLRequest{Add: []x509.RevocationListEntry{extra}}, "extra extensions"},
	}
	for _, test := range tests {
		if test.r.Now.IsZero() {
			test.r.Now = now
		}
		if crl, err := ca.CRL(test.r); err == nil || crl != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v, want an error with %q", test.name, crl, err, test.want)
		}
	}
	if _, err := ca.CRL(pki.CRLRequest{Now: now, Number: most.Sub(most, big.NewInt(1))}); err != nil {
		t.Errorf("highest number: %v", err)
	}
}

func TestCRLOfTheWrongKey(t *testing.T) {
	ca, other := newCA(t, pki.EC256), newCA(t, pki.EC256)
	mixed := pki.CA{Certificate: ca.Certificate, Signer: other.Signer}
	if _, err := mixed.CRL(pki.CRLRequest{Now: now}); err == nil {
		t.Error("signed with a key that is not the certificate's")
	}
	if err := sign(t, ca, pki.CRLRequest{}).CheckSignatureFrom(other.Certificate); err == nil {
		t.Error("verified with the key of another CA")
	}
	may := *ca.Certificate
	may.KeyUsage = x509.KeyUsageCertSign
	limited := pki.CA{Certificate: &may, Signer: ca.Signer}
	if _, err := limited.CRL(pki.CRLRequest{Now: now}); err == nil || !strings.Contains(err.Error(), "cRLSign") {
		t.Errorf("%v, want an error for a CA without cRLSign", err)
	}
}

// CAs made by hand often lack keyUsage and key identifiers.
func TestCRLOfAPlainCA(t *testing.T) {
	ca := newCA(t, pki.EC256)
	plain := *ca.Certificate
	plain.KeyUsage, plain.SubjectKeyId = 0, nil
	crl := sign(t, &pki.CA{Certificate: &plain, Signer: ca.Signer}, pki.CRLRequest{})
	if len(crl.AuthorityKeyID) != 20 {
		t.Errorf("key id %x, want 20 bytes", crl.AuthorityKeyID)
	}
}

func TestCheckSignatureFindsAChangedByte(t *testing.T) {
	ca := newCA(t, pki.EC256)
	raw := sign(t, ca, pki.CRLRequest{Add: []x509.RevocationListEntry{entry(0x12345678, 0)}}).Raw
	changed := bytes.Replace(raw, []byte{0x12, 0x34, 0x56, 0x78}, []byte{0x12, 0x34, 0x56, 0x79}, 1)
	if err := parse(t, changed).CheckSignatureFrom(ca.Certificate); err == nil {
		t.Error("a changed serial is not noticed")
	}
}

func TestNextNumber(t *testing.T) {
	tests := map[string]struct {
		crl  *pki.CRL
		want int64
	}{
		"no list":   {nil, 1},
		"no number": {new(pki.CRL), 1},
		"negative":  {&pki.CRL{Number: big.NewInt(-3)}, 1},
		"zero":      {&pki.CRL{Number: new(big.Int)}, 1},
		"41":        {&pki.CRL{Number: big.NewInt(41)}, 42},
	}
	for name, test := range tests {
		if got := pki.NextNumber(test.crl); got.Int64() != test.want {
			t.Errorf("%s: %v, want %d", name, got, test.want)
		}
	}
	if crl := tests["41"].crl; crl.Number.Int64() != 41 {
		t.Errorf("NextNumber changed the number of its argument to %v", crl.Number)
	}
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

func TestParseCRLRefuses(t *testing.T) {
	ca := newCA(t, pki.EC256)
	raw := sign(t, ca, pki.CRLRequest{Add: []x509.RevocationListEntry{entry(5, pki.ReasonSuperseded)}}).Raw
	for n := range raw {
		if _, err := pki.ParseCRL(raw[:n]); err == nil {
			t.Errorf("accepted the first %d of %d bytes", n, len(raw))
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

// A flaw behind the serial is reported, and hides neither the entry nor the rest.
func TestEntriesGoOnBehindAFlaw(t *testing.T) {
	flawed := [][]byte{
		{0x30, 3, 2, 1, 1}, // no date
		append([]byte{0x30, 18, 2, 1, 2, 0x17, 13}, "271399000000Z"...),                                 // no such date
		append(append([]byte{0x30, 22, 2, 1, 3, 0x17, 13}, "270101000000Z"...), 0x30, 2, 2, 0),          // no extension
		revoked(t, big.NewInt(4), now, extension(21, 2, 1, 1)),                                          // reason of another type
		append(append([]byte{0x30, 20, 2, 1, 5, 0x17, 13}, "270101000000Z"...), 0x30, 0x40),             // extensions cut short
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
