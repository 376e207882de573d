package judge

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/dn"
	"virtpki/internal/gnutls"
)

// Certificates of any form, made byte by byte: crypto/x509 would refuse to write most of the
// certificates that these tests need.

type testKey struct {
	name   string
	signer crypto.Signer
	pss    bool // presented, and signing, as RSA-PSS
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ecKey(name string, c elliptic.Curve) testKey {
	return testKey{name: name, signer: must(ecdsa.GenerateKey(c, rand.Reader))}
}

func rsaKey(bits int) testKey {
	return testKey{name: "rsa" + strconv.Itoa(bits), signer: must(rsa.GenerateKey(rand.Reader, bits))}
}

func edKey() testKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return testKey{name: "ed25519", signer: must(key, err)}
}

func der(v any) []byte { return must(asn1.Marshal(v)) }

type algorithmIdentifier struct {
	OID    asn1.ObjectIdentifier
	Params asn1.RawValue `asn1:"optional"`
}

func oid(text string) asn1.ObjectIdentifier {
	var id asn1.ObjectIdentifier
	for _, part := range strings.Split(text, ".") {
		id = append(id, must(strconv.Atoi(part)))
	}
	return id
}

var null = asn1.RawValue{FullBytes: []byte{5, 0}}

// pssAlgorithm is RSA-PSS with SHA-256 and 32 bytes of salt (RFC 4055 §3.1).
func pssAlgorithm() algorithmIdentifier {
	hash := algorithmIdentifier{oid("2.16.840.1.101.3.4.2.1"), null}
	mgf := der(algorithmIdentifier{oid("1.2.840.113549.1.1.8"), asn1.RawValue{FullBytes: der(hash)}})
	params := der(struct {
		Hash asn1.RawValue
		MGF  asn1.RawValue
		Salt int `asn1:"explicit,tag:2"`
	}{explicit(0, der(hash)), explicit(1, mgf), 32})
	return algorithmIdentifier{oid(idRSAPSS), asn1.RawValue{FullBytes: params}}
}

func explicit(tag int, content []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: content}
}

func hashOf(h crypto.Hash, data []byte) []byte {
	d := h.New()
	d.Write(data)
	return d.Sum(nil)
}

func (k testKey) spki() []byte {
	if !k.pss {
		return must(x509.MarshalPKIXPublicKey(k.signer.Public()))
	}
	bits := x509.MarshalPKCS1PublicKey(k.signer.Public().(*rsa.PublicKey))
	return der(struct {
		A algorithmIdentifier
		B asn1.BitString
	}{algorithmIdentifier{OID: oid(idRSAPSS)}, asn1.BitString{Bytes: bits, BitLength: 8 * len(bits)}})
}

// sign picks the algorithm that fits the key and hash.
func (k testKey) algorithm(hash crypto.Hash) algorithmIdentifier {
	switch k.signer.(type) {
	case *rsa.PrivateKey:
		if k.pss {
			return pssAlgorithm()
		}
		return algorithmIdentifier{oid(map[crypto.Hash]string{crypto.MD5: "1.2.840.113549.1.1.4", crypto.SHA1: "1.2.840.113549.1.1.5",
			crypto.SHA256: "1.2.840.113549.1.1.11", crypto.SHA384: "1.2.840.113549.1.1.12", crypto.SHA512: "1.2.840.113549.1.1.13"}[hash]), null}
	case *ecdsa.PrivateKey:
		return algorithmIdentifier{OID: oid(map[crypto.Hash]string{crypto.MD5: "1.2.840.10045.4.1", crypto.SHA1: "1.2.840.10045.4.1",
			crypto.SHA256: "1.2.840.10045.4.3.2", crypto.SHA384: "1.2.840.10045.4.3.3", crypto.SHA512: "1.2.840.10045.4.3.4"}[hash])}
	}
	return algorithmIdentifier{OID: oid("1.3.101.112")}
}

func (k testKey) sign(hash crypto.Hash, tbs []byte) []byte {
	if _, ok := k.signer.(*ecdsa.PrivateKey); ok && hash == crypto.MD5 {
		hash = crypto.SHA1
	}
	switch {
	case k.pss:
		return must(k.signer.Sign(rand.Reader, hashOf(crypto.SHA256, tbs), &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}))
	case k.name == "ed25519":
		return must(k.signer.Sign(rand.Reader, tbs, crypto.Hash(0)))
	}
	return must(k.signer.Sign(rand.Reader, hashOf(hash, tbs), hash))
}

