package dn

import "strings"

// kind is the ASN.1 string type that GnuTLS requires of an attribute's value in order to print it
// as text.
type kind uint8

const (
	kindUnknown   kind = iota // no text form: printed as #hex of the encoded value
	kindDirectory             // DirectoryString: UTF8, Printable, Teletex, BMP or Universal
	kindChallenge             // DirectoryString of another definition: only UTF8 and Printable print as text here
	kindPrintable
	kindIA5
	kindNumeric
	kindUTF8
	kindBMP
	kindOctet
)

// attributeType is one row of GnuTLS's table of attribute types.
type attributeType struct {
	name string // as GnuTLS prints it: short name, or dotted OID without one
	kind kind
	oid  string // dotted
	der  string // content bytes of the encoded OID
	// aliases are other names that people and tools use, lower case.
	aliases []string
}

// attributeTypes holds the types that GnuTLS knows (lib/x509/common.c, table _oid2str). The names
// are in GnuTLS's spelling; a pattern has to use them, in the same case.
var attributeTypes = []attributeType{
	{"C", kindPrintable, "2.5.4.6", "\x55\x04\x06", []string{"countryname", "country"}},
	{"ST", kindDirectory, "2.5.4.8", "\x55\x04\x08", []string{"stateorprovincename", "s", "sp", "state"}},
	{"L", kindDirectory, "2.5.4.7", "\x55\x04\x07", []string{"localityname", "locality"}},
	{"O", kindDirectory, "2.5.4.10", "\x55\x04\x0a", []string{"organizationname", "organization"}},
	{"OU", kindDirectory, "2.5.4.11", "\x55\x04\x0b", []string{"organizationalunitname", "organizationalunit"}},
	{"CN", kindDirectory, "2.5.4.3", "\x55\x04\x03", []string{"commonname"}},
	{"street", kindDirectory, "2.5.4.9", "\x55\x04\x09", []string{"streetaddress"}},
	{"title", kindDirectory, "2.5.4.12", "\x55\x04\x0c", []string{"t"}},
	{"description", kindDirectory, "2.5.4.13", "\x55\x04\x0d", nil},
	{"serialNumber", kindPrintable, "2.5.4.5", "\x55\x04\x05", []string{"sn"}},
	{"telephoneNumber", kindPrintable, "2.5.4.20", "\x55\x04\x14", nil},
	{"surName", kindDirectory, "2.5.4.4", "\x55\x04\x04", nil},
	{"initials", kindDirectory, "2.5.4.43", "\x55\x04\x2b", nil},
	{"generationQualifier", kindDirectory, "2.5.4.44", "\x55\x04\x2c", nil},
	{"givenName", kindDirectory, "2.5.4.42", "\x55\x04\x2a", []string{"gn", "g"}},
	{"pseudonym", kindDirectory, "2.5.4.65", "\x55\x04\x41", nil},
	{"dnQualifier", kindPrintable, "2.5.4.46", "\x55\x04\x2e", nil},
	{"postalCode", kindDirectory, "2.5.4.17", "\x55\x04\x11", nil},
	{"name", kindDirectory, "2.5.4.41", "\x55\x04\x29", nil},
	{"businessCategory", kindDirectory, "2.5.4.15", "\x55\x04\x0f", nil},
	{"DC", kindIA5, "0.9.2342.19200300.100.1.25", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", []string{"domaincomponent"}},
	{"UID", kindDirectory, "0.9.2342.19200300.100.1.1", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", []string{"userid"}},
	{"EMAIL", kindIA5, "1.2.840.113549.1.9.1", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", []string{"emailaddress", "e", "mail", "pkcs9email"}},
	{"userPrincipalName", kindDirectory, "1.2.840.113556.1.4.656", "\x2a\x86\x48\x86\xf7\x14\x01\x04\x85\x10", []string{"upn"}},
	{"XmppAddr", kindUTF8, "1.3.6.1.5.5.7.8.5", "\x2b\x06\x01\x05\x05\x07\x08\x05", nil},
	{"placeOfBirth", kindDirectory, "1.3.6.1.5.5.7.9.2", "\x2b\x06\x01\x05\x05\x07\x09\x02", nil},
	{"gender", kindPrintable, "1.3.6.1.5.5.7.9.3", "\x2b\x06\x01\x05\x05\x07\x09\x03", nil},
	{"countryOfCitizenship", kindPrintable, "1.3.6.1.5.5.7.9.4", "\x2b\x06\x01\x05\x05\x07\x09\x04", nil},
	{"countryOfResidence", kindPrintable, "1.3.6.1.5.5.7.9.5", "\x2b\x06\x01\x05\x05\x07\x09\x05", nil},
	{"jurisdictionOfIncorporationLocalityName", kindDirectory, "1.3.6.1.4.1.311.60.2.1.1",
		"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", []string{"jurisdictionl"}},
	{"jurisdictionOfIncorporationStateOrProvinceName", kindDirectory, "1.3.6.1.4.1.311.60.2.1.2",
		"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", []string{"jurisdictionst"}},
	{"jurisdictionOfIncorporationCountryName", kindPrintable, "1.3.6.1.4.1.311.60.2.1.3",
		"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", []string{"jurisdictionc"}},
	{"OGRN", kindNumeric, "1.2.643.100.1", "\x2a\x85\x03\x64\x01", nil},
	{"SNILS", kindNumeric, "1.2.643.100.3", "\x2a\x85\x03\x64\x03", nil},
	{"OGRNIP", kindNumeric, "1.2.643.100.5", "\x2a\x85\x03\x64\x05", nil},
	{"INN", kindNumeric, "1.2.643.3.131.1.1", "\x2a\x85\x03\x03\x81\x03\x01\x01", nil},
	{"1.2.840.113549.1.9.7", kindChallenge, "1.2.840.113549.1.9.7", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07", []string{"challengepassword"}},
	{"1.2.840.113549.1.9.20", kindBMP, "1.2.840.113549.1.9.20", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14", []string{"friendlyname"}},
	{"1.2.840.113549.1.9.21", kindOctet, "1.2.840.113549.1.9.21", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x15", []string{"localkeyid"}},
	{"1.2.840.113549.1.9.4", kindOctet, "1.2.840.113549.1.9.4", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04", nil},
}

// typeByDER finds the row for the content bytes of an encoded OID.
func typeByDER(oid []byte) *attributeType {
	for i := range attributeTypes {
		if attributeTypes[i].der == string(oid) {
			return &attributeTypes[i]
		}
	}
	return nil
}

// typeByText finds the row for an OID that is encoded incorrectly but reads the same: its last arc
// never ends, and libtasn1 leaves such an arc out.
func typeByText(oid []byte) *attributeType {
	n := len(oid)
	for n > 1 && oid[n-1]&0x80 != 0 {
		n--
	}
	if n == len(oid) || oid[n] == 0x80 {
		return nil
	}
	return typeByDER(oid[:n])
}

// typeByName finds the row for a name in any spelling that people use: GnuTLS's
// own in any case, the aliases, or a dotted OID with or without "OID.".
func typeByName(name string) *attributeType {
	lower := strings.ToLower(name)
	lower = strings.TrimPrefix(lower, "oid.")
	for i := range attributeTypes {
		t := &attributeTypes[i]
		if strings.EqualFold(t.name, lower) || t.oid == lower {
			return t
		}
		for _, alias := range t.aliases {
			if alias == lower {
				return t
			}
		}
	}
	return nil
}
