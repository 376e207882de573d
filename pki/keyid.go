package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// KeyID returns a text that is the same for two public keys when the private key of one gives that
// of the other, however they are encoded:
//
//   - RSA keys with one modulus, with any exponents: its factors give every private exponent;
//   - points of one curve with one x coordinate: P is d·G, and -P is (n-d)·G;
//   - Ed25519 keys with one y coordinate.
//
// It is empty for a key of another kind. To find out whether a private key belongs to a
// certificate, use [KeyMatches], which requires the very same key.
func KeyID(pub crypto.PublicKey) string {
	switch key := pub.(type) {
	case *rsa.PublicKey:
		return keyID("rsa", key.N.Bytes())
	case *ecdsa.PublicKey:
		raw, err := key.Bytes()
		if err != nil {
			return ""
		}
		return keyID(key.Curve.Params().Name, raw[1:1+(len(raw)-1)/2])
	case ed25519.PublicKey:
		return keyID("ed25519", edwardsY(key))
	}
	return ""
}

func keyID(kind string, value []byte) string {
	sum := sha256.Sum256(value)
	return kind + ":" + hex.EncodeToString(sum[:])
}

// edwardsY returns the y coordinate of a point, without the sign of x. A coordinate may
// be written with the prime added to it.
func edwardsY(key ed25519.PublicKey) []byte {
	raw := slices.Clone(key)
	raw[len(raw)-1] &= 0x7f
	slices.Reverse(raw)
	prime := new(big.Int).Lsh(big.NewInt(1), 255)
	prime.Sub(prime, big.NewInt(19))
	return new(big.Int).Mod(new(big.Int).SetBytes(raw), prime).Bytes()
}

// oidRSAPSS marks an RSA key that is only for RSASSA-PSS (RFC 4055 section 1.2), which crypto/x509
// does not read.
var oidRSAPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}

// KeyIDOf returns the [KeyID] of a certificate's key. It reads RSA keys for RSASSA-PSS
// too: they are the same numbers.
func KeyIDOf(cert *x509.Certificate) string {
	if cert.PublicKey != nil {
		return KeyID(cert.PublicKey)
	}
	var algorithm asn1.ObjectIdentifier
	var info, identifier, key cryptobyte.String
	var bits []byte
	modulus := new(big.Int)
	raw := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	if !raw.ReadASN1(&info, der.SEQUENCE) || !info.ReadASN1(&identifier, der.SEQUENCE) ||
		!identifier.ReadASN1ObjectIdentifier(&algorithm) || !algorithm.Equal(oidRSAPSS) || !info.ReadASN1BitStringAsBytes(&bits) {
		return ""
	}
	key = bits
	if !key.ReadASN1(&key, der.SEQUENCE) || !key.ReadASN1Integer(modulus) {
		return ""
	}
	return KeyID(&rsa.PublicKey{N: modulus})
}
