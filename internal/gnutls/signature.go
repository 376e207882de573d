package gnutls

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	_ "crypto/md5" // certificates that GnuTLS refuses are checked too
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"math/big"
	"slices"
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

func decimal(n int) string { return strconv.Itoa(n) }

// signatureAlgorithm is a row of GnuTLS's table (lib/algorithms/sign.c).
type signatureAlgorithm struct {
	name     string
	key      KeyKind
	hash     crypto.Hash // 0 where the key decides
	insecure bool        // refused in certificates
}

func signatureByOID(oid string) (signatureAlgorithm, bool) {
	switch oid {
	case "1.2.840.113549.1.1.2":
		return signatureAlgorithm{"RSA with MD2", KeyRSA, 0, true}, true
	case "1.2.840.113549.1.1.4":
		return signatureAlgorithm{"RSA with MD5", KeyRSA, crypto.MD5, true}, true
	case "1.2.840.113549.1.1.5", "1.3.14.3.2.29":
		return signatureAlgorithm{"RSA with SHA-1", KeyRSA, crypto.SHA1, true}, true
	case "1.2.840.10045.4.1":
		return signatureAlgorithm{"ECDSA with SHA-1", KeyEC, crypto.SHA1, true}, true
	case "1.2.840.10040.4.3", "1.3.14.3.2.27":
		return signatureAlgorithm{"DSA with SHA-1", KeyDSA, 0, true}, true
	case "2.16.840.1.101.3.4.3.1", "2.16.840.1.101.3.4.3.2", "2.16.840.1.101.3.4.3.3", "2.16.840.1.101.3.4.3.4":
		return signatureAlgorithm{"DSA", KeyDSA, 0, false}, true
	case oidRSAPSS:
		return signatureAlgorithm{"RSA-PSS", KeyRSAPSS, 0, false}, true
	case "1.3.101.112":
		return signatureAlgorithm{"Ed25519", KeyEd25519, 0, false}, true
	case "1.3.101.113":
		return signatureAlgorithm{"Ed448", KeyEd448, 0, false}, true
	}
	if kind := kindOfMLDSA(oid); kind != KeyUnknown {
		return signatureAlgorithm{string(kind), kind, 0, false}, true
	}
	return hashedSignature(oid)
}

// signature returns an algorithm by its object identifier, if the library has it.
func (l Library) signature(oid string) (signatureAlgorithm, bool) {
	alg, known := signatureByOID(oid)
	return alg, known && (l.MLDSA() || !alg.key.MLDSA())
}

func hashedSignature(oid string) (signatureAlgorithm, bool) {
	rsaOIDs := map[string]crypto.Hash{"1.2.840.113549.1.1.14": crypto.SHA224, "1.2.840.113549.1.1.11": crypto.SHA256,
		"1.2.840.113549.1.1.12": crypto.SHA384, "1.2.840.113549.1.1.13": crypto.SHA512,
		"2.16.840.1.101.3.4.3.13": crypto.SHA3_224, "2.16.840.1.101.3.4.3.14": crypto.SHA3_256,
		"2.16.840.1.101.3.4.3.15": crypto.SHA3_384, "2.16.840.1.101.3.4.3.16": crypto.SHA3_512}
	ecOIDs := map[string]crypto.Hash{"1.2.840.10045.4.3.1": crypto.SHA224, "1.2.840.10045.4.3.2": crypto.SHA256,
		"1.2.840.10045.4.3.3": crypto.SHA384, "1.2.840.10045.4.3.4": crypto.SHA512,
		"2.16.840.1.101.3.4.3.9": crypto.SHA3_224, "2.16.840.1.101.3.4.3.10": crypto.SHA3_256,
		"2.16.840.1.101.3.4.3.11": crypto.SHA3_384, "2.16.840.1.101.3.4.3.12": crypto.SHA3_512}
	if h, ok := rsaOIDs[oid]; ok {
		return signatureAlgorithm{"RSA with " + h.String(), KeyRSA, h, false}, true
	}
	h, ok := ecOIDs[oid]
	return signatureAlgorithm{"ECDSA with " + h.String(), KeyEC, h, false}, ok
}

// sigResult is the result of checking a signature.
type sigResult int

const (
	sigGood       sigResult = iota
	sigWrong                // not made with this key, or damaged
	sigUnreadable           // GnuTLS cannot check it: refused
	sigUnchecked            // GnuTLS can, this program cannot: taken for good
)

// checkSignature verifies data under an algorithm and the issuer's key.
func (l Library) checkSignature(a algorithm, data, signature []byte, key PublicKey) sigResult {
	alg, known := l.signature(a.oid)
	switch {
	case !known || !l.Loads(key):
		return sigUnreadable
	case alg.key == KeyRSAPSS && (key.Kind == KeyRSA || key.Kind == KeyRSAPSS):
		return checkPSS(a.params, data, signature, key)
	case alg.key != key.Kind:
		return sigWrong
	}
	switch key.Kind {
	case KeyRSA:
		return checkPKCS1(alg.hash, data, signature, key)
	case KeyEC:
		if key.ec == nil || !alg.hash.Available() {
			return sigUnchecked
		}
		return goodIf(ecdsa.VerifyASN1(key.ec, digest(alg.hash, data), signature))
	case KeyEd25519:
		return goodIf(ed25519.Verify(key.raw, data, signature))
	}
	return sigUnchecked
}

func goodIf(ok bool) sigResult {
	if ok {
		return sigGood
	}
	return sigWrong
}

func digest(h crypto.Hash, data []byte) []byte {
	d := h.New()
	d.Write(data)
	return d.Sum(nil)
}

