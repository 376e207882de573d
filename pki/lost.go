package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Lost describes the parts of a certificate that its successor lacks: names of other kinds than DNS
// names and addresses, purposes, and extensions. It leaves out DNS names and addresses, because
// only the caller knows which of them were asked for.
func Lost(cert, successor *x509.Certificate) []string {
	var lost []string
	names := foreignNames(successor)
	for _, name := range foreignNames(cert) {
		if !slices.ContainsFunc(names, func(other generalName) bool { return string(other.raw) == string(name.raw) }) {
			lost = append(lost, name.String())
		}
	}
	return append(append(lost, lostPurposes(cert, successor)...), lostExtensions(cert, successor)...)
}

// generalName is one name of a subjectAltName, in DER (RFC 5280 section 4.2.1.6).
type generalName struct {
	tag   der.Tag // without its class
	value cryptobyte.String
	raw   cryptobyte.String
}

// String returns a name as OpenSSL writes it, or its kind if the value is not a text.
func (n generalName) String() string {
	switch n.tag {
	case 0:
		var id asn1.ObjectIdentifier
		value := n.value
		if value.ReadASN1ObjectIdentifier(&id) {
			return "otherName:" + id.String()
		}
	case 1:
		return "email:" + string(n.value)
	case 6:
		return "URI:" + string(n.value)
	}
	if kind, known := otherNames[n.tag]; known {
		return kind
	}
	return "a name of an unknown kind"
}

// foreignNames returns the names of a certificate except DNS names (2) and addresses (7).
func foreignNames(cert *x509.Certificate) (found []generalName) {
	var names cryptobyte.String
	san := cryptobyte.String(extensionOf(cert, oidSubjectAltName))
	if !san.ReadASN1(&names, der.SEQUENCE) {
		return nil
	}
	for !names.Empty() {
		var n generalName
		if !names.ReadAnyASN1Element(&n.raw, &n.tag) {
			return found
		}
		inner, tag := n.raw, n.tag
		if inner.ReadAnyASN1(&n.value, &tag); tag&0x1f != 2 && tag&0x1f != 7 {
			n.tag = tag & 0x1f
			found = append(found, n)
		}
	}
	return found
}

// extensionOf returns the value of an extension, or nil.
func extensionOf(cert *x509.Certificate, id asn1.ObjectIdentifier) []byte {
	for _, ext := range cert.Extensions {
		if ext.Id.Equal(id) {
			return ext.Value
		}
	}
	return nil
}

// purposesOf returns the purposes in the extKeyUsage of a certificate, or nil without one.
func purposesOf(cert *x509.Certificate) (ids []asn1.ObjectIdentifier) {
	if _, err := asn1.Unmarshal(extensionOf(cert, oidExtKeyUsage), &ids); err != nil {
		return nil
	}
	return ids
}

// lostPurposes names the purposes that a successor does not have. It compares roles, and not the
// way in which a certificate permits them.
func lostPurposes(cert, successor *x509.Certificate) (lost []string) {
	roles := RolesOf(successor)
	for _, role := range RolesOf(cert) {
		if !slices.Contains(roles, role) {
			lost = append(lost, fmt.Sprintf("the purpose %sAuth", role))
		}
	}
	has := purposesOf(successor)
	for _, id := range purposesOf(cert) {
		known := id.Equal(oidServerAuth) || id.Equal(oidClientAuth) || id.Equal(oidAnyPurpose)
		if !known && !slices.ContainsFunc(has, id.Equal) {
			lost = append(lost, fmt.Sprintf("the purpose %v", id))
		}
	}
	return lost
}

var oidAnyPurpose = asn1.ObjectIdentifier{2, 5, 29, 37, 0}

// ownExtensions are the extensions that depend on the single certificate.
var ownExtensions = []asn1.ObjectIdentifier{oidSubjectKeyID, {2, 5, 29, 35}, oidKeyUsage, oidBasicConstraints, oidSubjectAltName, oidExtKeyUsage}

// oidTimestamps marks proofs that a certificate was published (RFC 6962). They are bound to that
// certificate.
var oidTimestamps = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}

// extensionNames holds the names of extensions that are common in practice.
var extensionNames = map[string]string{
	"2.5.29.31": "crlDistributionPoints", "1.3.6.1.5.5.7.1.1": "authorityInfoAccess", "2.5.29.32": "certificatePolicies",
	"2.5.29.18": "issuerAltName", "1.3.6.1.5.5.7.1.24": "tlsFeature", "2.16.840.1.113730.1.1": "nsCertType", "2.16.840.1.113730.1.13": "nsComment",
}

// otherExtensions returns the extensions of a certificate that its successor may share.
func otherExtensions(cert *x509.Certificate) []pkix.Extension {
	return slices.DeleteFunc(slices.Clone(cert.Extensions), func(ext pkix.Extension) bool {
		return slices.ContainsFunc(ownExtensions, ext.Id.Equal) || ext.Id.Equal(oidTimestamps)
	})
}

func lostExtensions(cert, successor *x509.Certificate) (lost []string) {
	for _, ext := range otherExtensions(cert) {
		if extensionOf(successor, ext.Id) != nil {
			continue
		}
		name := ext.Id.String()
		if known := extensionNames[name]; known != "" {
			name = known
		}
		lost = append(lost, "the extension "+name)
	}
	return lost
}

// keep adds to the template of a certificate the other parts of an earlier one: names of other
// kinds, purposes and extensions.
func (r Request) keep(cert *x509.Certificate) error {
	san, err := r.altNames(foreignNames(r.Like))
	if err != nil {
		return err
	}
	purposes := []asn1.ObjectIdentifier{r.Role.usageOID()}
	for _, role := range RolesOf(r.Like) {
		purposes = append(purposes, role.usageOID())
	}
	for _, id := range purposesOf(r.Like) {
		if !id.Equal(oidAnyPurpose) { // the roles that it stands for are included already
			purposes = append(purposes, id)
		}
	}
	usage, err := asn1.Marshal(withoutTwins(purposes))
	if err != nil {
		return fmt.Errorf("purposes: %w", err)
	}
	cert.ExtraExtensions = append(otherExtensions(r.Like), pkix.Extension{Id: oidExtKeyUsage, Critical: true, Value: usage})
	if san != nil {
		cert.ExtraExtensions = append(cert.ExtraExtensions, pkix.Extension{Id: oidSubjectAltName, Value: san})
	}
	return nil
}

// withoutTwins returns ids, each once.
func withoutTwins(ids []asn1.ObjectIdentifier) (once []asn1.ObjectIdentifier) {
	for _, id := range ids {
		if !slices.ContainsFunc(once, id.Equal) {
			once = append(once, id)
		}
	}
	return once
}

// altNames returns a subjectAltName of the names of the request and of others; nil for
// none.
func (r Request) altNames(others []generalName) ([]byte, error) {
	if len(r.DNSNames)+len(r.IPAddresses)+len(others) == 0 {
		return nil, nil
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, name := range r.DNSNames {
			b.AddASN1(der.Tag(2).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
		}
		for _, ip := range r.IPAddresses {
			if short := ip.To4(); short != nil {
				ip = short
			}
			b.AddASN1(der.Tag(7).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(ip) })
		}
		for _, name := range others {
			b.AddBytes(name.raw)
		}
	})
	return b.Bytes()
}
