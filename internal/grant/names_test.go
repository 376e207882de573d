package grant

import (
	"crypto/x509"
	"encoding/asn1"
	"net"
	"net/netip"
	"reflect"
	"testing"
)

// subjectWith encodes a subject of CNs, each of one string type.
func subjectWith(t *testing.T, values ...asn1.RawValue) []byte {
	t.Helper()
	type pairSET []struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	var rdns []pairSET
	for _, value := range values {
		rdns = append(rdns, pairSET{{oidCommonName, value}})
	}
	raw, err := asn1.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestNamesOf(t *testing.T) {
	for _, test := range []struct {
		tag  int
		text string
		want string
	}{
		{asn1.TagUTF8String, "HV1.Lab.Example.", "hv1.lab.example"},
		{asn1.TagPrintableString, "Admin", "admin"},
		{asn1.TagIA5String, "Admin", "admin"},
		{asn1.TagT61String, "J\xf6rg", "jörg"},
		{asn1.TagGeneralString, "ADMIN", "admin"},
		{tagVisibleString, "ADMIN", "admin"},
		{asn1.TagBMPString, "\x00A\x04\x14", "aд"},
		{tagUniversalString, "\x00\x00\x00A\x00\x01\xf6\x00", "a\U0001f600"},
		{asn1.TagOctetString, "admin", "#61646d696e"},
		{asn1.TagBMPString, "\x00A\x04", "#004104"},
	} {
		cert := &x509.Certificate{RawSubject: subjectWith(t, asn1.RawValue{Tag: test.tag, Bytes: []byte(test.text)})}
		if got := NamesOf(cert).CNs; !reflect.DeepEqual(got, []string{test.want}) {
			t.Errorf("tag %d, %q: CNs %q, want %q", test.tag, test.text, got, test.want)
		}
	}
	utf8 := func(text string) asn1.RawValue { return asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(text)} }
	got := NamesOf(&x509.Certificate{
		RawSubject:  subjectWith(t, utf8("hv1"), utf8("HV1"), utf8("admin")),
		DNSNames:    []string{"HV1.lab.example", "hv1.lab.example.", "*.LAB.example"},
		IPAddresses: []net.IP{net.ParseIP("10.0.0.1"), net.IP{10, 0, 0, 1}, net.ParseIP("2001:db8::1")},
	})
	want := Names{
		CNs: []string{"hv1", "admin"}, DNS: []string{"hv1.lab.example", "*.lab.example"},
		IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFold(t *testing.T) {
	for _, test := range [][2]string{
		{"HV1.Lab.Example", "hv1.lab.example"}, {"hv1.", "hv1"}, {".", "."}, {"", ""},
		{" Bad   Guy ", "bad guy"}, {"\u212aelvin", "kelvin"}, {"\u0410dmin", "\u0430dmin"},
	} {
		if got := Fold(test[0]); got != test[1] {
			t.Errorf("Fold(%q) = %q, want %q", test[0], got, test[1])
		}
	}
}

func TestAttributesMalformed(t *testing.T) {
	for _, raw := range [][]byte{nil, {0x30}, {0x30, 2, 0x31, 5}, {0x30, 4, 0x31, 2, 0x30, 0}, {0x30, 0, 0}} {
		if got, err := Attributes(raw); err == nil {
			t.Errorf("%x: %v, want an error", raw, got)
		}
	}
}
