package subject

import (
	"errors"
	"fmt"
	"slices"

	"virtpki/dn"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// OfRequest returns the DN of a request, or a text that describes its fault.
func OfRequest(csr *pki.CSR) string {
	if len(csr.RawSubject) <= 2 {
		return "a request without a subject"
	}
	text, err := dn.FromRDNSequence(csr.RawSubject)
	if err != nil {
		return fmt.Sprintf("a request with a subject that libvirt refuses (%v)", err)
	}
	return termtext.Line(text)
}

// NameIn returns the name in a request: the CN, of any string type.
func NameIn(csr *pki.CSR, role pki.Role) (string, error) {
	if len(csr.RawSubject) <= 2 {
		return "", hint.With(errors.New("its subject is empty"), "the CN of a request is the name of the host or client")
	}
	attributes, err := grant.Attributes(csr.RawSubject)
	if err != nil {
		return "", err
	}
	attributes = slices.DeleteFunc(attributes, func(a grant.Attribute) bool { return !a.IsCN() })
	switch {
	case len(attributes) != 1:
		return "", fmt.Errorf("its subject has %d CNs, not one", len(attributes))
	case role == pki.Server:
		return attributes[0].Text, CheckHost(attributes[0].Text)
	}
	return attributes[0].Text, CheckClient(attributes[0].Text)
}
