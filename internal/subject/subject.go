package subject

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"virtpki/dn"
	"virtpki/internal/hint"
	"virtpki/internal/termtext"
)

// ForCA returns the subject of a new CA: O=NAME,OU=CA <id>,CN=NAME. The id is new
// in every generation, because GnuTLS keeps one CRL for each issuer DN. It
// stands in an OU, because virt-pki-validate before libvirt 10.5 wants the CA's
// CN to be the O of the certificates that it signs.
func ForCA(name string) ([]byte, error) {
	if err := CheckText("organisation name", name); err != nil {
		return nil, err
	}
	id := make([]byte, 4)
	rand.Read(id)
	organization := dn.Escape(name)
	return dn.Encode("O=" + organization + ",OU=CA " + hex.EncodeToString(id) + ",CN=" + organization)
}

// ForLeaf returns the subject of a certificate: the O of the CA, and CN=name. If the full name of a
// host does not fit, the CN is the short one.
func ForLeaf(ca *x509.Certificate, name string) ([]byte, error) {
	if utf8.RuneCountInString(name) > maxCommonName {
		name = Short(name)
	}
	if utf8.RuneCountInString(name) > maxCommonName {
		return nil, hint.With(fmt.Errorf("name %s is too long for a CN (at most %d characters)", termtext.QuoteShort(name), maxCommonName), "give the full subject with --subject")
	}
	return dn.Encode(Prefix(ca) + "CN=" + dn.Escape(name))
}

// Prefix returns the part before the CN in the subjects that a CA gives.
func Prefix(ca *x509.Certificate) string {
	if len(ca.Subject.Organization) == 0 {
		return ""
	}
	return "O=" + dn.Escape(ca.Subject.Organization[0]) + ","
}

// Of returns the subject of a certificate as libvirt prints and matches it; if libvirt refuses the
// subject, it returns a text in angle brackets that says so.
func Of(cert *x509.Certificate) string { return Text(cert.RawSubject) }

// Readable reports whether libvirt can read a certificate's subject. It refuses a certificate with
// another one, so no list admits that.
func Readable(cert *x509.Certificate) bool {
	_, err := dn.FromRDNSequence(cert.RawSubject)
	return err == nil
}

// Text is [Of] for an encoded subject or issuer.
func Text(rawName []byte) string {
	text, err := dn.FromRDNSequence(rawName)
	if err != nil {
		return fmt.Sprintf("<%v>", err)
	}
	return text
}

// IssuerOf returns the issuer of a certificate in the same form as [Of].
func IssuerOf(cert *x509.Certificate) string { return Text(cert.RawIssuer) }
