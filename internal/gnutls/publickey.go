package gnutls

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// KeyKind is the kind of a key, in words.
type KeyKind string

// The kinds of keys that GnuTLS knows, and any other.
const (
	KeyRSA     KeyKind = "RSA"
	KeyRSAPSS  KeyKind = "RSA-PSS"
	KeyEC      KeyKind = "EC"
	KeyEd25519 KeyKind = "Ed25519"
	KeyEd448   KeyKind = "Ed448"
	KeyDSA     KeyKind = "DSA"
	KeyMLDSA44 KeyKind = "ML-DSA-44"
	KeyMLDSA65 KeyKind = "ML-DSA-65"
	KeyMLDSA87 KeyKind = "ML-DSA-87"
	KeyUnknown KeyKind = ""
)

// MLDSA reports whether it is one of ML-DSA's, which few builds of GnuTLS can use: see [Library].
func (k KeyKind) MLDSA() bool { return k == KeyMLDSA44 || k == KeyMLDSA65 || k == KeyMLDSA87 }

// kindOfMLDSA returns the kind of a key by its algorithm's object identifier; [KeyUnknown] for any
// but ML-DSA's.
func kindOfMLDSA(oid string) KeyKind {
	switch oid {
	case "2.16.840.1.101.3.4.3.17":
		return KeyMLDSA44
	case "2.16.840.1.101.3.4.3.18":
		return KeyMLDSA65
	case "2.16.840.1.101.3.4.3.19":
		return KeyMLDSA87
	}
	return KeyUnknown
}

// PublicKey is the key in a certificate.
type PublicKey struct {
	Kind KeyKind
	bits int
	oid  string // of the algorithm, or of an EC key's curve
	n, e *big.Int
	ec   *ecdsa.PublicKey // nil where Go has no such curve
	raw  []byte           // the content of the BIT STRING
	pss  *pssParams       // the limits of an RSA-PSS key
}

type curve struct {
	name     string
	bits     int
	elliptic elliptic.Curve // nil: Go has none
	tls      bool           // can sign in a handshake
}

// curveByOID knows the curves that GnuTLS reads. A certificate with any other curve cannot be
// loaded.
func curveByOID(oid string) (curve, bool) {
	switch oid {
	case "1.2.840.10045.3.1.1":
		return curve{"P-192", 192, nil, false}, true
	case "1.3.132.0.33":
		return curve{"P-224", 224, elliptic.P224(), false}, true
	case "1.2.840.10045.3.1.7":
		return curve{"P-256", 256, elliptic.P256(), true}, true
	case "1.3.132.0.34":
		return curve{"P-384", 384, elliptic.P384(), true}, true
	case "1.3.132.0.35":
		return curve{"P-521", 521, elliptic.P521(), true}, true
	}
	return curve{}, false
}

const (
	oidRSA    = "1.2.840.113549.1.1.1"
	oidRSAPSS = "1.2.840.113549.1.1.10"
	oidEC     = "1.2.840.10045.2.1"
)

// readPublicKey reads a subjectPublicKeyInfo. If GnuTLS does not know the kind of key, the
// result has kind [KeyUnknown]; a certificate with such a key can be read nonetheless.
func readPublicKey(spki cryptobyte.String) (k PublicKey, ok bool) {
	var seq cryptobyte.String
	var a algorithm
	var bits cryptobyte.String
	if !spki.ReadASN1(&seq, asn1.SEQUENCE) || !readAlgorithm(&seq, &a) || !seq.ReadASN1(&bits, asn1.BIT_STRING) || !seq.Empty() || !isBitString(bits) {
		return PublicKey{}, false
	}
	k = PublicKey{oid: a.oid, raw: bits[1:]}
	if bits[0] > 7 { // GnuTLS then reads a shorter key
		return k, true
	}
	switch a.oid {
	case oidRSA, oidRSAPSS:
		k.readRSA(a)
	case oidEC:
		k.readEC(a.params)
	case "1.3.101.112":
		k.Kind, k.bits = KeyEd25519, 256
	case "1.3.101.113":
		k.Kind, k.bits = KeyEd448, 456
	case "1.2.840.10040.4.1":
		k.Kind = KeyDSA
	default:
		k.Kind = kindOfMLDSA(a.oid)
	}
	return k, true
}

func (k *PublicKey) readRSA(a algorithm) {
	s := cryptobyte.String(k.raw)
	var seq cryptobyte.String
	n, e := new(big.Int), new(big.Int)
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(n) || !seq.ReadASN1Integer(e) || n.Sign() <= 0 || e.Sign() <= 0 {
		return
	}
	k.n, k.e, k.bits, k.Kind = n, e, n.BitLen(), KeyRSA
	if a.oid != oidRSAPSS {
		return
	}
	k.Kind = KeyRSAPSS
	if p, ok := readPSSParams(a.params); ok && len(a.params) > 0 {
		k.pss = &p
	}
}

func (k *PublicKey) readEC(params cryptobyte.String) {
	var oid string
	if !readOID(&params, &oid) {
		return
	}
	k.oid = oid
	c, known := curveByOID(oid)
	if !known {
		return
	}
	k.Kind, k.bits = KeyEC, c.bits
	if c.elliptic == nil {
		return
	}
	if pub, err := ecdsa.ParseUncompressedPublicKey(c.elliptic, k.raw); err == nil {
		k.ec = pub
	}
}

// loads reports whether GnuTLS can use the key beside a private one, if it has the algorithm.
func (k PublicKey) loads() bool {
	switch k.Kind {
	case KeyUnknown:
		return false
	case KeyEC:
		return k.ec != nil || k.bits == 192
	case KeyEd25519:
		return len(k.raw) == ed25519.PublicKeySize
	case KeyEd448:
		return len(k.raw) == 57
	case KeyMLDSA44, KeyMLDSA65, KeyMLDSA87: // FIPS 204, table 2
		return len(k.raw) == map[KeyKind]int{KeyMLDSA44: 1312, KeyMLDSA65: 1952, KeyMLDSA87: 2592}[k.Kind]
	}
	return true
}

// SignsTLS reports whether keys of this kind can sign a TLS handshake, in a [Library] that loads
// them.
func (k PublicKey) SignsTLS() bool {
	switch k.Kind {
	case KeyEC:
		c, _ := curveByOID(k.oid)
		return c.tls
	case KeyRSA, KeyRSAPSS, KeyEd25519, KeyEd448, KeyMLDSA44, KeyMLDSA65, KeyMLDSA87:
		return true
	}
	return false
}

// Describe returns the key in words: "EC P-224", "RSA with 1024 bits".
func (k PublicKey) Describe() string {
	switch k.Kind {
	case KeyEC:
		c, _ := curveByOID(k.oid)
		return "EC " + c.name
	case KeyRSA, KeyRSAPSS:
		return string(k.Kind) + " with " + decimal(k.bits) + " bits"
	case KeyUnknown:
		if k.oid == "" {
			return "of no known type"
		}
		return "of the type " + k.oid
	case KeyMLDSA44, KeyMLDSA65, KeyMLDSA87:
		return "of the type " + string(k.Kind)
	}
	return string(k.Kind)
}
