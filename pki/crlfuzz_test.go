package pki_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"virtpki/pki"
)

// randomEntries returns n random entries, in every form that the standard library writes.
func randomEntries(n int) []x509.RevocationListEntry {
	all := make([]x509.RevocationListEntry, n)
	reasons := pki.Reasons()
	for i := range all {
		serial := make([]byte, rand.N(21))
		for j := range serial {
			serial[j] = byte(rand.Uint32())
		}
		all[i].SerialNumber = new(big.Int).SetBytes(serial)
		all[i].RevocationTime = time.Unix(rand.Int64N(4e9), 0) // up to 2096: both forms of a time
		all[i].ReasonCode = int(reasons[rand.N(len(reasons))])
	}
	return all
}

func TestEntriesAgreeWithX509(t *testing.T) {
	ca := newCA(t, pki.EC256)
	for range 100 {
		entries := randomEntries(rand.N(50))
		for i := range entries {
			if rand.N(4) == 0 {
				entries[i].SerialNumber.Neg(entries[i].SerialNumber)
			}
			if rand.N(4) == 0 {
				entries[i].ExtraExtensions = []pkix.Extension{{Id: extension(24).Id, Critical: rand.N(2) == 0, Value: make([]byte, rand.N(300))}}
			}
		}
		raw, err := x509.CreateRevocationList(nil, &x509.RevocationList{
			Number: big.NewInt(rand.Int64()), RevokedCertificateEntries: entries, ThisUpdate: now, NextUpdate: now.Add(time.Hour),
		}, ca.Certificate, ca.Signer)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, raw)
		if err := parse(t, raw).CheckSignatureFrom(ca.Certificate); err != nil {
			t.Error(err)
		}
	}
}

// agree checks that a list has the same contents here as in crypto/x509.
func agree(t *testing.T, raw []byte) {
	t.Helper()
	want, err := x509.ParseRevocationList(raw)
	if err != nil {
		return
	}
	got, err := pki.ParseCRL(raw)
	if err != nil {
		t.Fatalf("crypto/x509 reads %x, and here: %v", raw, err)
	}
	type fields struct {
		raw, issuer, keyID []byte
		number             *big.Int
		from, to           time.Time
		extensions         []pkix.Extension
		n                  int
	}
	g := fields{got.Raw, got.RawIssuer, got.AuthorityKeyID, got.Number, got.ThisUpdate, got.NextUpdate, got.Extensions, got.Len()}
	w := fields{want.Raw, want.RawIssuer, want.AuthorityKeyId, want.Number, want.ThisUpdate, want.NextUpdate, want.Extensions, len(want.RevokedCertificateEntries)}
	if !reflect.DeepEqual(g, w) {
		t.Fatalf("%x:\n got %+v\nwant %+v", raw, g, w)
	}
	i := 0
	for entry, err := range got.Entries() {
		if err != nil || !reflect.DeepEqual(entry, want.RevokedCertificateEntries[i]) {
			t.Fatalf("%x: entry %d\n got %+v, %v\nwant %+v", raw, i+1, entry, err, want.RevokedCertificateEntries[i])
		}
		i++
	}
}

// FuzzParseCRL compares the reader with crypto/x509 on every list that crypto/x509 accepts. It
// checks the other lists against themselves: the number of entries, that each is found, and that a
// list with one more entry keeps them byte for byte.
func FuzzParseCRL(f *testing.F) {
	ca := newCA(f, pki.Ed25519)
	name := ca.Certificate.RawSubject
	f.Add(sign(f, ca, pki.CRLRequest{}).Raw)
	f.Add(sign(f, ca, pki.CRLRequest{Add: randomEntries(4)}).Raw)
	f.Add(foreign{}.encode(f, name))
	f.Add(foreign{v2: true, emptyList: true, extensions: []pkix.Extension{extension(27, 2, 1, 1), extension(28, 0x30, 3, 0x84, 1, 0xff)}}.encode(f, name))
	f.Add(foreign{v2: true, entries: [][]byte{revoked(f, big.NewInt(-200), now, extension(29, 0x30, 0), extension(21, 0x0a, 1, 4))}, trailing: []byte{2, 1, 1}}.encode(f, name))
	f.Fuzz(func(t *testing.T, raw []byte) {
		agree(t, raw)
		crl, err := pki.ParseCRL(raw)
		if err != nil {
			return
		}
		crl.CheckSignatureFrom(ca.Certificate)
		var all []byte
		n := 0
		for entry := range crl.Entries() {
			if _, found := crl.Find(entry.SerialNumber); !found {
				t.Errorf("%x: serial %x is not found", raw, entry.SerialNumber)
			}
			all = append(all, entry.Raw...)
			n++
		}
		if n != crl.Len() {
			t.Errorf("%x: %d entries, Len %d", raw, n, crl.Len())
		}
		crl.RawIssuer = name
		next, err := ca.CRL(pki.CRLRequest{Base: crl, Add: []x509.RevocationListEntry{entry(1, 0)}, Now: now})
		if err == nil && !bytes.Contains(next.Raw, all) {
			t.Errorf("%x: entries are lost in %x", raw, next.Raw)
		}
	})
}
