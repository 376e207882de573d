package grant

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"virtpki/dn"
	"virtpki/pki"
)

// MaxCertificate is the size, in bytes of DER, of the largest certificate that is
// signed. libvirt reads PEM files of up to 64 KiB; this one takes 43 KiB.
const MaxCertificate = 32 << 10

// CheckSubject returns an error if a policy without a template does not grant a subject.
func (p *Policy) CheckSubject(rawSubject []byte) error {
	text, names, err := p.readSubject(rawSubject)
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return fmt.Errorf("its subject has %d CNs, not one", len(names))
	}
	if want := p.Prefix + "CN=" + dn.Escape(names[0]); p.limited() && text != want {
		return fmt.Errorf("its subject would be %s, and only %s is granted", quoted(text), quoted(want))
	}
	return nil
}

// readSubject returns a subject as libvirt will print and match it, and its CNs, all of
// which are granted.
func (p *Policy) readSubject(rawSubject []byte) (text string, names []string, err error) {
	attributes, err := Attributes(rawSubject)
	if err != nil {
		return "", nil, err
	}
	if text, err = printed(rawSubject, attributes); err != nil {
		return "", nil, err
	}
	for _, a := range attributes {
		if !a.IsCN() {
			continue
		}
		if names = append(names, a.Text); !p.GrantsCN(a.Text) {
			return "", nil, &NotGranted{Name: a.Text, CN: true, Listed: p.String()}
		}
	}
	return text, names, nil
}

// checkSubject checks the subject against the policy. The CN of a server is also the name of a
// host, so it has to be inside the CA's limits, or the short form of a name that is.
func (p *Policy) checkSubject(cert *x509.Certificate, role pki.Role) error {
	_, names, err := p.readSubject(cert.RawSubject)
	if err == nil && len(names) == 0 {
		err = errNoSubject
	}
	if err == nil && !p.Template {
		err = p.CheckSubject(cert.RawSubject)
	}
	if err != nil || role != pki.Server {
		return err
	}
	for _, name := range names {
		short := func(full string) bool { return strings.EqualFold(shortForm(full), name) && p.limitsTakeDNS(full) }
		if !p.limitsTakeDNS(name) && !slices.ContainsFunc(cert.DNSNames, short) {
			return p.notGranted(name, true)
		}
	}
	return nil
}

// printed returns the subject as libvirt prints it. It refuses an attribute that libvirt does not
// print as the text that was read here, because nobody could tell which patterns of a list match
// it.
func printed(rawSubject []byte, attributes []Attribute) (string, error) {
	text, err := dn.FromRDNSequence(rawSubject)
	if err != nil {
		return "", fmt.Errorf("libvirt refuses its subject: %w", err)
	}
	name, err := dn.Parse(text)
	if err != nil || name.Attributes() != len(attributes) {
		return "", fmt.Errorf("its subject %s cannot be read", quoted(text))
	}
	i := 0
	for _, rdn := range name {
		for _, a := range rdn {
			if a.DER != nil || a.Value != attributes[i].Text {
				return "", fmt.Errorf("its subject %s contains an attribute that libvirt does not print as text", quoted(text))
			}
			i++
		}
	}
	return text, nil
}

// quoted quotes a text for an error, and shortens a long one.
func quoted(text string) string {
	const most = 200
	if len(text) > most {
		return fmt.Sprintf("%q...", strings.ToValidUTF8(text[:most], ""))
	}
	return fmt.Sprintf("%q", text)
}

// usualExtensions lists the extensions of every certificate that is made here.
var usualExtensions = []asn1.ObjectIdentifier{
	{2, 5, 29, 14}, {2, 5, 29, 15}, {2, 5, 29, 17}, {2, 5, 29, 19}, {2, 5, 29, 35}, {2, 5, 29, 37},
}

func (p *Policy) checkExtensions(cert *x509.Certificate, _ pki.Role) error {
	const ofCA = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	switch {
	case cert.IsCA || cert.KeyUsage&ofCA != 0:
		return errors.New("its certificate would be a CA")
	case p.Template:
		return nil
	case len(cert.URIs)+len(cert.EmailAddresses) > 0 || otherNames(cert):
		return errors.New("its certificate would contain a name of another kind than DNS names and addresses")
	}
	for _, ext := range cert.Extensions {
		if !slices.ContainsFunc(usualExtensions, ext.Id.Equal) {
			return fmt.Errorf("its certificate would have the extension %v, which is not granted", ext.Id)
		}
	}
	return nil
}

// otherNames reports whether the subjectAltName holds more than DNS names and addresses.
func otherNames(cert *x509.Certificate) bool {
	for _, ext := range cert.Extensions {
		if !ext.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(ext.Value, &names); err != nil || len(rest) > 0 || len(names) != len(cert.DNSNames)+len(cert.IPAddresses) {
			return true
		}
	}
	return false
}

// checkBounds checks the lifetime and the size against the granted ones, and refuses names that
// cannot be compared.
func (p *Policy) checkBounds(cert *x509.Certificate, _ pki.Role) error {
	if life := cert.NotAfter.Sub(cert.NotBefore); p.Lifetime > 0 && life > p.Lifetime+pki.Backdate {
		return fmt.Errorf("its lifetime would be %s, which is not granted", pki.FormatValidity(life))
	}
	if len(cert.Raw) > MaxCertificate {
		return fmt.Errorf("its certificate would have %d bytes (at most %d)", len(cert.Raw), MaxCertificate)
	}
	for _, name := range cert.DNSNames {
		if _, err := netip.ParseAddr(name); err == nil || !IsHostName(strings.TrimPrefix(name, "*.")) {
			return fmt.Errorf("its certificate would contain %s as a DNS name, which it is not", quoted(name))
		}
	}
	return nil
}