// certSpec is a certificate to be made.
type certSpec struct {
	subject, issuer     []byte // DER
	serial              *big.Int
	notBefore, notAfter time.Time
	version             int // 3 if it is 0
	key                 testKey
	hash                crypto.Hash // SHA-256 if it is 0
	exts                []testExt
	spoil               bool // damage the signature
}

// Extensions and algorithms, listed a second time: if the reader's own list has an error, the
// certificates that test it must not share it.
const (
	idSubjectKeyID     = "2.5.29.14"
	idKeyUsage         = "2.5.29.15"
	idSubjectAltName   = "2.5.29.17"
	idIssuerAltName    = "2.5.29.18"
	idBasicConstraints = "2.5.29.19"
	idNameConstraints  = "2.5.29.30"
	idAuthorityKeyID   = "2.5.29.35"
	idExtKeyUsage      = "2.5.29.37"
	idRSAPSS           = "1.2.840.113549.1.1.10"
)

type testExt struct {
	ID       asn1.ObjectIdentifier
	Critical bool `asn1:"optional"`
	Value    []byte
}

func ext(id string, critical bool, value []byte) testExt { return testExt{oid(id), critical, value} }

func name(text string) []byte {
	if text == "" {
		return []byte{0x30, 0}
	}
	return must(dn.Encode(text))
}

func (c certSpec) sign(signer testKey) []byte {
	if c.version == 0 {
		c.version = 3
	}
	if c.hash == 0 {
		c.hash = crypto.SHA256
	}
	a := signer.algorithm(c.hash)
	tbs := struct {
		Version  int `asn1:"optional,explicit,default:0,tag:0"`
		Serial   *big.Int
		A        algorithmIdentifier
		Issuer   asn1.RawValue
		Validity struct{ From, To time.Time }
		Subject  asn1.RawValue
		SPKI     asn1.RawValue
		Exts     []testExt `asn1:"optional,explicit,omitempty,tag:3"`
	}{c.version - 1, c.serial, a, raw(c.issuer), struct{ From, To time.Time }{c.notBefore.UTC(), c.notAfter.UTC()}, raw(c.subject), raw(c.key.spki()), c.exts}
	return signed(signer, a, c.hash, der(tbs), c.spoil)
}

func signed(signer testKey, a algorithmIdentifier, hash crypto.Hash, tbs []byte, spoil bool) []byte {
	signature := signer.sign(hash, tbs)
	if spoil {
		signature[len(signature)-1] ^= 1
	}
	return der(struct {
		TBS asn1.RawValue
		A   algorithmIdentifier
		S   asn1.BitString
	}{raw(tbs), a, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
}

func raw(der []byte) asn1.RawValue { return asn1.RawValue{FullBytes: der} }

func extBC(critical, ca bool, pathLen int) testExt {
	v := struct {
		CA   bool `asn1:"optional"`
		Path int  `asn1:"optional,default:-1"`
	}{ca, pathLen}
	return ext(idBasicConstraints, critical, der(v))
}

func extKU(critical bool, bits byte) testExt {
	n := 8
	for n > 0 && bits>>(8-n)&1 == 0 {
		n--
	}
	if n == 0 {
		return ext(idKeyUsage, critical, []byte{3, 1, 0})
	}
	return ext(idKeyUsage, critical, []byte{3, 2, byte(8 - n), bits})
}

func extEKU(critical bool, oids ...string) testExt {
	list := []asn1.ObjectIdentifier{}
	for _, o := range oids {
		list = append(list, oid(o))
	}
	return ext(idExtKeyUsage, critical, der(list))
}

// san takes "DNS:x", "IP:\x7f\x00\x00\x01", "URI:x", "email:x".
func extSAN(names ...altName) testExt {
	var list []asn1.RawValue
	for _, n := range names {
		list = append(list, n.raw())
	}
	return ext(idSubjectAltName, false, der(list))
}

// altName is one alternative name, by its context tag (RFC 5280 §4.2.1.6).
type altName struct {
	kind  int
	value []byte
}

const (
	altEmail = 1
	altDNS   = 2
	altDN    = 4
	altURI   = 6
	altIP    = 7
)

func (n altName) raw() asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: n.kind, IsCompound: n.kind == altDN, Bytes: n.value}
}

