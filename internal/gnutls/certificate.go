package gnutls

import (
	"bytes"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Certificate is a certificate as GnuTLS reads it. crypto/x509 refuses some that GnuTLS takes
// (negative serials, Ed448, odd strings) and the reverse; a verdict goes only by GnuTLS's
// reading.
type Certificate struct {
	Raw                 []byte // DER of the whole certificate
	Serial              []byte // the content of the INTEGER
	Issuer, Subject     []byte // DER of the name
	NotBefore, NotAfter time.Time
	Key                 PublicKey

	version   int
	tbs       []byte
	spki      []byte
	algorithm algorithm // of the signature
	signature []byte    // nil where it is not of whole bytes
	exts      []extension
}

type algorithm struct {
	oid    string // dotted
	params []byte // DER, nil where there is none
}

type extension struct {
	oid      string
	critical bool
	value    []byte
}

var errNotCert = errors.New("not a certificate that GnuTLS reads")

// parseCertificate reads the DER and refuses a certificate that GnuTLS refuses to import
// (lib/x509/x509.c, gnutls_x509_crt_import).
func parseCertificate(der []byte) (*Certificate, error) {
	c := &Certificate{Raw: der}
	input := cryptobyte.String(der)
	var cert, tbs, signature cryptobyte.String
	if !input.ReadASN1(&cert, asn1.SEQUENCE) || !input.Empty() || !cert.ReadASN1Element(&tbs, asn1.SEQUENCE) ||
		!readAlgorithm(&cert, &c.algorithm) || !cert.ReadASN1(&signature, asn1.BIT_STRING) || !cert.Empty() || !isBitString(signature) {
		return nil, errNotCert
	}
	c.tbs = tbs
	if signature[0] == 0 {
		c.signature = signature[1:]
	}
	if !c.readTBS(tbs) || !c.sane() {
		return nil, errNotCert
	}
	return c, nil
}

func (c *Certificate) readTBS(element cryptobyte.String) bool {
	var tbs, serial, spki cryptobyte.String
	var inner algorithm
	if !element.ReadASN1(&tbs, asn1.SEQUENCE) || !c.readVersion(&tbs) || !tbs.ReadASN1(&serial, asn1.INTEGER) ||
		!readAlgorithm(&tbs, &inner) || !readName(&tbs, &c.Issuer) || !c.readValidity(&tbs) ||
		!readName(&tbs, &c.Subject) || !tbs.ReadASN1Element(&spki, asn1.SEQUENCE) {
		return false
	}
	c.Serial, c.spki = serial, spki
	var ok bool
	c.Key, ok = readPublicKey(spki)
	return ok && inner.same(c.algorithm) && len(serial) > 0 && c.readTail(&tbs)
}

// readVersion reads the version, which is 1 when absent.
func (c *Certificate) readVersion(tbs *cryptobyte.String) bool {
	var v int64
	tag := asn1.Tag(0).ContextSpecific().Constructed()
	if !tbs.PeekASN1Tag(tag) {
		c.version = 1
		return true
	}
	var explicit cryptobyte.String
	if !tbs.ReadASN1(&explicit, tag) || !explicit.ReadASN1Integer(&v) || v < 0 || v > 127 {
		return false
	}
	c.version = int(v) + 1
	return true
}

// readTail reads the unique ids, which version 1 may not have, and the extensions.
func (c *Certificate) readTail(tbs *cryptobyte.String) bool {
	for _, n := range []asn1.Tag{1, 2} {
		var id cryptobyte.String
		var present bool
		if !tbs.ReadOptionalASN1(&id, &present, n.ContextSpecific()) || present && c.version < 2 {
			return false
		}
	}
	var explicit cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&explicit, &present, asn1.Tag(3).ContextSpecific().Constructed()) || !tbs.Empty() {
		return false
	}
	return !present || c.readExtensions(explicit)
}

func (c *Certificate) readExtensions(explicit cryptobyte.String) bool {
	var list cryptobyte.String
	if !explicit.ReadASN1(&list, asn1.SEQUENCE) || !explicit.Empty() {
		return false
	}
	for !list.Empty() {
		var e extension
		if !readExtension(&list, &e) {
			return false
		}
		c.exts = append(c.exts, e)
	}
	return true
}

func readExtension(list *cryptobyte.String, e *extension) bool {
	var ext, value cryptobyte.String
	if !list.ReadASN1(&ext, asn1.SEQUENCE) || !readOID(&ext, &e.oid) || !readCritical(&ext, &e.critical) ||
		!ext.ReadASN1(&value, asn1.OCTET_STRING) || !ext.Empty() {
		return false
	}
	e.value = value
	return true
}

// readCritical takes any non-zero byte for true, as libtasn1 does.
func readCritical(ext *cryptobyte.String, critical *bool) bool {
	var b cryptobyte.String
	var present bool
	if !ext.ReadOptionalASN1(&b, &present, asn1.BOOLEAN) || present && len(b) != 1 {
		return false
	}
	*critical = present && b[0] != 0
	return true
}

// sane reports whether the certificate passes the checks of GnuTLS after decoding: extensions
// only in version 3 and none twice, alternative names that can be read.
func (c *Certificate) sane() bool {
	if c.version < 3 && len(c.exts) > 0 {
		return false
	}
	seen := make(map[string]bool, len(c.exts))
	for _, e := range c.exts {
		if seen[e.oid] {
			return false
		}
		seen[e.oid] = true
	}
	for _, oid := range []string{oidSubjectAltName, oidIssuerAltName} {
		if e := c.ext(oid); e != nil {
			if _, ok := readGeneralNames(e.value); !ok {
				return false
			}
		}
	}
	return true
}

func (c *Certificate) ext(oid string) *extension {
	for i := range c.exts {
		if c.exts[i].oid == oid {
			return &c.exts[i]
		}
	}
	return nil
}

// SignatureName returns the algorithm that signed the certificate, as [AlgorithmName] names it.
func (c *Certificate) SignatureName() string { return AlgorithmName(c.algorithm.oid) }

// InsecureSignature reports whether GnuTLS distrusts the algorithm that signed the
// certificate, and returns its name.
func (c *Certificate) InsecureSignature() (name string, insecure bool) {
	a, _ := signatureByOID(c.algorithm.oid)
	return a.name, a.insecure
}

func (a algorithm) same(b algorithm) bool {
	return a.oid == b.oid && bytes.Equal(a.significant(), b.significant())
}

// significant returns the parameters; a NULL counts as absent.
func (a algorithm) significant() []byte {
	if bytes.Equal(a.params, []byte{5, 0}) {
		return nil
	}
	return a.params
}

func readAlgorithm(s *cryptobyte.String, a *algorithm) bool {
	var seq cryptobyte.String
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !readOID(&seq, &a.oid) {
		return false
	}
	if seq.Empty() {
		return true
	}
	var params cryptobyte.String
	var tag asn1.Tag
	if !seq.ReadAnyASN1Element(&params, &tag) || !seq.Empty() {
		return false
	}
	a.params = params
	return true
}
