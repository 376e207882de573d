package pki_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"virtpki/pki"
)

// template parses a template. With edits, which are pairs of old and new text, it is the built-in
// template of a role with these edits.
func template(t *testing.T, shape string, edits ...string) *pki.Template {
	t.Helper()
	text, err := pki.DefaultTemplate(shape)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("the template of %s has no %q", shape, edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	parsed, err := pki.ParseTemplate([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// sameShape checks that two certificates differ only in serial and signature.
func sameShape(t *testing.T, got, want *x509.Certificate) {
	t.Helper()
	if !bytes.Equal(got.RawSubject, want.RawSubject) {
		t.Errorf("subject %x, want %x", got.RawSubject, want.RawSubject)
	}
	if got.NotBefore != want.NotBefore || got.NotAfter != want.NotAfter || got.SignatureAlgorithm != want.SignatureAlgorithm {
		t.Errorf("from %v until %v by %v, want %v, %v, %v", got.NotBefore, got.NotAfter, got.SignatureAlgorithm, want.NotBefore, want.NotAfter, want.SignatureAlgorithm)
	}
	if len(got.Extensions) != len(want.Extensions) {
		t.Errorf("%d extensions, want %d", len(got.Extensions), len(want.Extensions))
	}
	for i := range min(len(got.Extensions), len(want.Extensions)) {
		if !reflect.DeepEqual(got.Extensions[i], want.Extensions[i]) {
			t.Errorf("extension %d is %+v, want %+v", i, got.Extensions[i], want.Extensions[i])
		}
	}
}

// The built-in templates make the same certificate as Issue without a template: extension by
// extension, in the same order, for every role and key type.
func TestDefaultTemplatesAreTheBuiltinShapes(t *testing.T) {
	_, network, _ := net.ParseCIDR("10.0.0.0/8")
	permits := []pki.Permit{{}, {DNSDomains: []string{"lab.example"}, IPRanges: []*net.IPNet{network}}}
	for _, keyType := range pki.KeyTypes() {
		key := newKey(t, keyType)
		for i, permit := range permits {
			t.Run(fmt.Sprintf("ca %s %d", keyType, i), func(t *testing.T) {
				request := pki.CARequest{RawSubject: subject("Test CA"), Signer: key, Now: now, Permit: permit}
				want, err := pki.NewCA(request)
				if err != nil {
					t.Fatal(err)
				}
				request.Template = template(t, "ca")
				got, err := pki.NewCA(request)
				if err != nil {
					t.Fatal(err)
				}
				sameShape(t, got.Certificate, want.Certificate)
			})
		}
	}
	ca := newCA(t, pki.EC256)
	for _, keyType := range pki.KeyTypes() {
		key := newKey(t, keyType)
		for _, role := range []pki.Role{pki.Server, pki.Client} {
			for _, strict := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s strict=%v", role, keyType, strict), func(t *testing.T) {
					request := leafRequest(role, key.Public())
					request.StrictKeyUsage = strict
					want, err := ca.Issue(request)
					if err != nil {
						t.Fatal(err)
					}
					request.Template = template(t, string(role))
					got, err := ca.Issue(request)
					if err != nil {
						t.Fatal(err)
					}
					sameShape(t, got, want)
				})
			}
		}
	}
}

// leafRequest asks for the names that a role has.
func leafRequest(role pki.Role, pub crypto.PublicKey) pki.Request {
	r := pki.Request{Role: role, RawSubject: subject("hv1"), PublicKey: pub, Now: now}
	if role == pki.Server {
		r.DNSNames = []string{"hv1.lab.example", "hv1", "*.lab.example"}
		r.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1), net.ParseIP("2001:db8::1")}
	}
	return r
}

// A subject stays the same byte for byte, even if the template's own form cannot keep its order or
// attributes.
func TestTemplateKeepsEverySubject(t *testing.T) {
	ca, key := newCA(t, pki.EC256), newKey(t, pki.EC256)
	for _, rdns := range []pkix.RDNSequence{
		{{attribute("2.5.4.3", "a")}, {attribute("2.5.4.10", "b")}},
		{{attribute("2.5.4.10", "o")}, {attribute("2.5.4.11", "one")}, {attribute("2.5.4.11", "two")}, {attribute("2.5.4.3", "a")}},
		{{attribute("2.5.4.10", "o")}, {attribute("2.5.4.3", "a"), attribute("2.5.4.11", "b")}},
		{{attribute("0.9.2342.19200300.100.1.25", "example")}, {attribute("2.5.4.3", "a")}},
		{{attribute("1.2.3.4", "x")}, {attribute("2.5.4.3", "é")}},
	} {
		request := leafRequest(pki.Client, key.Public())
		request.RawSubject = encodeRDNs(t, rdns)
		request.Template = template(t, "client")
		cert, err := ca.Issue(request)
		if err != nil {
			t.Errorf("%v: %v", rdns, err)
			continue
		}
		if !bytes.Equal(cert.RawSubject, request.RawSubject) {
			t.Errorf("%v: subject %x, want %x", rdns, cert.RawSubject, request.RawSubject)
		}
	}
}

