package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// CRLRequest describes a revocation list.
type CRLRequest struct {
	// Number is the cRLNumber: not negative, at most 20 octets, higher than that
	// of Base (RFC 5280 section 5.2.3). Nil means NextNumber(Base).
	Number *big.Int

	// Base is the list that the new one replaces, or nil. Except for the entries in Replace, its
	// entries are all kept byte for byte and in order, even those for expired certificates and
	// serials that occur twice. Its own extensions and version are not kept. Its issuer must be the
	// CA's name, byte for byte, and it must not be a delta or an indirect CRL. Its signature is not
	// verified here.
	Base *CRL

	// Add holds the new entries, which follow those of Base. Of their fields, SerialNumber,
	// RevocationTime, ReasonCode and ExtraExtensions (without a reasonCode) are used. An entry for
	// a serial that is in Base, or earlier in Add, is skipped, because the first revocation counts.
	// Find shows this beforehand, and Len afterwards.
	Add []x509.RevocationListEntry

	// Replace holds entries, as in Add, that replace those of Base for the same serials, mostly
	// with another reason. An entry for a serial that Base does not have is skipped.
	Replace []x509.RevocationListEntry

	Now      time.Time     // thisUpdate
	Validity time.Duration // until nextUpdate; zero means DefaultCRLValidity
}

// NextNumber returns one more than the number of crl. It returns 1 if crl is nil, does not have a
// number, or has a negative one.
func NextNumber(crl *CRL) *big.Int {
	one := big.NewInt(1)
	if crl == nil || crl.Number == nil || crl.Number.Sign() < 0 {
		return one
	}
	return one.Add(one, crl.Number)
}

// CRL signs a revocation list of version 2 (RFC 5280 section 5) with the extensions that a CA's
// list must have, authorityKeyIdentifier and cRLNumber. Time and memory grow with the bytes of Base
// and the number of entries in Add: the new list is built in one piece, and its signature verified
// with the CA's certificate before it is returned. A keyUsage without cRLSign is not an error: see
// [CRL.CheckSignatureFrom].
func (ca *CA) CRL(r CRLRequest) (*CRL, error) {
	r.setDefaults()
	if err := r.check(ca.Certificate); err != nil {
		return nil, err
	}
	raw, err := ca.signList(&r)
	if err != nil {
		return nil, fmt.Errorf("signing the CRL: %w", err)
	}
	crl, err := ParseCRL(raw)
	if err != nil {
		return nil, fmt.Errorf("reading back the CRL: %w", err)
	}
	if err := crl.CheckSignatureFrom(ca.Certificate); err != nil {
		return nil, err // the key does not belong to the certificate, or the signer failed
	}
	return crl, nil
}

// signList encodes the list that r describes and signs it.
func (ca *CA) signList(r *CRLRequest) ([]byte, error) {
	algorithm, err := signatureAlgorithm(ca.Signer.Public())
	if err != nil {
		return nil, err
	}
	tbs, err := r.assemble(ca.Certificate, algorithm.identifier)
	if err != nil {
		return nil, err
	}
	return ca.signEncoded(tbs, algorithm)
}

// signEncoded signs the contents of a certificate or a list, and wraps contents and signature in
// one sequence (RFC 5280 sections 4.1 and 5.1).
func (ca *CA) signEncoded(tbs []byte, algorithm signing) ([]byte, error) {
	signature, err := crypto.SignMessage(ca.Signer, rand.Reader, tbs, algorithm.hash)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(tbs)+len(signature)+fieldsRoom))
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(algorithm.identifier)
		b.AddASN1BitString(signature)
	})
	return b.Bytes()
}

func (r *CRLRequest) setDefaults() {
	if r.Number == nil {
		r.Number = NextNumber(r.Base)
	}
	if r.Validity == 0 {
		r.Validity = DefaultCRLValidity
	}
	if r.Base == nil {
		r.Base = new(CRL)
	}
}

