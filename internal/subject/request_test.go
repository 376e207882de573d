package subject

import (
	"encoding/asn1"
	"strings"
	"testing"

	"virtpki/pki"
)

// A CN of any string type counts: encoding/asn1 does not read the rarer types, so a second CN would
// pass.
func TestCNsOfEveryStringType(t *testing.T) {
	key, err := pki.GenerateKey(pki.DefaultKeyType)
	if err != nil {
		t.Fatal(err)
	}
	type pairSET []struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	commonName := asn1.ObjectIdentifier{2, 5, 4, 3}
	for tag, text := range map[int]string{
		asn1.TagUTF8String: "admin", asn1.TagPrintableString: "admin", asn1.TagIA5String: "admin", asn1.TagT61String: "admin",
		asn1.TagGeneralString: "admin", 26: "admin", asn1.TagBMPString: "\x00a", 28: "\x00\x00\x00a", asn1.TagOctetString: "admin",
	} {
		raw, err := asn1.Marshal([]pairSET{
			{{commonName, asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("hv1")}}},
			{{commonName, asn1.RawValue{Tag: tag, Bytes: []byte(text)}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		csr, err := pki.NewCSR(pki.CSRRequest{Role: pki.Client, RawSubject: raw}, key)
		if err != nil {
			t.Fatal(err)
		}
		if name, err := NameIn(csr, pki.Client); err == nil || !strings.Contains(err.Error(), "its subject has 2 CNs, not one") {
			t.Errorf("string type %d: name %q, error %v", tag, name, err)
		}
	}
}