// The certificate has the fields that the user has edited in the template.
func TestEditedTemplate(t *testing.T) {
	ca, key := newCA(t, pki.EC256), newKey(t, pki.EC256)
	request := leafRequest(pki.Server, key.Public())
	request.Template = template(t, "server",
		`{{ toJson .Subject }}`, `{"country": "GB", "organization": "Example", "organizationalUnit": ["Compute", "Rack 7"], "commonName": {{ toJson .Subject.CommonName }}}`,
		`"basicConstraints"`, `"policyIdentifiers": ["1.3.6.1.4.1.99999.1"], "basicConstraints"`,
		"}\n\t]", `}, {"id": "1.2.3.4", "value": "{{ asn1Enc "utf8:hello" }}"}]`)
	cert, err := ca.Issue(request)
	if err != nil {
		t.Fatal(err)
	}
	var rdns []string
	for _, name := range cert.Subject.Names {
		rdns = append(rdns, fmt.Sprint(name.Type, "=", name.Value))
	}
	want := "[2.5.4.6=GB 2.5.4.10=Example 2.5.4.11=Compute 2.5.4.11=Rack 7 2.5.4.3=hv1]"
	if got := fmt.Sprint(rdns); got != want {
		t.Errorf("subject %s, want %s", got, want)
	}
	if !bytes.Contains(cert.RawSubject, []byte("\x13\x02GB")) {
		t.Errorf("C is no PrintableString in %x", cert.RawSubject)
	}
	if len(cert.PolicyIdentifiers) != 1 || cert.PolicyIdentifiers[0].String() != "1.3.6.1.4.1.99999.1" {
		t.Errorf("policies %v", cert.PolicyIdentifiers)
	}
	last := cert.Extensions[len(cert.Extensions)-1]
	if last.Id.String() != "1.2.3.4" || string(last.Value) != "\x0c\x05hello" || last.Critical {
		t.Errorf("last extension %+v", last)
	}
}

// A template cannot make a certificate that nobody may have.
func TestTemplateRefusals(t *testing.T) {
	ca, key := newCA(t, pki.EC256), newKey(t, pki.EC256)
	name, end := `{{ toJson .Subject }}`, `"basicConstraints": {"isCA": false}`
	for _, tc := range []struct {
		edits []string
		want  string
	}{
		{[]string{name, `{}`}, "the subject is empty"},
		{[]string{name, `{"organization": "Example", "commonName": {{ toJson .CommonName }}}`}, `leaves out the CN "hv1"`},
		{[]string{name, `{"organization": "Example", "commonName": "hv2"}`}, `leaves out the CN "hv1"`},
		{[]string{`{{ toJson .SANs }}`, `{{ toJson .SAN }}`}, `leaves out the SAN "hv1`},
		{[]string{`"isCA": false`, `"isCA": true`}, "would make a CA"},
		{[]string{end, `"keyUsage": ["certSign"]`}, "would make a CA"},
		{[]string{`7.3.1"`, `7.3.2"`}, "extKeyUsage is not that of a server"},
		{[]string{end, `"extKeyUsage": ["serverAuth"]`}, "the extKeyUsage stands there twice"},
		{[]string{`"extensions"`, `"extension"`}, `unknown field "extension"`},
		{[]string{"}\n\t]", `}, {"id": "2.5.29.19", "critical": true, "value": "MAMBAf8="}]`, end + ",", ""}, "would make a CA"},
		{[]string{"}\n\t]", `}, {"id": "2.5.29.15", "critical": true, "value": "AwIBBg=="}]`}, "would make a CA"},
		{[]string{end, `"serialNumber": 1`}, `a template cannot set "serialNumber"`},
		{[]string{end, `"notAfter": "2040-01-01T00:00:00Z"`}, `a template cannot set "notAfter"`},
		{[]string{end, `"issuer": {"commonName": "x"}`}, `a template cannot set "issuer"`},
		{[]string{end, `"signatureAlgorithm": "SHA1-RSA"`}, "proves nothing"},
		{[]string{end, `"keyUsage": ["everything"]`}, "everything"},
		{[]string{"]\n}", "]\n} {}"}, "there is text after"},
		{[]string{"{\n", "{{ fail \"not for you\" }}"}, "not for you"},
		{[]string{"{\n", "\n"}, "the template: "},
		{[]string{"{\n", "{{ .Nothing.There }}"}, "the template: "},
	} {
		request := leafRequest(pki.Server, key.Public())
		request.Template = template(t, "server", tc.edits...)
		cert, err := ca.Issue(request)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, %v, want an error with %q", tc.edits, cert != nil, err, tc.want)
		}
	}
	if _, err := pki.ParseTemplate([]byte("{{ if }")); err == nil || !strings.Contains(err.Error(), "the template does not parse") {
		t.Errorf("a template that is none: %v", err)
	}
	if _, err := pki.DefaultTemplate("host"); err == nil {
		t.Error("there is a template for a host")
	}
	noCA := pki.CARequest{RawSubject: subject("Test CA"), Signer: key, Now: now, Template: template(t, "ca", `"isCA": true, "maxPathLen": 0`, `"isCA": false`)}
	if _, err := pki.NewCA(noCA); err == nil || !strings.Contains(err.Error(), "does not make a CA") {
		t.Errorf("a CA that is none: %v", err)
	}
	noCA.Template = template(t, "ca", `"certSign", `, ``)
	if _, err := pki.NewCA(noCA); err == nil || !strings.Contains(err.Error(), "may not sign") {
		t.Errorf("a CA that may not sign: %v", err)
	}
}

func newKey(t testing.TB, keyType pki.KeyType) crypto.Signer {
	t.Helper()
	key, err := pki.GenerateKey(keyType)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// attribute is one attribute of a subject, with its type in dotted form.
func attribute(oid, value string) pkix.AttributeTypeAndValue {
	var parsed asn1.ObjectIdentifier
	for part := range strings.SplitSeq(oid, ".") {
		n, _ := strconv.Atoi(part)
		parsed = append(parsed, n)
	}
	return pkix.AttributeTypeAndValue{Type: parsed, Value: value}
}

func encodeRDNs(t testing.TB, rdns pkix.RDNSequence) []byte { return marshal(t, rdns) }