// checkPKCS1 does the public operation itself: crypto/rsa refuses keys of less
// than 1024 bits, and libvirt's own check does not.
func checkPKCS1(h crypto.Hash, data, signature []byte, key PublicKey) sigResult {
	prefix, known := digestPrefix(h)
	if !known {
		return sigUnreadable
	}
	size := (key.bits + 7) / 8
	s := new(big.Int).SetBytes(signature)
	if len(signature) != size || s.Cmp(key.n) >= 0 || key.e.BitLen() > 256 || key.bits > maxRSABits {
		return sigWrong
	}
	t := append(prefix, digest(h, data)...)
	if size < len(t)+11 {
		return sigWrong
	}
	em := bytes.Repeat([]byte{0xff}, size)
	em[0], em[1], em[size-len(t)-1] = 0, 1, 0
	copy(em[size-len(t):], t)
	return goodIf(bytes.Equal(s.Exp(s, key.e, key.n).FillBytes(make([]byte, size)), em))
}

// digestPrefix is the DER in front of a digest (RFC 8017 §9.2).
func digestPrefix(h crypto.Hash) ([]byte, bool) {
	sha2 := func(last byte) []byte { return []byte{0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last} }
	oids := map[crypto.Hash][]byte{
		crypto.MD5: {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5}, crypto.SHA1: {0x2b, 0x0e, 3, 2, 0x1a},
		crypto.SHA256: sha2(1), crypto.SHA384: sha2(2), crypto.SHA512: sha2(3), crypto.SHA224: sha2(4),
		crypto.SHA3_224: sha2(7), crypto.SHA3_256: sha2(8), crypto.SHA3_384: sha2(9), crypto.SHA3_512: sha2(10),
	}
	oid, ok := oids[h]
	if !ok {
		return nil, false
	}
	out := []byte{0x30, byte(8 + len(oid) + h.Size()), 0x30, byte(4 + len(oid)), 6, byte(len(oid))}
	return append(append(out, oid...), 5, 0, 4, byte(h.Size())), true
}

type pssParams struct {
	hash crypto.Hash
	salt int
}

// readPSSParams reads RSASSA-PSS-params (RFC 4055 §3.1); the defaults are SHA-1
// and 20 bytes of salt.
func readPSSParams(der []byte) (pssParams, bool) {
	p := pssParams{crypto.SHA1, 20}
	s := cryptobyte.String(der)
	var seq, explicit cryptobyte.String
	if len(der) == 0 || !s.ReadASN1(&seq, asn1.SEQUENCE) {
		return p, false
	}
	tag := func(n asn1.Tag) asn1.Tag { return n.ContextSpecific().Constructed() }
	var has bool
	if !seq.ReadOptionalASN1(&explicit, &has, tag(0)) {
		return p, false
	}
	if has {
		var a algorithm
		if !readAlgorithm(&explicit, &a) {
			return p, false
		}
		p.hash = hashByOID(a.oid)
	}
	if !seq.SkipOptionalASN1(tag(1)) || !seq.ReadOptionalASN1(&explicit, &has, tag(2)) {
		return p, false
	}
	if has && !explicit.ReadASN1Integer(&p.salt) {
		return p, false
	}
	return p, p.hash != 0 && p.salt >= 0
}

func hashByOID(oid string) crypto.Hash {
	switch oid {
	case "1.3.14.3.2.26":
		return crypto.SHA1
	case "2.16.840.1.101.3.4.2.1":
		return crypto.SHA256
	case "2.16.840.1.101.3.4.2.2":
		return crypto.SHA384
	case "2.16.840.1.101.3.4.2.3":
		return crypto.SHA512
	}
	return 0
}

func checkPSS(params, data, signature []byte, key PublicKey) sigResult {
	p, ok := readPSSParams(params)
	if !ok || p.hash == crypto.SHA1 {
		return sigUnreadable
	}
	if key.pss != nil && (key.pss.hash != p.hash || p.salt < key.pss.salt) {
		return sigWrong
	}
	return goodIf(verifyPSS(p, digest(p.hash, data), signature, key))
}

// verifyPSS is EMSA-PSS-VERIFY (RFC 8017 §9.1.2), for keys of any size.
func verifyPSS(p pssParams, mHash, signature []byte, key PublicKey) bool {
	bits, h := key.bits-1, p.hash.Size()
	size := (bits + 7) / 8
	s := new(big.Int).SetBytes(signature)
	if len(signature) != (key.bits+7)/8 || s.Cmp(key.n) >= 0 || key.bits > maxRSABits || key.e.BitLen() > 256 || size < h+p.salt+2 {
		return false
	}
	m := s.Exp(s, key.e, key.n)
	if m.BitLen() > 8*size {
		return false
	}
	em := m.FillBytes(make([]byte, size))
	db, hash := em[:size-h-1], em[size-h-1:size-1]
	if em[size-1] != 0xbc || db[0]>>(8-(8*size-bits)) != 0 {
		return false
	}
	maskMGF1(p.hash, hash, db)
	db[0] &= 0xff >> (8*size - bits)
	pad := len(db) - p.salt - 1
	if !bytes.Equal(db[:pad], make([]byte, pad)) || db[pad] != 1 {
		return false
	}
	return bytes.Equal(hash, digest(p.hash, slices.Concat(make([]byte, 8), mHash, db[pad+1:])))
}

// maskMGF1 takes the mask off (RFC 8017 §B.2.1).
func maskMGF1(h crypto.Hash, seed, db []byte) {
	for i := 0; i < len(db); i += h.Size() {
		mask := digest(h, binary.BigEndian.AppendUint32(bytes.Clone(seed), uint32(i/h.Size())))
		subtle.XORBytes(db[i:], db[i:], mask)
	}
}

// maxRSABits keeps hostile keys from costing minutes.
const maxRSABits = 1 << 15
