package authority

import (
	"errors"
	"fmt"
	"io/fs"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// Unlock reads the keys of the CA's generations, and finds the certificate of cacert.pem that each
// belongs to.
func (a *Authority) Unlock(keys *change.Keyring) error {
	if a.CA.Signer != nil {
		return nil
	}
	path := a.Layout.Path(libvirt.CAKey)
	first, err := openOne(a, keys, path)
	if errors.Is(err, fs.ErrNotExist) && !a.Tree.Exists(path) {
		return hint.With(fmt.Errorf("the CA's key is not here (%s)", path), "run it on the machine with the CA's key, import the key with virtpki ca import if it lies elsewhere here, or name another CA with --ca")
	}
	if err != nil {
		return err
	}
	second, err := openOne(a, keys, a.Layout.Path(libvirt.CANextKey))
	if errors.Is(err, errNoGeneration) {
		second, err = nil, nil // of an interrupted start or abort
	}
	if err != nil && (!errors.Is(err, fs.ErrNotExist) || a.Tree.Exists(a.Layout.Path(libvirt.CANextKey))) {
		return err
	}
	a.arrange(first, second)
	return nil
}

// errNoGeneration says that no certificate belongs to a CA's key.
var errNoGeneration = errors.New("not the key of any CA")

// openOne reads a key and finds its certificate.
func openOne(a *Authority, keys *change.Keyring, path string) (*Generation, error) {
	signer, err := keys.OpenCA(path)
	if err != nil {
		return nil, err
	}
	for _, cert := range a.Certificates {
		if pki.KeyMatches(cert, signer) {
			return &Generation{CA: pki.CA{Certificate: cert, Signer: signer}}, nil
		}
	}
	return nil, fmt.Errorf("%s: %w in %s", path, errNoGeneration, a.Layout.Path(libvirt.CACert))
}

// arrange puts the signing generation first.
func (a *Authority) arrange(first, second *Generation) {
	if second == nil {
		a.Generation = *first
		return
	}
	if a.CA.Certificate.Equal(second.CA.Certificate) {
		first, second = second, first
	}
	a.Generation, a.others = *first, []*Generation{second}
}
