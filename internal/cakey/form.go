package cakey

import (
	"crypto"
	"encoding/pem"
	"errors"

	"virtpki/internal/pkcs11"
	"virtpki/internal/tpm"
	"virtpki/pki"
)

// Form is how a file holds a CA's key. Its text is stable.
type Form string

// The forms of a CA's key.
const (
	Plain     Form = "plain"
	Encrypted Form = "encrypted" // with a passphrase
	PKCS11    Form = "pkcs11"    // the file names a key in a token
	TPM       Form = "tpm"       // only one TPM can use the file
)

// FormOf returns the form of a file's contents. It opens nothing.
func FormOf(data []byte) Form {
	switch form, _ := device(data); {
	case form != "":
		return form
	case pki.Encrypted(data):
		return Encrypted
	}
	return Plain
}

// device returns the first block of a file that is a key, if it is a device's key.
func device(data []byte) (Form, *pem.Block) {
	block, _ := pem.Decode(data)
	switch {
	case block == nil:
	case block.Type == pkcs11.PEMType:
		return PKCS11, block
	case block.Type == tpm.PEMType:
		return TPM, block
	}
	return "", nil
}

// InDevice reports whether a key of this form never leaves a device.
func (f Form) InDevice() bool { return f == PKCS11 || f == TPM }

// Keeps reports whether a device keeps a key, and makes one signature at a time with it.
func Keeps(key crypto.Signer) bool {
	switch key.(type) {
	case *pkcs11.Key, *tpm.Key:
		return true
	}
	return false
}

// URIOf returns the URI of a key in a token, without the part that says how the token is
// reached. It is empty for a key of another form.
func URIOf(data []byte) string {
	form, block := device(data)
	if form != PKCS11 {
		return ""
	}
	u, err := pkcs11.ParsePEM(block)
	if err != nil {
		return ""
	}
	return u.Place()
}

// Block returns the PEM block of a file that is a key of a device.
func Block(data []byte) []byte {
	_, block := device(data)
	return pem.EncodeToMemory(block)
}

// errNoDevice is the error for a file that holds the key itself.
var errNoDevice = errors.New("the file does not name a key in a device")
