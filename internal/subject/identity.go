package subject

import (
	"crypto/x509"

	"virtpki/dn"
	"virtpki/internal/hint"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Identity is one certificate to be made. For its subject it has a raw subject, or a name to put
// below the CA's organisation.
type Identity struct {
	Role       pki.Role
	Name       string
	RawSubject []byte // nil: made from the name
	Place      string // distinguishes it from another one of the same role and name
	Names
}

// Slot returns the name of the identity's key in a keyring.
func (id *Identity) Slot() string { return string(id.Role) + " " + id.Name + id.Place }

// Subject returns the encoded subject that a CA gives the identity.
func (id *Identity) Subject(ca *x509.Certificate) ([]byte, error) {
	if id.RawSubject != nil {
		return id.RawSubject, nil
	}
	return ForLeaf(ca, id.Name)
}

// Encode returns the DER of a subject that is given in the form in which libvirt prints it; an
// error is a usage error.
func Encode(text string) ([]byte, error) {
	raw, err := dn.Encode(text)
	if err != nil {
		return nil, hint.Usagef("subject %s: %w", termtext.QuoteShort(text), err)
	}
	return raw, nil
}
