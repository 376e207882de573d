package change

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"virtpki/internal/cakey"
	"virtpki/internal/keypair"
	"virtpki/internal/store"
	"virtpki/pki"
)

// Keyring makes the keys of one command and remembers them, and the passphrase of the CA. So a
// command that decides twice makes each key once and asks once.
type Keyring struct {
	Tree       store.Tree // in which the keys lie
	Passphrase []byte     // of the CA's key; nil as long as it is not known
	Given      bool       // that there is a passphrase to read, and no need to ask
	DryRun     bool       // makes no key in a device
	Devices    *cakey.Devices
	secret     func(prompt string) ([]byte, error)
	keys       map[string]func() (crypto.Signer, error)
}

// NewKeyring returns an empty keyring for the keys of a tree. secret gets the passphrase
// of the CA's key when it is needed.
func NewKeyring(tree store.Tree, secret func(prompt string) ([]byte, error)) *Keyring {
	return &Keyring{Tree: tree, Devices: new(cakey.Devices), secret: secret, keys: make(map[string]func() (crypto.Signer, error))}
}

// Key returns the new key of a slot, a name that the command chooses.
func (k *Keyring) Key(slot string, t pki.KeyType) (crypto.Signer, error) {
	if k.keys[slot] == nil {
		k.keys[slot] = sync.OnceValues(func() (crypto.Signer, error) { return pki.GenerateKey(t) })
	}
	key, err := k.keys[slot]()
	if err != nil {
		return nil, fmt.Errorf("making the key: %w", err)
	}
	return key, nil
}

// Ahead begins to make keys that will be needed, side by side: an RSA key takes long, and there
// is more than one core.
func (k *Keyring) Ahead(t pki.KeyType, slots ...string) {
	for _, slot := range slots {
		if k.keys[slot] != nil {
			continue
		}
		begun := sync.OnceValues(func() (crypto.Signer, error) { return pki.GenerateKey(t) })
		k.keys[slot] = begun
		go func() {
			defer func() { _ = recover() }() // it comes again where the key is needed
			begun()
		}()
	}
}

// KeyState returns the form of the key in a file, or absent or unreadable.
func KeyState(t store.Tree, path string) string {
	data, err := t.ReadFile(path, store.MaxPEM)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "absent"
	case err != nil:
		return "unreadable"
	}
	return string(cakey.FormOf(data))
}

// OpenCA returns a CA's key. It gets the passphrase if the key needs one.
func (k *Keyring) OpenCA(path string) (crypto.Signer, error) {
	data, err := k.Tree.ReadFile(path, store.MaxPEM)
	if err != nil {
		return nil, err
	}
	if cakey.FormOf(data).InDevice() {
		return k.openDevice(path)
	}
	if pki.Encrypted(data) && k.Passphrase == nil {
		if k.Passphrase, err = k.secret("Passphrase of the CA's key: "); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	signer, err := pki.ParseKey(data, k.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return signer, nil
}

// openDevice returns the key of a device that a file names. The file says which program is run
// for it, so openDevice refuses a file that another user may have written.
func (k *Keyring) openDevice(path string) (crypto.Signer, error) {
	data, err := k.Tree.ReadOwn(path, store.MaxPEM)
	if err != nil {
		return nil, err
	}
	signer, err := k.Devices.Open(data, k.secretOf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return signer, nil
}

// InDevice returns the key of a device that an order asks for, and makes it if it does not
// exist.
func (k *Keyring) InDevice(o cakey.Order) (cakey.Key, error) {
	o.Dry, o.Sealed = k.DryRun, k.Given
	return k.Devices.Make(o, k.secretOf)
}

// secretOf returns the secret of a device. The file that a flag names is read once, because it
// may be a descriptor. A person is asked for the secret of each key.
func (k *Keyring) secretOf(prompt string) ([]byte, error) {
	if !k.Given {
		return k.secret(prompt)
	}
	if k.Passphrase == nil {
		var err error
		if k.Passphrase, err = k.secret(prompt); err != nil {
			return nil, err
		}
	}
	return k.Passphrase, nil
}

// For returns the key for a pair: the existing one, else a new one.
func (k *Keyring) For(have *keypair.Pair, slot string, t pki.KeyType) (crypto.Signer, error) {
	if have != nil && have.Key != nil {
		return have.Key, nil
	}
	return k.Key(slot, t)
}

// EncodeCA returns a CA's key as PEM, encrypted when a passphrase is given.
func (k *Keyring) EncodeCA(signer crypto.Signer) ([]byte, error) {
	if k.Given && k.Passphrase == nil {
		var err error
		if k.Passphrase, err = k.secret(""); err != nil {
			return nil, err
		}
	}
	return pki.EncodeKey(signer, k.Passphrase)
}

// EncodeLike returns a key as PEM, encrypted if another key file is.
func (k *Keyring) EncodeLike(signer crypto.Signer, path string) ([]byte, error) {
	if KeyState(k.Tree, path) != "encrypted" {
		return pki.EncodeKey(signer, nil)
	}
	return pki.EncodeKey(signer, k.Passphrase)
}
