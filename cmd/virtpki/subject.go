package main

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

// caSubject is the subject of a new CA: O=NAME,OU=CA <id>,CN=NAME. The id is new
// in every generation, because GnuTLS keeps one CRL for each issuer DN. It
// stands in an OU, because virt-pki-validate before libvirt 10.5 wants the CA's
// CN to be the O of the certificates that it signs.
func caSubject(name string) ([]byte, error) {
	if err := checkText("organisation name", name); err != nil {
		return nil, err
	}
	id := make([]byte, 4)
	rand.Read(id)
	organization := dn.Escape(name)
	return dn.Encode("O=" + organization + ",OU=CA " + hex.EncodeToString(id) + ",CN=" + organization)
}

// leafSubject is the subject of a certificate: O as the CA has it, CN=name. A
// host whose full name does not fit goes by its short one.
func leafSubject(ca *x509.Certificate, name string) ([]byte, error) {
	if utf8.RuneCountInString(name) > maxCommonName {
		name = shortName(name)
	}
	if utf8.RuneCountInString(name) > maxCommonName {
		return nil, hint.With(fmt.Errorf("name %s is too long for a CN (at most %d characters)", termtext.QuoteShort(name), maxCommonName), "give the whole subject with --subject")
	}
	return dn.Encode(subjectPrefix(ca) + "CN=" + dn.Escape(name))
}

// subjectPrefix is what stands before the CN in the subjects that a CA gives.
func subjectPrefix(ca *x509.Certificate) string {
	if len(ca.Subject.Organization) == 0 {
		return ""
	}
	return "O=" + dn.Escape(ca.Subject.Organization[0]) + ","
}

// dnOf is the subject of a certificate as libvirt prints and matches it; where
// libvirt refuses the subject, a text in angle brackets says so.
func dnOf(cert *x509.Certificate) string { return dnText(cert.RawSubject) }

func dnText(rawName []byte) string {
	text, err := dn.FromRDNSequence(rawName)
	if err != nil {
		return fmt.Sprintf("<%v>", err)
	}
	return text
}

// issuerOf is the issuer of a certificate in the same form as dnOf.
func issuerOf(cert *x509.Certificate) string { return dnText(cert.RawIssuer) }
