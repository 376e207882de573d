package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"go.step.sm/crypto/x509util"
)

// Template is a certificate template that users may edit: JSON in the form of
// go.step.sm/crypto/x509util, made by a Go template (text/template with the functions of sprig)
// from these facts about the certificate:
//
//	.Subject         the subject without a template: organization, commonName, ...
//	.SANs            the names, each with its type
//	.Role            "ca", "server" or "client"
//	.StrictKeyUsage  whether --for names a release that takes a strict keyUsage
//	.NameConstraints of a CA that is limited
//	.Insecure.CR     the request: .Insecure.CR.PublicKey for its type
//
// A template cannot call functions that use the network, the environment, the clock, random numbers
// or keys. A template that loops or grows without bound is an error.
//
// A template decides on the contents of the certificate, except for the serial, dates, issuer and
// key identifiers: these are made as for every other certificate.
type Template struct {
	// Name stands before each message about the template, for example a file's name. It may be
	// empty.
	Name string
	text string
}

// named puts the template's name before its error.
func (t *Template) named(err error) error {
	if t.Name == "" {
		return err
	}
	return fmt.Errorf("%s: %w", t.Name, err)
}

// The built-in templates. They render the same certificates as [CA.Issue] and [NewCA] make without
// a template.
const (
	leafTemplate = `{
	"subject": {{ toJson .Subject }},
	"sans": {{ toJson .SANs }},
{{- if typeIs "*rsa.PublicKey" .Insecure.CR.PublicKey }}
	"keyUsage": ["digitalSignature", "keyEncipherment"],
{{- else if .StrictKeyUsage }}
	"keyUsage": ["digitalSignature"],
{{- end }}
	"basicConstraints": {"isCA": false},
	"extensions": [
{{- /* the extKeyUsage: critical, because libvirt only warns of one that is not */}}
		{"id": "2.5.29.37", "critical": true, "value": "{{ asn1Seq (asn1Enc "oid:%s") }}"}
	]
}
`
	caTemplate = `{
	"subject": {{ toJson .Subject }},
	"keyUsage": ["certSign", "crlSign"],
{{- if .NameConstraints }}
	"nameConstraints": {{ toJson .NameConstraints }},
{{- end }}
	"basicConstraints": {"isCA": true, "maxPathLen": 0}
}
`
)

// roleCA is the Role of a template for a CA.
const roleCA = "ca"

// DefaultTemplate returns the text of the built-in template of "ca", "server" or "client".
func DefaultTemplate(shape string) (string, error) {
	switch shape {
	case roleCA:
		return caTemplate, nil
	case string(Server):
		return fmt.Sprintf(leafTemplate, oidServerAuth), nil
	case string(Client):
		return fmt.Sprintf(leafTemplate, oidClientAuth), nil
	}
	return "", fmt.Errorf("unknown template %q (ca, server or client)", shape)
}

// ParseTemplate checks that text is a template. It does not check whether the template renders to a
// certificate; this shows when one is made.
func ParseTemplate(text []byte) (*Template, error) {
	if _, err := parseTemplate(string(text), (&budget{}).funcs()); err != nil {
		return nil, fmt.Errorf("the template does not parse: %w", err)
	}
	return &Template{text: string(text)}, nil
}

// facts holds the data that a template is rendered with.
type facts struct {
	role        string
	rawSubject  []byte
	pub         crypto.PublicKey
	sans        []x509util.SubjectAlternativeName
	strict      bool
	constraints *x509util.NameConstraints
}

