package pkcs11

import (
	"encoding/asn1"
	"encoding/pem"
	"errors"
)

// PEMType is the type of the PEM block that OpenSSL's pkcs11-provider reads as a key: its
// contents are a URI.
const PEMType = "PKCS#11 PROVIDER URI"

// pemDescription is the first string of the block, which the provider compares.
const pemDescription = "PKCS#11 Provider URI v1.0"

// visibleString is the ASN.1 tag of the description. encoding/asn1 has no name for it.
const visibleString = 26

// uriBlock is the block's contents in DER.
type uriBlock struct {
	Description asn1.RawValue
	URI         string `asn1:"utf8"`
}

// EncodePEM returns a URI in the form of OpenSSL's pkcs11-provider.
func EncodePEM(u *URI) ([]byte, error) {
	der, err := asn1.Marshal(uriBlock{asn1.RawValue{Tag: visibleString, Bytes: []byte(pemDescription)}, u.String()})
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: PEMType, Bytes: der}), nil
}

// ParsePEM reads the URI of a block of [PEMType].
func ParsePEM(block *pem.Block) (*URI, error) {
	var b uriBlock
	rest, err := asn1.Unmarshal(block.Bytes, &b)
	if err != nil || len(rest) > 0 || b.Description.Tag != visibleString || string(b.Description.Bytes) != pemDescription {
		return nil, errors.New("the block " + PEMType + " does not parse")
	}
	return ParseURI(b.URI)
}
