package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"reflect"

	"go.step.sm/crypto/x509util"
)

// subjectOf converts an encoded subject to the form that templates have. If that form cannot keep
// the order of the attributes, it lists them one by one.
func subjectOf(raw []byte) (x509util.Subject, error) {
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &sequence); err != nil {
		return x509util.Subject{}, fmt.Errorf("the subject: %w", err)
	}
	var name pkix.Name
	name.FillFromRDNSequence(&sequence)
	subject := x509util.Subject{
		Country: name.Country, Organization: name.Organization, OrganizationalUnit: name.OrganizationalUnit,
		Locality: name.Locality, Province: name.Province, StreetAddress: name.StreetAddress,
		PostalCode: name.PostalCode, SerialNumber: name.SerialNumber, CommonName: name.CommonName,
	}
	if again, err := encodeSubject(subject); err == nil && sameAttributes(again, sequence) {
		return subject, nil
	}
	subject = x509util.Subject{}
	for _, set := range sequence {
		for _, attribute := range set {
			text, _ := attribute.Value.(string)
			subject.ExtraNames = append(subject.ExtraNames, x509util.DistinguishedName{
				Type: x509util.ObjectIdentifier(attribute.Type), Value: text,
			})
		}
	}
	return subject, nil
}

// sameAttributes reports whether an encoded subject has these attributes, in this
// order.
func sameAttributes(raw []byte, want pkix.RDNSequence) bool {
	var got pkix.RDNSequence
	_, err := asn1.Unmarshal(raw, &got)
	return err == nil && reflect.DeepEqual(got, want)
}

var (
	oidCountry         = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidProvince        = asn1.ObjectIdentifier{2, 5, 4, 8}
	oidLocality        = asn1.ObjectIdentifier{2, 5, 4, 7}
	oidStreet          = asn1.ObjectIdentifier{2, 5, 4, 9}
	oidPostalCode      = asn1.ObjectIdentifier{2, 5, 4, 17}
	oidOrganization    = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidOrganizational  = asn1.ObjectIdentifier{2, 5, 4, 11}
	oidCommonName      = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSerialNumber    = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidDNQualifier     = asn1.ObjectIdentifier{2, 5, 4, 46}
	oidDomainComponent = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}
	oidEmailAddress    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
)

// encodeSubject encodes the subject of a template: one RDN for each attribute, in the order in
// which libvirt's documents write a DN. crypto/x509 would put two OUs into one RDN, which libvirt
// prints as OU=a+OU=b.
func encodeSubject(s x509util.Subject) ([]byte, error) {
	type attributes struct {
		typ    asn1.ObjectIdentifier
		values []string
	}
	list := []attributes{
		{oidCountry, s.Country}, {oidProvince, s.Province}, {oidLocality, s.Locality},
		{oidStreet, s.StreetAddress}, {oidPostalCode, s.PostalCode},
		{oidOrganization, s.Organization}, {oidOrganizational, s.OrganizationalUnit},
		{oidCommonName, []string{s.CommonName}}, {oidSerialNumber, []string{s.SerialNumber}},
	}
	for _, extra := range s.ExtraNames {
		text, ok := extra.Value.(string)
		if !ok {
			return nil, fmt.Errorf("the template: the value of %v in the subject is not text", extra.Type)
		}
		list = append(list, attributes{asn1.ObjectIdentifier(extra.Type), []string{text}})
	}
	var sequence []relativeNameSET
	for _, a := range list {
		for _, value := range a.values {
			if value == "" {
				continue
			}
			sequence = append(sequence, relativeNameSET{{a.typ, directoryString(a.typ, value)}})
		}
	}
	return asn1.Marshal(sequence)
}

// relativeNameSET is a RelativeDistinguishedName; encoding/asn1 makes a SET of a type with a name
// that ends in SET.
type relativeNameSET []attributeValue

type attributeValue struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// directoryString encodes a value with the string type that GnuTLS expects for its attribute.
// GnuTLS prints other types in hexadecimal, and then the value does not match a list.
func directoryString(typ asn1.ObjectIdentifier, value string) asn1.RawValue {
	raw := asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(value)}
	switch {
	case typ.Equal(oidCountry), typ.Equal(oidSerialNumber), typ.Equal(oidDNQualifier):
		raw.Tag = asn1.TagPrintableString
	case typ.Equal(oidDomainComponent), typ.Equal(oidEmailAddress):
		raw.Tag = asn1.TagIA5String
	}
	return raw
}