// check refuses a request for a list that RFC 5280 does not allow, or for one that loses or
// distorts entries of its base.
func (r *CRLRequest) check(issuer *x509.Certificate) error {
	// One bit less than 20 octets: the highest bit is the sign.
	switch base := r.Base; {
	case r.Number.Sign() < 0 || r.Number.BitLen() > 159:
		return fmt.Errorf("CRL number %d is negative or over 20 octets", r.Number)
	case base.Number != nil && r.Number.Cmp(base.Number) <= 0:
		return fmt.Errorf("CRL number %d is not higher than the %d before", r.Number, base.Number)
	case r.Validity < 0:
		return fmt.Errorf("negative validity %v of a CRL", r.Validity)
	case base.Delta:
		return errors.New("a delta CRL (RFC 5280 section 5.2.4) has only the changes: virtpki needs the full one")
	case base.Indirect:
		return errors.New("an indirect CRL (RFC 5280 section 5.2.5) lists certificates of other issuers: virtpki needs the CA's own")
	case base.Raw != nil && !bytes.Equal(base.RawIssuer, issuer.RawSubject):
		return errors.New("the earlier CRL is of another issuer than this CA, or spells its name in other bytes")
	}
	return r.checkEntries()
}

func (r *CRLRequest) checkEntries() error {
	for i, entry := range slices.Concat(r.Add, r.Replace) {
		switch {
		case entry.SerialNumber == nil:
			return fmt.Errorf("new entry %d has no serial", i+1)
		case entry.RevocationTime.IsZero():
			return fmt.Errorf("serial %x has no revocation time", entry.SerialNumber)
		}
		if err := Reason(entry.ReasonCode).check(); err != nil {
			return fmt.Errorf("serial %x: %w", entry.SerialNumber, err)
		}
		for _, ext := range entry.ExtraExtensions {
			if ext.Id.Equal(oidReasonCode) {
				return fmt.Errorf("serial %x has its reason among the extra extensions", entry.SerialNumber)
			}
		}
	}
	return nil
}

// assemble encodes the part that is signed, with its header (section 5.1.2). Without
// entries their field must be absent.
func (r *CRLRequest) assemble(issuer *x509.Certificate, algorithm []byte) ([]byte, error) {
	base, err := r.kept()
	if err != nil {
		return nil, err
	}
	tail, err := r.extensions(issuer)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(base)+r.addSize()+len(tail)+len(issuer.RawSubject)+fieldsRoom))
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1) // version 2
		b.AddBytes(algorithm)
		b.AddBytes(issuer.RawSubject)
		addTime(b, r.Now)
		addTime(b, r.Now.Add(r.Validity))
		if len(base)+len(r.Add) > 0 {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { r.addEntries(b, base) })
		}
		b.AddBytes(tail)
	})
	return b.Bytes()
}

// fieldsRoom is more, in bytes, than the version, the algorithm, the times and the
// headers take: a list of a million entries is not copied to grow.
const fieldsRoom = 256

// extensions returns the extensions of the list, which follow the entries (section 5.1.2.7).
// Section 5.2.1 wants a key identifier. For a CA without a subjectKeyIdentifier it is the one that
// virtpki would have given that CA, since there is none that it could contradict.
func (r *CRLRequest) extensions(issuer *x509.Certificate) ([]byte, error) {
	keyID := issuer.SubjectKeyId
	if len(keyID) == 0 {
		var err error
		if keyID, err = subjectKeyID(issuer.PublicKey); err != nil {
			return nil, err
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(der.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			addExtension(b, oidAuthorityKeyID, false, func(b *cryptobyte.Builder) {
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(der.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(keyID) })
				})
			})
			addExtension(b, oidCRLNumber, false, func(b *cryptobyte.Builder) { b.AddASN1BigInt(r.Number) })
		})
	})
	return b.Bytes()
}

// addSize returns the number of bytes that the new entries take without extra extensions: 40 for
// each, plus the serial.
func (r *CRLRequest) addSize() int {
	size := 0
	for _, entry := range slices.Concat(r.Add, r.Replace) {
		size += 40 + entry.SerialNumber.BitLen()/8
	}
	return size
}

// addEntries encodes the entries of the base and the new ones. If the base names other issuers, the
// new ones come first: an entry with another issuer sets it for all that follow (section 5.3.3),
// while the first entries in a list are the CA's own.
func (r *CRLRequest) addEntries(b *cryptobyte.Builder, base []byte) {
	if bytes.Contains(r.Base.entries, derCertificateIssuer) {
		r.addNew(b)
		b.AddBytes(base)
		return
	}
	b.AddBytes(base)
	r.addNew(b)
}

// kept returns the entries of the base, with the replaced ones in their places.
func (r *CRLRequest) kept() ([]byte, error) {
	instead := make(map[string]x509.RevocationListEntry, len(r.Replace))
	for _, entry := range r.Replace {
		instead[string(integer(entry.SerialNumber))] = entry
	}
	if !r.Base.hasAny(instead) {
		return r.Base.entries, nil
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(r.Base.entries)+r.addSize()))
	for raw, serial := range r.Base.rawEntries() {
		if entry, ok := instead[string(serial)]; ok {
			addEntry(b, serial, entry)
		} else {
			b.AddBytes(raw)
		}
	}
	return b.Bytes()
}