// render makes the certificate that the template describes, and adds nothing to it. A field that a
// template may not decide on is an error.
func (t *Template) render(f facts) (*x509.Certificate, error) {
	subject, err := subjectOf(f.rawSubject)
	if err != nil {
		return nil, err
	}
	data := x509util.TemplateData{
		x509util.SubjectKey: subject, x509util.SANsKey: f.sans,
		"Role": f.role, "StrictKeyUsage": f.strict, "NameConstraints": f.constraints,
	}
	data.SetInsecure(x509util.CertificateRequestKey, map[string]any{
		"PublicKey": keyType{fmt.Sprintf("%T", f.pub)}, "PublicKeyAlgorithm": algorithmOf(f.pub),
	})
	like := &x509.Certificate{PublicKey: f.pub, PublicKeyAlgorithm: algorithmOf(f.pub)}
	rendered := func(_ *x509.CertificateRequest, o *x509util.Options) (err error) {
		o.CertBuffer, err = t.run(data)
		return err
	}
	made, err := x509util.NewCertificateFromX509(like, rendered, strictJSON)
	if err != nil {
		return nil, fmt.Errorf("the template: %w", err)
	}
	if err := notItsMatter(made); err != nil {
		return nil, fmt.Errorf("the template: %w", err)
	}
	cert := made.GetCertificate()
	switch {
	case len(made.RawSubject) > 0:
	case reflect.DeepEqual(made.Subject, subject):
		cert.RawSubject = f.rawSubject
	default:
		cert.RawSubject, err = encodeSubject(made.Subject)
	}
	if err == nil && len(cert.RawSubject) <= 2 {
		err = errors.New("the template: the subject is empty")
	}
	return cert, err
}

// strictJSON returns an error unless a template has rendered one JSON object with known fields.
// Otherwise a field with a typing mistake would be ignored silently.
func strictJSON(_ *x509.CertificateRequest, o *x509util.Options) error {
	decoder := json.NewDecoder(bytes.NewReader(o.CertBuffer.Bytes()))
	decoder.DisallowUnknownFields()
	var made x509util.Certificate
	switch err := decoder.Decode(&made); {
	case errors.Is(err, io.EOF):
		return errors.New("it renders to nothing")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("its result ends within the JSON object")
	case err != nil:
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("there is text after the JSON object")
	}
	return nil
}

// notItsMatter refuses fields that are the same for every certificate made here.
func notItsMatter(c *x509util.Certificate) error {
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"version", c.Version != 0},
		{"issuer", !reflect.DeepEqual(c.Issuer, x509util.Issuer{})},
		{"serialNumber", c.SerialNumber.Int != nil},
		{"notBefore", !c.NotBefore.IsZero()},
		{"notAfter", !c.NotAfter.IsZero()},
		{"subjectKeyId", len(c.SubjectKeyID) > 0},
		{"authorityKeyId", len(c.AuthorityKeyID) > 0},
	} {
		if field.set {
			return fmt.Errorf("a template cannot set %q", field.name)
		}
	}
	isPurpose := func(e x509util.Extension) bool { return asn1.ObjectIdentifier(e.ID).Equal(oidExtKeyUsage) }
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 && slices.ContainsFunc(c.Extensions, isPurpose) {
		return fmt.Errorf("the extKeyUsage stands there twice: as a field, and among the extensions (%v)", oidExtKeyUsage)
	}
	weak := []x509.SignatureAlgorithm{x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1}
	if slices.Contains(weak, x509.SignatureAlgorithm(c.SignatureAlgorithm)) {
		return fmt.Errorf("the signatureAlgorithm %v proves nothing", x509.SignatureAlgorithm(c.SignatureAlgorithm))
	}
	return nil
}

func algorithmOf(pub crypto.PublicKey) x509.PublicKeyAlgorithm {
	if _, isRSA := pub.(*rsa.PublicKey); isRSA {
		return x509.RSA
	}
	return x509.UnknownPublicKeyAlgorithm // the library does not use it
}

// shape renders the template for a leaf certificate.
func (r Request) shape() (*x509.Certificate, error) {
	f := facts{role: string(r.Role), rawSubject: r.RawSubject, pub: r.PublicKey, strict: r.StrictKeyUsage}
	for _, name := range r.DNSNames {
		f.sans = append(f.sans, x509util.SubjectAlternativeName{Type: x509util.DNSType, Value: name})
	}
	for _, ip := range r.IPAddresses {
		f.sans = append(f.sans, x509util.SubjectAlternativeName{Type: x509util.IPType, Value: ip.String()})
	}
	return r.Template.render(f)
}

