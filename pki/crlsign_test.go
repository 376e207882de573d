package pki_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/pki"
)

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
	ca := newCA(t, pki.Ed25519) // deterministic signatures: equal input, equal bytes
	compare := func(add []x509.RevocationListEntry) {
		got := sign(t, ca, pki.CRLRequest{Number: big.NewInt(7), Add: add})
		want, err := x509.CreateRevocationList(nil, &x509.RevocationList{
			Number: big.NewInt(7), RevokedCertificateEntries: add, ThisUpdate: now, NextUpdate: now.Add(pki.DefaultCRLValidity),
		}, ca.Certificate, ca.Signer)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Raw, want) {
			t.Errorf("%d entries: %d bytes differ from the standard library's %d", len(add), len(got.Raw), len(want))
		}
	}
	for _, n := range []int{0, 1, 2, 3, 5, 200, 3000} {
		add := randomEntries(n)
		for i := range add {
			unique := add[i].SerialNumber.Lsh(add[i].SerialNumber, 16)
			unique.Add(unique, big.NewInt(int64(i)))
		}
		compare(add)
	}
	for length := range 300 { // lengths around 128 and 256 at every level
		e := entry(-200, pki.Reason(length%2))
		e.ExtraExtensions = []pkix.Extension{{Id: extension(24).Id, Critical: length%3 == 0, Value: make([]byte, length)}}
		compare([]x509.RevocationListEntry{e})
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
		{"year 10000", pki.CRLRequest{Now: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}, "cannot represent"},
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
}

// libvirt's own recipe for certtool makes CAs that may sign only certificates, and libvirt uses the
// lists of such a CA as well.
func TestCRLOfACAWithoutCRLSign(t *testing.T) {
	ca := newCA(t, pki.EC256)
	limited := *ca.Certificate
	limited.KeyUsage = x509.KeyUsageCertSign
	if crl, err := (&pki.CA{Certificate: &limited, Signer: ca.Signer}).CRL(pki.CRLRequest{Now: now}); err != nil || crl.CheckSignatureFrom(&limited) != nil {
		t.Errorf("got %v, want a list that verifies", err)
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

// Appending takes memory in proportion to the bytes of the file, not to the number of entries.
func TestAppendingIsLean(t *testing.T) {
	const n = 50_000
	ca := newCA(t, pki.EC256)
	file := pki.EncodeCRL(sign(t, ca, pki.CRLRequest{Add: manyEntries(n)}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	crls, err := pki.ParseCRLs(file)
	if err != nil {
		t.Fatal(err)
	}
	appended := pki.EncodeCRL(sign(t, ca, pki.CRLRequest{Base: crls[0], Add: []x509.RevocationListEntry{entry(1, 0)}}))
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(7*len(file)/2); got > most {
		t.Errorf("%d bytes allocated for a file of %d, want at most %d", got, len(file), most)
	}
	if got := after.Mallocs - before.Mallocs; got > n/10 {
		t.Errorf("%d allocations for %d entries", got, n)
	}
	if len(appended) <= len(file) {
		t.Errorf("%d bytes became %d", len(file), len(appended))
	}
}
