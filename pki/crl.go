package pki

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// ErrNoCRL says that no PEM block holds a revocation list.
var ErrNoCRL = errors.New("no CRL in PEM form")

// pemCRL is the type of a PEM block with a revocation list (RFC 7468 section 6).
const pemCRL = "X509 CRL"

// CRL is a certificate revocation list (RFC 5280 section 5) that was read or signed. It keeps only
// the encoding, however many entries there are; [CRL.Entries] and [CRL.Find] read entries as they
// come to them. Its byte slices are parts of Raw. They must not be changed, and many goroutines may
// read them.
type CRL struct {
	Raw       []byte // DER of the whole list
	RawIssuer []byte // encoded RDNSequence
	Version   int    // 1, or 2 for a list that can have extensions (section 5.1.2.1)

	ThisUpdate time.Time
	NextUpdate time.Time // zero when the list does not have one

	Number         *big.Int // cRLNumber (section 5.2.3); nil when there is none
	AuthorityKeyID []byte   // key identifier of the signing key (section 5.2.1); nil when there is none

	// Delta says that the list holds only the changes since another list (section 5.2.4). GnuTLS
	// does not check this and takes it for a complete list.
	Delta bool

	// Indirect says that the list may hold certificates of other issuers (section 5.2.5). GnuTLS
	// does not check this and takes them for the issuer's own.
	Indirect bool

	Extensions []pkix.Extension // of the list, including those above

	tbs       []byte            // the signed part, with its header
	algorithm cryptobyte.String // AlgorithmIdentifier, with its header
	signature []byte
	entries   cryptobyte.String // contents of revokedCertificates
	count     int               // number of entries
}

var (
	oidAuthorityKeyID     = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidCRLNumber          = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDeltaCRLIndicator  = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingDistributor = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// ParseCRL reads one revocation list in DER. It accepts every list that [x509.ParseRevocationList]
// accepts, even with bytes after the list, and lists of version 1. It checks that each entry is a
// sequence with a serial; [CRL.Entries] reports errors further inside. The list refers to data and
// copies nothing of it. ParseCRL does not verify the signature: see [CRL.CheckSignatureFrom].
func ParseCRL(data []byte) (*CRL, error) {
	c := new(CRL)
	var raw, list, signed cryptobyte.String
	input := cryptobyte.String(data)
	if !input.ReadASN1Element(&raw, der.SEQUENCE) {
		return nil, errors.New("not a DER sequence, or truncated")
	}
	c.Raw, list = raw, raw
	if !list.ReadASN1(&list, der.SEQUENCE) || !list.ReadASN1Element(&signed, der.SEQUENCE) {
		return nil, errors.New("malformed tbsCertList")
	}
	c.tbs = signed
	if err := c.parseSignature(&list); err != nil {
		return nil, err
	}
	if err := c.parseSigned(signed); err != nil {
		return nil, err
	}
	return c, nil
}

// parseSignature reads the algorithm and the signature, which follow the signed part.
func (c *CRL) parseSignature(list *cryptobyte.String) error {
	var bits asn1.BitString
	if !list.ReadASN1Element(&c.algorithm, der.SEQUENCE) {
		return errors.New("malformed signatureAlgorithm")
	}
	if !list.ReadASN1BitString(&bits) {
		return errors.New("malformed signatureValue")
	}
	c.signature = bits.RightAlign()
	return nil
}

// parseSigned reads the fields of tbsCertList in their order (section 5.1.2).
func (c *CRL) parseSigned(tbs cryptobyte.String) error {
	var algorithm, issuer cryptobyte.String
	if !tbs.ReadASN1(&tbs, der.SEQUENCE) {
		return errors.New("malformed tbsCertList")
	}
	if err := c.parseVersion(&tbs); err != nil {
		return err
	}
	if !tbs.ReadASN1Element(&algorithm, der.SEQUENCE) {
		return errors.New("malformed signature algorithm")
	}
	if !bytes.Equal(algorithm, c.algorithm) {
		return errors.New("the signature algorithms inside and outside the signed part differ")
	}
	if !tbs.ReadASN1Element(&issuer, der.SEQUENCE) {
		return errors.New("malformed issuer")
	}
	c.RawIssuer = issuer
	if err := c.parseUpdates(&tbs); err != nil {
		return err
	}
	if tbs.PeekASN1Tag(der.SEQUENCE) && !tbs.ReadASN1(&c.entries, der.SEQUENCE) {
		return errors.New("malformed revokedCertificates")
	}
	if err := c.countEntries(); err != nil {
		return err
	}
	return c.parseExtensions(&tbs)
}

// parseVersion reads the version, which a list of version 1 leaves out.
func (c *CRL) parseVersion(tbs *cryptobyte.String) error {
	var version int
	if tbs.PeekASN1Tag(der.INTEGER) && !tbs.ReadASN1Integer(&version) {
		return errors.New("malformed version")
	}
	if version < 0 || version > 1 {
		return fmt.Errorf("version field is %d, neither 0 (version 1) nor 1 (version 2)", version)
	}
	c.Version = version + 1
	return nil
}

func (c *CRL) parseUpdates(tbs *cryptobyte.String) error {
	if !readTime(tbs, &c.ThisUpdate) {
		return errors.New("malformed thisUpdate")
	}
	next := tbs.PeekASN1Tag(der.UTCTime) || tbs.PeekASN1Tag(der.GeneralizedTime)
	if next && !readTime(tbs, &c.NextUpdate) {
		return errors.New("malformed nextUpdate")
	}
	return nil
}

// parseExtensions reads the extensions of the list (section 5.2).
func (c *CRL) parseExtensions(tbs *cryptobyte.String) error {
	var extensions cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&extensions, &present, der.Tag(0).Constructed().ContextSpecific()) {
		return errors.New("malformed crlExtensions")
	}
	if present && !extensions.ReadASN1(&extensions, der.SEQUENCE) {
		return errors.New("malformed crlExtensions")
	}
	var ok bool
	if c.Extensions, ok = readExtensions(extensions); !ok {
		return errors.New("malformed extension")
	}
	for _, ext := range c.Extensions {
		if err := c.interpret(ext); err != nil {
			return err
		}
	}
	return nil
}