// accepts returns an error for a leaf certificate that no template may make. It looks at the
// finished certificate, because a template can write each extension in two ways.
func (r Request) accepts(cert *x509.Certificate) error {
	switch {
	case cert.IsCA || cert.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0:
		return fmt.Errorf("the template would make a CA of the %s %s", r.Role, cert.Subject)
	case !slices.Contains(RolesOf(cert), r.Role):
		return fmt.Errorf("the template's extKeyUsage is not that of a %s", r.Role)
	}
	if missing := r.lost(cert); missing != "" {
		return fmt.Errorf("the template leaves out %s, which was asked for", missing)
	}
	return nil
}

// lost returns a name that was asked for and is not in the certificate: a variable with a typing
// mistake renders as null. A template does not decide on these names.
func (r Request) lost(cert *x509.Certificate) string {
	made := commonNames(cert.RawSubject)
	for _, name := range commonNames(r.RawSubject) {
		if !slices.Contains(made, name) {
			return fmt.Sprintf("the CN %q", name)
		}
	}
	for _, name := range r.DNSNames {
		if !slices.Contains(cert.DNSNames, name) {
			return fmt.Sprintf("the SAN %q", name)
		}
	}
	for _, ip := range r.IPAddresses {
		if !slices.ContainsFunc(cert.IPAddresses, ip.Equal) {
			return fmt.Sprintf("the SAN %s", ip)
		}
	}
	return ""
}

// commonNames returns the CNs of a subject.
func commonNames(raw []byte) []string {
	var rdns pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &rdns); err != nil {
		return nil
	}
	var names []string
	for _, set := range rdns {
		for _, attribute := range set {
			if name, ok := attribute.Value.(string); ok && attribute.Type.Equal(oidCommonName) {
				names = append(names, name)
			}
		}
	}
	return names
}

// shape renders the template for a CA and checks the properties that every CA must have: libvirt
// accepts no other (libvirt, src/rpc/virnettlscert.c).
func (r CARequest) shape() (*x509.Certificate, error) {
	f := facts{role: roleCA, rawSubject: r.RawSubject, pub: r.Signer.Public()}
	if r.Permit.limits() {
		f.constraints = &x509util.NameConstraints{
			Critical:            true,
			PermittedDNSDomains: r.Permit.DNSDomains,
			PermittedIPRanges:   r.Permit.ranges(),
		}
	}
	cert, err := r.Template.render(f)
	if err != nil {
		return nil, err
	}
	switch {
	case !cert.BasicConstraintsValid || !cert.IsCA:
		return nil, errors.New("the template does not make a CA: its basicConstraints do not say isCA")
	case cert.KeyUsage&x509.KeyUsageCertSign == 0 || cert.KeyUsage&x509.KeyUsageCRLSign == 0:
		return nil, errors.New("the template makes a CA that may not sign: its keyUsage lacks certSign or crlSign")
	}
	return cert, nil
}

// ranges returns the networks in the form of a template.
func (p Permit) ranges() x509util.MultiIPNet {
	var all x509util.MultiIPNet
	return append(all, p.IPRanges...)
}

// Rehearse makes the certificate that [CA.Issue] would make of r, without the CA's key: a stand-in
// signs it. It shows the result of a template before anything is signed.
func (ca *CA) Rehearse(r Request) (leaf, standIn *x509.Certificate, err error) {
	other, err := ca.StandIn()
	if err != nil {
		return nil, nil, err
	}
	leaf, err = other.Issue(r)
	return leaf, other.Certificate, err
}

// StandIn returns a CA like ca with a key of its own. The certificates that it issues are those
// that ca would issue, except for the signature and the serial.
func (ca *CA) StandIn() (*CA, error) {
	key, err := GenerateKey(DefaultKeyType)
	if err != nil {
		return nil, err
	}
	like := &x509.Certificate{
		SerialNumber: ca.Certificate.SerialNumber, RawSubject: ca.Certificate.RawSubject,
		NotBefore: ca.Certificate.NotBefore, NotAfter: ca.Certificate.NotAfter,
		ExtraExtensions: ca.Certificate.Extensions,
	}
	der, err := x509.CreateCertificate(rand.Reader, like, like, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("rehearsing: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("rehearsing: %w", err)
	}
	return &CA{Certificate: cert, Signer: key}, nil
}
