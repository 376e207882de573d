package gnutls

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// PrivateKey is the key that GnuTLS finds in a private key's file. It cannot sign.
type PrivateKey struct {
	Kind KeyKind
	// public is the public half, as SubjectPublicKeyInfo bits. It is nil if this program cannot
	// compute it.
	public crypto.PublicKey
	// Damaged is set for an RSA key with numbers that do not fit together. GnuTLS loads it, and
	// leaves out the comparison with the certificate, since it cannot sign.
	Damaged bool
}

var (
	// ErrKeyEncrypted says that the file holds a private key that needs a passphrase.
	ErrKeyEncrypted = errors.New("the key is encrypted")
	errKeyUnknown   = errors.New("not a private key that GnuTLS reads")
)

const (
	labelPKCS8     = "PRIVATE KEY"
	labelEncrypted = "ENCRYPTED PRIVATE KEY"
	keyMark        = "PRIVATE KEY-----"
	maxKeyHeader   = 25 // how far before the mark GnuTLS looks for BEGIN
)

// ReadPrivateKey reads the private key of a PEM file, as gnutls_x509_privkey_import2
// does: the block around the first "PRIVATE KEY-----" by its label, else the first
// PKCS#8 block.
func ReadPrivateKey(data []byte) (PrivateKey, error) {
	if key, err := readLabelled(data); err == nil {
		return key, nil
	}
	if der, err := decodeBlock(data, labelPKCS8); err == nil {
		return readPKCS8(der)
	}
	if der, err := decodeBlock(data, labelEncrypted); err == nil && isEncryptedInfo(der) {
		return PrivateKey{}, ErrKeyEncrypted
	}
	if bytes.Contains(data, []byte("Proc-Type: 4,ENCRYPTED")) {
		return PrivateKey{}, ErrKeyEncrypted
	}
	return PrivateKey{}, errKeyUnknown
}

func readLabelled(data []byte) (PrivateKey, error) {
	mark := bytes.Index(data, []byte(keyMark))
	if mark < 0 {
		return PrivateKey{}, ErrNoBlock
	}
	from := max(0, mark-maxKeyHeader)
	at := bytes.Index(data[from:], []byte(begin))
	if at < 0 {
		return PrivateKey{}, ErrNoBlock
	}
	block := data[from+at:]
	label := block[len(begin):]
	readers := map[string]func([]byte) (PrivateKey, error){"RSA PRIVATE KEY": readPKCS1, "EC PRIVATE KEY": readSEC1, labelPKCS8: readPKCS8}
	for name, read := range readers {
		if !bytes.HasPrefix(label, []byte(name)) {
			continue
		}
		der, err := decodeBlock(block, name)
		if err != nil {
			return PrivateKey{}, err
		}
		return read(der)
	}
	return PrivateKey{}, errKeyUnknown
}

func isEncryptedInfo(der []byte) bool {
	s := cryptobyte.String(der)
	var seq cryptobyte.String
	var a algorithm
	return s.ReadASN1(&seq, asn1.SEQUENCE) && readAlgorithm(&seq, &a)
}

func readPKCS1(der []byte) (PrivateKey, error) {
	s := cryptobyte.String(der)
	var seq cryptobyte.String
	var version int
	numbers := make([]cryptobyte.String, 8)
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() || !seq.ReadASN1Integer(&version) {
		return PrivateKey{}, errKeyUnknown
	}
	for i := range numbers {
		if !seq.ReadASN1Element(&numbers[i], asn1.INTEGER) {
			return PrivateKey{}, errKeyUnknown
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(numbers[0])
		b.AddBytes(numbers[1])
	})
	raw, err := b.Bytes()
	return PrivateKey{Kind: KeyRSA, public: rsaBits(raw), Damaged: !fits(numbers)}, err
}

// fits checks n, e, d, p, q, d mod p-1, d mod q-1 and 1/q mod p of an RSA key, as
// far as nettle uses them to sign (it does without d).
func fits(numbers []cryptobyte.String) bool {
	v := make([]*big.Int, len(numbers))
	for i := range v {
		v[i] = new(big.Int)
		s := numbers[i]
		if !s.ReadASN1Integer(v[i]) || v[i].Sign() <= 0 || v[i].BitLen() > maxRSABits {
			return false
		}
	}
	n, e, p, q, dp, dq, inverse := v[0], v[1], v[3], v[4], v[5], v[6], v[7]
	one := big.NewInt(1)
	product := func(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }
	isOne := func(x, m *big.Int) bool { return m.Sign() > 0 && new(big.Int).Mod(x, m).Cmp(one) == 0 }
	less := func(x *big.Int) *big.Int { return new(big.Int).Sub(x, one) }
	return product(p, q).Cmp(n) == 0 && isOne(product(dp, e), less(p)) && isOne(product(dq, e), less(q)) && isOne(product(inverse, q), p)
}

// rsaBits is the DER of an RSAPublicKey, as a certificate's BIT STRING holds it.
type rsaBits []byte

// isSEC1 looks at the parts that crypto/x509 passes over: the curve and the public
// point behind the private number (RFC 5915).
func isSEC1(der []byte) bool {
	s := cryptobyte.String(der)
	var seq, params, public, bits cryptobyte.String
	var hasParams, hasPublic bool
	var curve string
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() || !seq.SkipASN1(asn1.INTEGER) || !seq.SkipASN1(asn1.OCTET_STRING) ||
		!seq.ReadOptionalASN1(&params, &hasParams, asn1.Tag(0).ContextSpecific().Constructed()) ||
		!seq.ReadOptionalASN1(&public, &hasPublic, asn1.Tag(1).ContextSpecific().Constructed()) || !seq.Empty() {
		return false
	}
	if hasParams && (!readOID(&params, &curve) || !params.Empty()) {
		return false
	}
	return !hasPublic || public.ReadASN1(&bits, asn1.BIT_STRING) && public.Empty() && len(bits) > 1 && bits[1] == 4
}