// interpret sets the field of the list that an extension belongs to, if there is one.
func (c *CRL) interpret(ext pkix.Extension) error {
	value := cryptobyte.String(ext.Value)
	switch {
	case ext.Id.Equal(oidCRLNumber):
		c.Number = new(big.Int)
		if !value.ReadASN1Integer(c.Number) {
			return errors.New("malformed cRLNumber")
		}
	case ext.Id.Equal(oidAuthorityKeyID):
		keyID := der.Tag(0).ContextSpecific()
		if !value.ReadASN1(&value, der.SEQUENCE) || value.PeekASN1Tag(keyID) && !value.ReadASN1((*cryptobyte.String)(&c.AuthorityKeyID), keyID) {
			return errors.New("malformed authorityKeyIdentifier")
		}
	case ext.Id.Equal(oidDeltaCRLIndicator):
		c.Delta = true
	case ext.Id.Equal(oidIssuingDistributor):
		c.Indirect = isIndirect(value)
	}
	return nil
}

// isIndirect looks for the flag indirectCRL, [4], in an issuingDistributionPoint.
func isIndirect(value cryptobyte.String) bool {
	var field cryptobyte.String
	var tag der.Tag
	value.ReadASN1(&value, der.SEQUENCE)
	for value.ReadAnyASN1(&field, &tag) {
		if tag == der.Tag(4).ContextSpecific() {
			return len(field) == 1 && field[0] != 0
		}
	}
	return false
}

// readTime reads a Time, in either of its two forms (section 5.1.2.4).
func readTime(input *cryptobyte.String, out *time.Time) bool {
	if input.PeekASN1Tag(der.UTCTime) {
		return input.ReadASN1UTCTime(out)
	}
	return input.ReadASN1GeneralizedTime(out)
}