// hasAny reports whether an entry has one of some serials.
func (c *CRL) hasAny(serials map[string]x509.RevocationListEntry) bool {
	if len(serials) == 0 {
		return false
	}
	for _, serial := range c.rawEntries() {
		if _, ok := serials[string(serial)]; ok {
			return true
		}
	}
	return false
}

// addNew encodes the new entries, each serial once and none that is in the base.
func (r *CRLRequest) addNew(b *cryptobyte.Builder) {
	seen := r.inBase()
	for _, entry := range r.Add {
		serial := integer(entry.SerialNumber)
		if seen[string(serial)] {
			continue
		}
		seen[string(serial)] = true
		addEntry(b, serial, entry)
	}
}

// inBase returns, for each new serial, whether the base holds it.
func (r *CRLRequest) inBase() map[string]bool {
	seen := make(map[string]bool, len(r.Add))
	if r.Base.count == 0 || len(r.Add) == 0 {
		return seen
	}
	for _, entry := range r.Add {
		seen[string(integer(entry.SerialNumber))] = false
	}
	for _, serial := range r.Base.rawEntries() {
		if _, wanted := seen[string(serial)]; wanted {
			seen[string(serial)] = true
		}
	}
	return seen
}

// addEntry encodes one entry (section 5.1.2.6 and 5.3).
func addEntry(b *cryptobyte.Builder, serial []byte, entry x509.RevocationListEntry) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(serial) })
		addTime(b, entry.RevocationTime)
		if entry.ReasonCode == 0 && len(entry.ExtraExtensions) == 0 {
			return
		}
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { addEntryExtensions(b, entry) })
	})
}

func addEntryExtensions(b *cryptobyte.Builder, entry x509.RevocationListEntry) {
	for _, ext := range entry.ExtraExtensions {
		addExtension(b, ext.Id, ext.Critical, func(b *cryptobyte.Builder) { b.AddBytes(ext.Value) })
	}
	if entry.ReasonCode != 0 {
		addExtension(b, oidReasonCode, false, func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(entry.ReasonCode)) })
	}
}

func addExtension(b *cryptobyte.Builder, id asn1.ObjectIdentifier, critical bool, value cryptobyte.BuilderContinuation) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		if critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1(der.OCTET_STRING, value)
	})
}

// addTime encodes t in whole seconds: UTCTime from 1950 through 2049, and
// GeneralizedTime for the rest (section 5.1.2.4).
func addTime(b *cryptobyte.Builder, t time.Time) {
	t = t.UTC()
	if t.Year() >= 1950 && t.Year() < 2050 {
		b.AddASN1UTCTime(t)
		return
	}
	b.AddASN1GeneralizedTime(t)
}

// signing is a signature algorithm: its encoded identifier, and the hash that is signed, or zero if
// the message itself is signed.
type signing struct {
	identifier []byte
	hash       crypto.Hash
}

// signatureAlgorithm chooses by the key, as crypto/x509 does for certificates:
// RSA PKCS#1 with SHA-256 (RFC 4055 section 5), ECDSA with the hash of the
// curve's size (RFC 5758 section 3.2), Ed25519 (RFC 8410 section 3).
func signatureAlgorithm(pub crypto.PublicKey) (signing, error) {
	var id pkix.AlgorithmIdentifier
	var hash crypto.Hash
	switch key := pub.(type) {
	case *rsa.PublicKey:
		id.Algorithm, hash = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, crypto.SHA256
		id.Parameters = asn1.NullRawValue
	case *ecdsa.PublicKey:
		id.Algorithm, hash = ecdsaAlgorithm(key.Curve.Params().BitSize)
	case ed25519.PublicKey:
		id.Algorithm = asn1.ObjectIdentifier{1, 3, 101, 112}
	default:
		return signing{}, fmt.Errorf("a key of type %T cannot sign a CRL", pub)
	}
	identifier, err := asn1.Marshal(id)
	return signing{identifier, hash}, err
}

func ecdsaAlgorithm(bits int) (asn1.ObjectIdentifier, crypto.Hash) {
	switch {
	case bits <= 256:
		return asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, crypto.SHA256
	case bits <= 384:
		return asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, crypto.SHA384
	}
	return asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, crypto.SHA512
}
