package cakey

import (
	"cmp"
	"context"
	"crypto"
	"encoding/pem"
	"errors"
	"fmt"

	"virtpki/internal/hint"
	"virtpki/internal/tpm"
	"virtpki/pki"
)

// loadTPM loads a key into the TPM, where it stays loaded as long as d.
func (d *Devices) loadTPM(der []byte, ask Ask) (crypto.Signer, error) {
	ctx, cancel := d.context()
	key, err := tpm.Load(ctx, d.pathTPM(), der, func() ([]byte, error) { return passphraseOf(ask) })
	if err != nil {
		return nil, d.failedTPM(ctx, cancel, err)
	}
	d.close = append(d.close, func() {
		key.Close()
		cancel()
	})
	return key, nil
}

// failedTPM ends a context after an error, and words the error.
func (d *Devices) failedTPM(ctx context.Context, cancel context.CancelFunc, err error) error {
	defer cancel()
	if ctx.Err() != nil {
		return hint.ErrInterrupted
	}
	return withHint(fmt.Errorf("the key of the TPM cannot be used: %w", err))
}

func (d *Devices) pathTPM() string { return cmp.Or(d.TPM, tpm.Device) }

// passphraseOf returns the passphrase of a key in a TPM.
func passphraseOf(ask Ask) ([]byte, error) {
	secret, err := ask("Passphrase of the CA's key: ")
	if errors.Is(err, pki.ErrKeyEncrypted) {
		err = hint.With(errors.New("the key has a passphrase, and you gave none"), "give it with --passphrase-file")
	}
	return secret, err
}

// makeTPM has the TPM make a key, and loads it. A dry run makes one too: nothing of it stays.
func (d *Devices) makeTPM(o Order, kind tpm.Kind, ask Ask) (Key, error) {
	var passphrase []byte
	if o.Sealed {
		var err error
		if passphrase, err = ask(""); err != nil {
			return Key{}, err
		}
	}
	got := d.once("a new key of the TPM", func() opened {
		ctx, cancel := d.context()
		made, err := tpm.Make(ctx, d.pathTPM(), kind, passphrase)
		if err != nil {
			return opened{err: d.failedTPM(ctx, cancel, err)}
		}
		cancel()
		key, err := d.loadTPM(made, func(string) ([]byte, error) { return passphrase, nil })
		return opened{key: key, file: pem.EncodeToMemory(&pem.Block{Type: tpm.PEMType, Bytes: made}), err: err}
	})
	return Key{Signer: got.key, PEM: got.file, Dry: o.Dry}, got.err
}