// readExtensions reads the contents of a SEQUENCE OF Extension (section 4.1).
func readExtensions(input cryptobyte.String) (all []pkix.Extension, ok bool) {
	for !input.Empty() {
		var fields, value cryptobyte.String
		var ext pkix.Extension
		if !input.ReadASN1(&fields, der.SEQUENCE) || !fields.ReadASN1ObjectIdentifier(&ext.Id) {
			return all, false
		}
		if fields.PeekASN1Tag(der.BOOLEAN) && !fields.ReadASN1Boolean(&ext.Critical) {
			return all, false
		}
		if !fields.ReadASN1(&value, der.OCTET_STRING) {
			return all, false
		}
		ext.Value = value
		all = append(all, ext)
	}
	return all, true
}

// CheckSignatureFrom verifies that issuer's key signed the list. It does not compare names or check
// dates. Nor does it require cRLSign in the issuer's keyUsage (section 6.3.3): CAs made by
// libvirt's own recipe for certtool lack it, and GnuTLS uses their lists all the same.
func (c *CRL) CheckSignatureFrom(issuer *x509.Certificate) error {
	algorithm, err := c.SignatureAlgorithm()
	if err != nil {
		return err
	}
	if err := issuer.CheckSignature(algorithm, c.tbs, c.signature); err != nil {
		return fmt.Errorf("signature of the CRL: %w", err)
	}
	return nil
}

// SignatureAlgorithm returns the algorithm that the list was signed with.
func (c *CRL) SignatureAlgorithm() (x509.SignatureAlgorithm, error) {
	// crypto/x509 knows the algorithms, but its parser would make a structure of every entry. The
	// skeleton has none.
	list, err := x509.ParseRevocationList(c.skeleton())
	if err != nil {
		return 0, fmt.Errorf("signature algorithm of the CRL: %w", err)
	}
	return list.SignatureAlgorithm, nil
}

// skeleton returns the shortest list with the signature algorithm of c.
func (c *CRL) skeleton() []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			b.AddBytes(c.algorithm)
			b.AddASN1(der.SEQUENCE, func(*cryptobyte.Builder) {})
			b.AddASN1UTCTime(time.Unix(0, 0).UTC())
		})
		b.AddBytes(c.algorithm)
		b.AddASN1BitString(nil)
	})
	return b.BytesOrPanic()
}

// EncodeCRL returns lists as PEM blocks, one after another: the form that
// libvirt reads, with one list for each issuer name.
func EncodeCRL(crls ...*CRL) []byte {
	size := 0
	for _, c := range crls {
		size += 128 + len(c.Raw)/48*65 // lines of 64 characters hold 48 bytes
	}
	var out bytes.Buffer
	out.Grow(size) // otherwise a million entries would be copied at every doubling
	for _, c := range crls {
		pem.Encode(&out, &pem.Block{Type: pemCRL, Bytes: c.Raw})
	}
	return out.Bytes()
}

// ParseCRLs reads every revocation list in data, in order; it skips other blocks and the text
// around them. It returns an error when there is no list ([ErrNoCRL]), when one does not parse, or
// when a block is damaged. Otherwise a caller that writes the file again could lose a list that it
// did not see.
func ParseCRLs(data []byte) ([]*CRL, error) {
	var crls []*CRL
	for raw := range blocks(data, pemCRL) {
		crl, err := ParseCRL(raw)
		if err != nil {
			return nil, fmt.Errorf("CRL %d does not parse: %w", len(crls)+1, err)
		}
		crls = append(crls, crl)
	}
	begun := bytes.Count(data, []byte("-----BEGIN "+pemCRL+"-----"))
	switch {
	case begun > len(crls):
		return nil, fmt.Errorf("%d of %d CRLs in PEM form are damaged or truncated", begun-len(crls), begun)
	case begun == 0:
		return nil, ErrNoCRL
	}
	return crls, nil
}
