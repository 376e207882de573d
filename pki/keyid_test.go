package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
)

// publicKey makes a key pair and returns the public half.
func publicKey[T crypto.PublicKey](t *testing.T, keyType KeyType) T {
	t.Helper()
	key, err := GenerateKey(keyType)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public().(T)
}

// negative returns the other point with the same x coordinate.
func negative(t *testing.T, key *ecdsa.PublicKey) *ecdsa.PublicKey {
	t.Helper()
	raw, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	y := raw[1+len(raw)/2:]
	new(big.Int).Sub(key.Curve.Params().P, new(big.Int).SetBytes(y)).FillBytes(y)
	other, err := ecdsa.ParseUncompressedPublicKey(key.Curve, raw)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// compressed returns a point in its short form (SEC 1 section 2.3.3).
func compressed(point []byte) []byte {
	short := slices.Clone(point[:1+len(point)/2])
	short[0] = 2 + point[len(point)-1]&1
	return short
}

func TestKeyID(t *testing.T) {
	rsaKey := publicKey[*rsa.PublicKey](t, RSA2048)
	otherRSA := publicKey[*rsa.PublicKey](t, RSA2048)
	ec := publicKey[*ecdsa.PublicKey](t, EC256)
	ed := publicKey[ed25519.PublicKey](t, Ed25519)
	flipped := slices.Clone(ed)
	flipped[31] ^= 0x80
	one, oneAndPrime := make(ed25519.PublicKey, 32), make(ed25519.PublicKey, 32)
	one[0] = 1
	for i := range oneAndPrime { // 2^255 - 19 + 1, the lowest byte first
		oneAndPrime[i] = 0xff
	}
	oneAndPrime[0], oneAndPrime[31] = 0xee, 0x7f
	for _, test := range []struct {
		what string
		a, b crypto.PublicKey
		same bool
	}{
		{"RSA, another exponent", rsaKey, &rsa.PublicKey{N: rsaKey.N, E: 257}, true},
		{"RSA, another modulus", rsaKey, otherRSA, false},
		{"EC, the negative", ec, negative(t, ec), true},
		{"EC, another", ec, publicKey[*ecdsa.PublicKey](t, EC256), false},
		{"Ed25519, the same", ed, slices.Clone(ed), true},
		{"Ed25519, the negative", ed, flipped, true},
		{"Ed25519, the prime added", one, oneAndPrime, true},
		{"Ed25519, another", ed, publicKey[ed25519.PublicKey](t, Ed25519), false},
		{"RSA and EC", rsaKey, ec, false},
	} {
		a, b := KeyID(test.a), KeyID(test.b)
		if a == "" || b == "" || (a == b) != test.same {
			t.Errorf("%s: %s and %s, want the same: %v", test.what, a, b, test.same)
		}
	}
	for _, key := range []crypto.PublicKey{nil, "no key"} {
		if id := KeyID(key); id != "" {
			t.Errorf("%T has the id %s", key, id)
		}
	}
}

// spki encodes a public key with any algorithm identifier.
func spki(t *testing.T, algorithm asn1.ObjectIdentifier, parameters asn1.RawValue, key []byte) []byte {
	t.Helper()
	raw, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{pkix.AlgorithmIdentifier{Algorithm: algorithm, Parameters: parameters}, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Another encoding of a key has the same id, or cannot be read at all. Then it cannot be in a
// certificate either.
func TestKeyIDOfEncodings(t *testing.T) {
	rsaKey := publicKey[*rsa.PublicKey](t, RSA2048)
	ec := publicKey[*ecdsa.PublicKey](t, EC256)
	pkcs1 := x509.MarshalPKCS1PublicKey(rsaKey)
	oidRSA, oidEC := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	curve, err := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})
	if err != nil {
		t.Fatal(err)
	}
	uncompressed, err := ec.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what string
		raw  []byte
		key  crypto.PublicKey
	}{
		{"RSA, NULL parameters", spki(t, oidRSA, asn1.NullRawValue, pkcs1), rsaKey},
		{"RSA, no parameters", spki(t, oidRSA, asn1.RawValue{}, pkcs1), rsaKey},
		{"RSASSA-PSS", spki(t, oidRSAPSS, asn1.RawValue{}, pkcs1), rsaKey},
		{"EC, uncompressed", spki(t, oidEC, asn1.RawValue{FullBytes: curve}, uncompressed), ec},
		{"EC, compressed", spki(t, oidEC, asn1.RawValue{FullBytes: curve}, compressed(uncompressed)), ec},
	} {
		cert := &x509.Certificate{RawSubjectPublicKeyInfo: test.raw}
		if cert.PublicKey, err = x509.ParsePKIXPublicKey(test.raw); err != nil && test.what != "RSASSA-PSS" {
			continue
		}
		if err != nil {
			cert.PublicKey = nil // as x509.ParseCertificate leaves it
		}
		if got, want := KeyIDOf(cert), KeyID(test.key); got != want {
			t.Errorf("%s: %s, want %s", test.what, got, want)
		}
	}
	for _, raw := range [][]byte{nil, {0x30, 0}, spki(t, oidRSAPSS, asn1.RawValue{}, []byte("no key")), spki(t, asn1.ObjectIdentifier{1, 2, 3}, asn1.RawValue{}, pkcs1)} {
		if id := KeyIDOf(&x509.Certificate{RawSubjectPublicKeyInfo: raw}); id != "" {
			t.Errorf("%x has the id %s", raw, id)
		}
	}
}

func TestReasonCompromised(t *testing.T) {
	for _, reason := range Reasons() {
		want := slices.Contains([]Reason{ReasonKeyCompromise, ReasonCACompromise, ReasonAACompromise}, reason)
		if reason.Compromised() != want {
			t.Errorf("%v: compromised is %v", reason, !want)
		}
	}
}
