package pki

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"math/bits"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// signQuickly encodes and signs the certificate of a template that [Request] makes: the same bytes
// as x509.CreateCertificate, which also verifies its signature. With an EC key that takes longer
// than all the rest.
func (ca *CA) signQuickly(template *x509.Certificate, pub crypto.PublicKey) ([]byte, error) {
	algorithm, err := signatureAlgorithm(ca.Signer.Public())
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	var tbs cryptobyte.Builder
	tbs.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) })
		b.AddASN1BigInt(template.SerialNumber)
		b.AddBytes(algorithm.identifier)
		b.AddBytes(ca.Certificate.RawSubject)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addTime(b, template.NotBefore)
			addTime(b, template.NotAfter)
		})
		b.AddBytes(template.RawSubject)
		b.AddBytes(key)
		b.AddASN1(asn1.Tag(3).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addLeafExtensions(b, template) })
		})
	})
	signed, err := tbs.Bytes()
	if err != nil {
		return nil, err
	}
	return ca.signEncoded(signed, algorithm)
}

// addLeafExtensions encodes them in the order in which crypto/x509 does.
func addLeafExtensions(b *cryptobyte.Builder, template *x509.Certificate) {
	if template.KeyUsage != 0 {
		addExtension(b, oidKeyUsage, true, func(b *cryptobyte.Builder) { addKeyUsage(b, template.KeyUsage) })
	}
	addExtension(b, oidBasicConstraints, true, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(*cryptobyte.Builder) {})
	})
	addExtension(b, oidSubjectKeyID, false, func(b *cryptobyte.Builder) { b.AddASN1OctetString(template.SubjectKeyId) })
	if len(template.AuthorityKeyId) > 0 {
		addExtension(b, oidAuthorityKeyID, false, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(template.AuthorityKeyId) })
			})
		})
	}
	if len(template.DNSNames)+len(template.IPAddresses) > 0 {
		addExtension(b, oidSubjectAltName, false, func(b *cryptobyte.Builder) { addSANs(b, template) })
	}
	for _, extra := range template.ExtraExtensions { // the extKeyUsage
		addExtension(b, extra.Id, extra.Critical, func(b *cryptobyte.Builder) { b.AddBytes(extra.Value) })
	}
}

// addKeyUsage encodes the bits, the first of which is the highest of the first byte;
// zeros at the end are left out (section 4.2.1.3, X.690 section 11.2.2).
func addKeyUsage(b *cryptobyte.Builder, usage x509.KeyUsage) {
	reversed := bits.Reverse16(uint16(usage))
	data := []byte{byte(reversed >> 8), byte(reversed)}
	if data[1] == 0 {
		data = data[:1]
	}
	unused := bits.TrailingZeros8(data[len(data)-1])
	b.AddASN1(asn1.BIT_STRING, func(b *cryptobyte.Builder) {
		b.AddUint8(uint8(unused))
		b.AddBytes(data)
	})
}

// addSANs encodes names and addresses (section 4.2.1.6).
func addSANs(b *cryptobyte.Builder, template *x509.Certificate) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, name := range template.DNSNames {
			b.AddASN1(asn1.Tag(2).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
		}
		for _, ip := range template.IPAddresses {
			raw := ip.To4()
			if raw == nil {
				raw = ip
			}
			b.AddASN1(asn1.Tag(7).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(raw) })
		}
	})
}
