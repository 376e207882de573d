package gnutls

import (
	"bytes"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// CRL is a revocation list as GnuTLS reads it.
type CRL struct {
	Issuer                 []byte    // DER of the name
	ThisUpdate, NextUpdate time.Time // NextUpdate is zero where there is none

	Raw       []byte // its DER form
	tbs       []byte
	algorithm algorithm
	signature []byte
	revoked   cryptobyte.String // the entries, undecoded
	Delta     bool
}

var errNotCRL = errors.New("not a CRL that GnuTLS reads")

// ReadCRLs reads the CRLs of a file as GnuTLS does: only X509 CRL blocks count,
// and one that cannot be read spoils the file.
func ReadCRLs(data []byte) ([]*CRL, error) {
	var crls []*CRL
	at := bytes.Index(data, []byte(begin+labelCRL))
	if at < 0 {
		return nil, ErrNoBlock
	}
	for at >= 0 {
		data = data[at:]
		der, err := decodeBlock(data, labelCRL)
		if err != nil {
			return crls, err
		}
		crl, err := parseCRL(der)
		if err != nil {
			return crls, err
		}
		crls = append(crls, crl)
		data = data[1:]
		at = bytes.Index(data, []byte(begin+labelCRL))
	}
	return crls, nil
}

func parseCRL(der []byte) (*CRL, error) {
	c := &CRL{Raw: der}
	input := cryptobyte.String(der)
	var list, tbs, signature cryptobyte.String
	if !input.ReadASN1(&list, asn1.SEQUENCE) || !input.Empty() || !list.ReadASN1Element(&tbs, asn1.SEQUENCE) ||
		!readAlgorithm(&list, &c.algorithm) || !list.ReadASN1(&signature, asn1.BIT_STRING) || !list.Empty() || !isBitString(signature) {
		return nil, errNotCRL
	}
	c.tbs, c.signature = tbs, signature[1:]
	if !c.readTBS(tbs) {
		return nil, errNotCRL
	}
	return c, nil
}

func (c *CRL) readTBS(element cryptobyte.String) bool {
	var tbs cryptobyte.String
	var inner algorithm
	if !element.ReadASN1(&tbs, asn1.SEQUENCE) || !tbs.SkipOptionalASN1(asn1.INTEGER) || !readAlgorithm(&tbs, &inner) ||
		!readName(&tbs, &c.Issuer) || !decodeTime(&tbs, &c.ThisUpdate) {
		return false
	}
	if tbs.PeekASN1Tag(asn1.UTCTime) || tbs.PeekASN1Tag(asn1.GeneralizedTime) {
		if !decodeTime(&tbs, &c.NextUpdate) {
			return false
		}
	}
	var has bool
	if !tbs.ReadOptionalASN1(&c.revoked, &has, asn1.SEQUENCE) {
		return false
	}
	var exts cryptobyte.String
	if !tbs.ReadOptionalASN1(&exts, &has, asn1.Tag(0).ContextSpecific().Constructed()) || !tbs.Empty() {
		return false
	}
	c.Delta = has && bytes.Contains(exts, []byte{6, 3, 0x55, 0x1d, 0x1b})
	var inside cryptobyte.String
	if has && (!exts.ReadASN1(&inside, asn1.SEQUENCE) || !exts.Empty() || !isExtensions(inside)) {
		return false
	}
	return c.wellFormed()
}

func (c *CRL) wellFormed() bool {
	entries := c.revoked
	for !entries.Empty() {
		var entry, serial, exts cryptobyte.String
		var at time.Time
		var has bool
		if !entries.ReadASN1(&entry, asn1.SEQUENCE) || !entry.ReadASN1(&serial, asn1.INTEGER) || !decodeTime(&entry, &at) ||
			!entry.ReadOptionalASN1(&exts, &has, asn1.SEQUENCE) || !entry.Empty() || !isExtensions(exts) {
			return false
		}
	}
	return true
}

// SignedBy reports whether the key of the CA made the signature on the list. It is
// also true for algorithms that only GnuTLS can verify. GnuTLS itself never checks a
// CRL's signature.
func (c *CRL) SignedBy(ca *Certificate) bool {
	all := Library{Version: "3.8.10", leancrypto: true}
	result := all.checkSignature(c.algorithm, c.tbs, c.signature, ca.Key)
	return result == sigGood || result == sigUnchecked
}

// lists reports whether the list contains the serial. Reasons and dates do not matter to
// GnuTLS.
func (c *CRL) lists(serial []byte) bool {
	entries := c.revoked
	var entry, s cryptobyte.String
	for entries.ReadASN1(&entry, asn1.SEQUENCE) && entry.ReadASN1(&s, asn1.INTEGER) {
		if bytes.Equal(s, serial) {
			return true
		}
	}
	return false
}

// Effective returns the CRLs that GnuTLS keeps of a file and those that it drops. Of several
// CRLs of one issuer it keeps the one with the newest thisUpdate; among equals, the later one
// in the file.
func Effective(crls []*CRL) (kept, dropped []*CRL) {
	for _, c := range crls {
		at := -1
		for i, k := range kept {
			if bytes.Equal(k.Issuer, c.Issuer) {
				at = i
			}
		}
		switch {
		case at < 0:
			kept = append(kept, c)
		case !c.ThisUpdate.Before(kept[at].ThisUpdate):
			dropped = append(dropped, kept[at])
			kept[at] = c
		default:
			dropped = append(dropped, c)
		}
	}
	return kept, dropped
}

// RevokedBy returns the first of the CRLs that lists the certificate, or nil. GnuTLS
// compares the issuer's name and the serial number, nothing else.
func RevokedBy(crls []*CRL, cert *Certificate) *CRL {
	for _, c := range crls {
		if bytes.Equal(c.Issuer, cert.Issuer) && c.lists(cert.Serial) {
			return c
		}
	}
	return nil
}
