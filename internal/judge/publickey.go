package judge

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// keyKind is what a public key is.
type keyKind string

const (
	keyRSA     keyKind = "RSA"
	keyRSAPSS  keyKind = "RSA-PSS"
	keyEC      keyKind = "EC"
	keyEd25519 keyKind = "Ed25519"
	keyEd448   keyKind = "Ed448"
	keyDSA     keyKind = "DSA"
	keyUnknown keyKind = ""
)

type publicKey struct {
	kind keyKind
	bits int
	oid  string // of the algorithm, or of an EC key's curve
	n, e *big.Int
	ec   *ecdsa.PublicKey // nil where Go has no such curve
	raw  []byte           // the content of the BIT STRING
	pss  *pssParams       // what an RSA-PSS key is bound to
}

type curve struct {
	name     string
	bits     int
	elliptic elliptic.Curve // nil: Go has none
	tls      bool           // can sign in a handshake
}

// curves are those that GnuTLS reads; a certificate with any other cannot be loaded.
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

// readPublicKey reads a subjectPublicKeyInfo. A key of a kind that GnuTLS does
// not know has kind [keyUnknown]; a certificate with it can be read all the same.
func readPublicKey(spki cryptobyte.String) (k publicKey, ok bool) {
	var seq cryptobyte.String
	var a algorithm
	var bits cryptobyte.String
	if !spki.ReadASN1(&seq, asn1.SEQUENCE) || !readAlgorithm(&seq, &a) || !seq.ReadASN1(&bits, asn1.BIT_STRING) || !seq.Empty() || !isBitString(bits) {
		return publicKey{}, false
	}
	k = publicKey{oid: a.oid, raw: bits[1:]}
	if bits[0] > 7 { // GnuTLS then reads a shorter key
		return k, true
	}
	switch a.oid {
	case oidRSA, oidRSAPSS:
		k.readRSA(a)
	case oidEC:
		k.readEC(a.params)
	case "1.3.101.112":
		k.kind, k.bits = keyEd25519, 256
	case "1.3.101.113":
		k.kind, k.bits = keyEd448, 456
	case "1.2.840.10040.4.1":
		k.kind = keyDSA
	}
	return k, true
}

func (k *publicKey) readRSA(a algorithm) {
	s := cryptobyte.String(k.raw)
	var seq cryptobyte.String
	n, e := new(big.Int), new(big.Int)
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(n) || !seq.ReadASN1Integer(e) || n.Sign() <= 0 || e.Sign() <= 0 {
		return
	}
	k.n, k.e, k.bits, k.kind = n, e, n.BitLen(), keyRSA
	if a.oid != oidRSAPSS {
		return
	}
	k.kind = keyRSAPSS
	if p, ok := readPSSParams(a.params); ok && len(a.params) > 0 {
		k.pss = &p
	}
}

func (k *publicKey) readEC(params cryptobyte.String) {
	var oid string
	if !readOID(&params, &oid) {
		return
	}
	k.oid = oid
	c, known := curveByOID(oid)
	if !known {
		return
	}
	k.kind, k.bits = keyEC, c.bits
	if c.elliptic == nil {
		return
	}
	if pub, err := ecdsa.ParseUncompressedPublicKey(c.elliptic, k.raw); err == nil {
		k.ec = pub
	}
}

// loads reports whether GnuTLS can make a key of it, for use with a private one.
func (k publicKey) loads() bool {
	switch k.kind {
	case keyUnknown:
		return false
	case keyEC:
		return k.ec != nil || k.bits == 192
	case keyEd25519:
		return len(k.raw) == ed25519.PublicKeySize
	case keyEd448:
		return len(k.raw) == 57
	}
	return true
}

// signsTLS reports whether a handshake can be signed with the key at all.
func (k publicKey) signsTLS() bool {
	switch k.kind {
	case keyEC:
		c, _ := curveByOID(k.oid)
		return c.tls
	case keyRSA, keyRSAPSS, keyEd25519, keyEd448:
		return true
	}
	return false
}

// describe is the key in people's words: "EC P-224", "RSA with 1024 bits".
func (k publicKey) describe() string {
	switch k.kind {
	case keyEC:
		c, _ := curveByOID(k.oid)
		return "EC " + c.name
	case keyRSA, keyRSAPSS:
		return string(k.kind) + " with " + decimal(k.bits) + " bits"
	case keyUnknown:
		if k.oid == "" {
			return "of no known type"
		}
		return "of the type " + k.oid
	}
	return string(k.kind)
}