func extSKI(id []byte) testExt { return ext(idSubjectKeyID, false, der(id)) }

func extAKI(id []byte) testExt {
	return ext(idAuthorityKeyID, false, der(struct {
		ID []byte `asn1:"tag:0"`
	}{id}))
}

func extNC(permitted, excluded []altName) testExt {
	trees := func(tag int, names []altName) asn1.RawValue {
		var content []byte
		for _, n := range names {
			content = append(content, der(struct{ Base asn1.RawValue }{n.raw()})...)
		}
		return explicit(tag, content)
	}
	var fields []asn1.RawValue
	if len(permitted) > 0 {
		fields = append(fields, trees(0, permitted))
	}
	if len(excluded) > 0 {
		fields = append(fields, trees(1, excluded))
	}
	return ext(idNameConstraints, true, der(fields))
}

func pemBlock(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// crlSpec is a CRL to be made.
type crlSpec struct {
	issuer     []byte
	this, next time.Time // next may be zero
	serials    []*big.Int
	spoil      bool
}

func (c crlSpec) sign(signer testKey) []byte {
	a := signer.algorithm(crypto.SHA256)
	type entry struct {
		Serial *big.Int
		Date   time.Time
	}
	var entries []entry
	for _, s := range c.serials {
		entries = append(entries, entry{s, c.this.UTC()})
	}
	tbs := struct {
		Version int
		A       algorithmIdentifier
		Issuer  asn1.RawValue
		This    time.Time
		Next    time.Time `asn1:"optional"`
		Entries []entry   `asn1:"optional,omitempty"`
	}{1, a, raw(c.issuer), c.this.UTC(), c.next.UTC(), entries}
	return signed(signer, a, crypto.SHA256, der(tbs), c.spoil)
}

func TestBuiltCertificateIsRead(t *testing.T) {
	key := ecKey("p256", elliptic.P256())
	now := time.Now()
	c := certSpec{subject: name("O=a,CN=b"), issuer: name("CN=ca"), serial: big.NewInt(5), notBefore: now.Add(-time.Hour), notAfter: now.Add(time.Hour), key: key,
		exts: []testExt{extBC(true, false, -1), extKU(true, 0xa0), extEKU(false, gnutls.OIDClientAuth), extSAN(altName{kind: altDNS, value: []byte("b")})}}
	built := c.sign(key)
	if _, err := x509.ParseCertificate(built); err != nil {
		t.Fatalf("crypto/x509: %v", err)
	}
	got, err := gnutls.ReadCertificate(pemBlock("CERTIFICATE", built))
	if err != nil {
		t.Fatal(err)
	}
	if usage, critical, p := got.KeyUsage(); usage != 0xa0 || !critical || p != gnutls.Present {
		t.Errorf("key usage %x, %v, %v", usage, critical, p)
	}
	if ca, _, _ := got.BasicConstraints(); ca || got.DNSNames()[0] != "b" || nameText(got.Subject) != `"O=a,CN=b"` {
		t.Errorf("read %+v", got)
	}
}

func pkcs1Of(key testKey) []byte { return x509.MarshalPKCS1PrivateKey(key.signer.(*rsa.PrivateKey)) }

// pssKeyText returns a PKCS#8 key with the algorithm RSA-PSS and no parameters.
func pssKeyText(key testKey) []byte {
	return pemBlock("PRIVATE KEY", der(struct {
		Version int
		A       algorithmIdentifier
		Key     []byte
	}{0, algorithmIdentifier{OID: oid(idRSAPSS)}, pkcs1Of(key)}))
}

// sec1Of is openssl's form, with or without the block of parameters before it.
func sec1Of(key testKey, params bool) []byte {
	private := must(x509.MarshalECPrivateKey(key.signer.(*ecdsa.PrivateKey)))
	text := pemBlock("EC PRIVATE KEY", private)
	if params {
		text = append(pemBlock("EC PARAMETERS", der(oid("1.2.840.10045.3.1.7"))), text...)
	}
	return text
}
