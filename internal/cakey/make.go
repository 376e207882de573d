package cakey

import (
	"crypto"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/pkcs11"
	"virtpki/internal/termtext"
	"virtpki/internal/tpm"
	"virtpki/pki"
)

// Place is where a CA's key is kept. The zero value is a file.
type Place struct {
	URI *pkcs11.URI // of a key in a token; nil for another place
	TPM bool        // this machine's TPM
}

// ParsePlace returns the place that a URI names. command reaches the place, and may be empty.
func ParsePlace(uri, command string) (Place, error) {
	if uri == "" {
		if command != "" {
			return Place{}, errors.New("--p11-command is for a key in a token: name it with --key-uri")
		}
		return Place{}, nil
	}
	u, err := pkcs11.ParseURI(uri)
	if err == nil && command != "" {
		u, err = u.WithCommand(command)
	}
	if err == nil {
		u, err = u.Private()
	}
	switch {
	case errors.Is(err, pkcs11.ErrPINValue):
		return Place{}, hint.With(fmt.Errorf("--key-uri: %w", err), "write the PIN into a file of mode 0600, and name that with pin-source=file:PATH")
	case err != nil:
		return Place{}, fmt.Errorf("--key-uri: %w", err)
	case !u.NamesKey():
		return Place{}, errors.New("--key-uri: the URI does not name the key: add object=NAME")
	}
	return Place{URI: u}, nil
}

// InDevice reports whether the place is not a file.
func (p Place) InDevice() bool { return p.URI != nil || p.TPM }

// String returns the place in words, as the subject of a sentence.
func (p Place) String() string {
	if p.TPM {
		return "the key of this machine's TPM"
	}
	return "the key " + p.URI.Place()
}

// Holds reports whether the key of a file is kept in this place. The contents of a TPM's key are
// not compared: any key of a TPM is in the place of a TPM.
func (p Place) Holds(data []byte) bool {
	switch {
	case p.TPM:
		return FormOf(data) == TPM
	case p.URI != nil:
		return URIOf(data) == p.URI.Place()
	}
	return !FormOf(data).InDevice()
}

// Flags returns the flags that name the place, for a shell; none for a file.
func (p Place) Flags() string {
	switch {
	case p.TPM:
		return "--tpm"
	case p.URI != nil:
		return termtext.ShellFlags("--key-uri", p.URI.String())
	}
	return ""
}

// Key is a key in a device, with the file that names it.
type Key struct {
	crypto.Signer
	PEM   []byte
	Found bool // it was there already
	Dry   bool // a stand-in: the key would be made
}

// Order describes the key that a CA wants.
type Order struct {
	Place Place
	Type  pki.KeyType
	Any   bool // takes a key of another type if one is there
	Old   bool // wants an existing key, and does not make one
	Dry   bool // does not make a key: a stand-in takes its place

	Sealed bool // a key of the TPM gets the passphrase that is asked for
}

// Make returns the key of an order: the existing one, otherwise a new one.
func (d *Devices) Make(o Order, ask Ask) (Key, error) {
	kind, err := kindOf(o.Type)
	if err != nil && !o.Old {
		return Key{}, err
	}
	if o.Place.TPM {
		return d.makeTPM(o, tpm.Kind(kind), ask)
	}
	u := o.Place.URI
	text, err := pkcs11.EncodePEM(u)
	if err != nil {
		return Key{}, err
	}
	key := Key{PEM: text}
	got := d.once(u.String(), func() (got opened) {
		got.key, got.err = d.token(u, ask, func(s *pkcs11.Session) (*pkcs11.Key, error) {
			have, err := s.Key()
			if got.found = err == nil; got.found || o.Old || o.Dry || !errors.Is(err, pkcs11.ErrNoKey) {
				return have, err
			}
			return s.Generate(kind)
		})
		return got
	})
	if o.Dry && !o.Old && errors.Is(got.err, pkcs11.ErrNoKey) {
		key.Dry = true
		key.Signer, err = pki.GenerateKey(o.Type)
		return key, err
	}
	if got.err != nil {
		return Key{}, got.err
	}
	key.Signer, key.Found = got.key, got.found
	return key, key.check(o)
}

// check refuses a key of a type that was not asked for, or that libvirt would not accept.
func (k *Key) check(o Order) error {
	switch have, known := pki.KeyTypeOf(k.Public()); {
	case o.Old:
		return nil // libvirt's judge looks at the CA's certificate
	case !known:
		return fmt.Errorf("the key %s has a type that not every libvirt accepts", o.Place.URI.Place())
	case have != o.Type && !o.Any:
		return hint.With(fmt.Errorf("the key %s is there already, and is %s, not %s", o.Place.URI.Place(), have, o.Type), "use it with --key-type %s, or name another object", have)
	}
	return nil
}

// kindOf returns a key type as tokens describe it.
func kindOf(t pki.KeyType) (kind pkcs11.Kind, err error) {
	if bits, found := strings.CutPrefix(string(t), "rsa"); found {
		kind.RSA, err = strconv.Atoi(bits)
		return kind, err
	}
	if bits, found := strings.CutPrefix(string(t), "ec"); found {
		kind.Curve, err = strconv.Atoi(bits)
		return kind, err
	}
	return kind, hint.Usagef("a device cannot make a key of type %s: use ec256, ec384, rsa2048, rsa3072 or rsa4096", t)
}