func readSEC1(der []byte) (PrivateKey, error) {
	if !isSEC1(der) {
		return PrivateKey{}, errKeyUnknown
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return readOtherEC(der)
	}
	return PrivateKey{Kind: KeyEC, public: key.Public()}, nil
}

// readOtherEC takes keys on curves that Go does not have (P-192).
func readOtherEC(der []byte) (PrivateKey, error) {
	s := cryptobyte.String(der)
	var seq, private, params cryptobyte.String
	var version int
	var oid string
	var has bool
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(&version) || !seq.ReadASN1(&private, asn1.OCTET_STRING) ||
		!seq.ReadOptionalASN1(&params, &has, asn1.Tag(0).ContextSpecific().Constructed()) || !has || !readOID(&params, &oid) {
		return PrivateKey{}, errKeyUnknown
	}
	if c, known := curveByOID(oid); !known || c.elliptic != nil {
		return PrivateKey{}, errKeyUnknown
	}
	return PrivateKey{Kind: KeyEC}, nil
}

// readPKCS8 reads a PrivateKeyInfo (RFC 5208, RFC 8410).
func readPKCS8(der []byte) (PrivateKey, error) {
	s := cryptobyte.String(der)
	var seq, private cryptobyte.String
	var version int
	var a algorithm
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(&version) || !readAlgorithm(&seq, &a) || !seq.ReadASN1(&private, asn1.OCTET_STRING) {
		return PrivateKey{}, errKeyUnknown
	}
	switch a.oid {
	case oidRSA:
		return readPKCS1(private)
	case oidEC:
		if !isSEC1(private) {
			return PrivateKey{}, errKeyUnknown
		}
	case oidRSAPSS:
		key, err := readPKCS1(private)
		key.Kind = KeyRSAPSS
		return key, err
	case "1.3.101.113":
		return PrivateKey{Kind: KeyEd448}, nil
	case "1.2.840.10040.4.1":
		return PrivateKey{Kind: KeyDSA}, nil
	}
	if kind := kindOfMLDSA(a.oid); kind != KeyUnknown {
		return readMLDSA(kind, private)
	}
	return readGoKey(der, a)
}

// readMLDSA reads the private number of an ML-DSA key: its seed, its expanded form, or both (RFC 9881
// §6; decode_ml_dsa_inner_private_key in lib/x509/privkey_pkcs8.c).
func readMLDSA(kind KeyKind, private cryptobyte.String) (PrivateKey, error) {
	const seedSize = 32
	size := map[KeyKind]int{KeyMLDSA44: 2560, KeyMLDSA65: 4032, KeyMLDSA87: 4896}[kind] // FIPS 204, table 2
	var seed, expanded, both cryptobyte.String
	whole := private
	ok := whole.ReadASN1(&seed, asn1.Tag(0).ContextSpecific()) && whole.Empty() && len(seed) == seedSize
	whole = private
	ok = ok || whole.ReadASN1(&expanded, asn1.OCTET_STRING) && whole.Empty() && len(expanded) == size
	whole = private
	ok = ok || whole.ReadASN1(&both, asn1.SEQUENCE) && whole.Empty() &&
		both.ReadASN1(&seed, asn1.OCTET_STRING) && both.ReadASN1(&expanded, asn1.OCTET_STRING) && both.Empty() &&
		len(seed) == seedSize && len(expanded) == size
	if !ok {
		return PrivateKey{}, errKeyUnknown
	}
	return PrivateKey{Kind: kind}, nil
}

func readGoKey(der []byte, a algorithm) (PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		return PrivateKey{Kind: KeyEC, public: k.Public()}, nil
	case ed25519.PrivateKey:
		return PrivateKey{Kind: KeyEd25519, public: k.Public()}, nil
	case *rsa.PrivateKey, *ecdh.PrivateKey:
		return PrivateKey{}, errKeyUnknown
	}
	params := cryptobyte.String(a.params)
	var oid string
	if a.oid == oidEC && readOID(&params, &oid) {
		if c, known := curveByOID(oid); known && c.elliptic == nil {
			return PrivateKey{Kind: KeyEC}, nil
		}
	}
	return PrivateKey{}, errors.Join(errKeyUnknown, err)
}

// Matches reports whether the private key belongs to a certificate's public key. It sets
// unknown too if this program cannot compute the public half of that kind of key.
func (k PrivateKey) Matches(pub PublicKey) (same, unknown bool) {
	rsaPair := (k.Kind == KeyRSA || k.Kind == KeyRSAPSS) && (pub.Kind == KeyRSA || pub.Kind == KeyRSAPSS)
	if !rsaPair && k.Kind != pub.Kind || k.Kind == KeyRSAPSS && pub.Kind == KeyRSA {
		return false, false
	}
	switch public := k.public.(type) {
	case rsaBits:
		return bytes.Equal(public, pub.raw), false
	case *ecdsa.PublicKey:
		return pub.ec != nil && public.Equal(pub.ec), false
	case ed25519.PublicKey:
		return bytes.Equal(public, pub.raw), false
	}
	return true, true
}
