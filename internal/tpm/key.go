package tpm

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/google/go-tpm/legacy/tpm2"
	"github.com/google/go-tpm/tpmutil"
	"go.step.sm/crypto/tpm/tss2"
)

// PEMType is the type of the PEM block that holds a key of a TPM.
const PEMType = "TSS2 PRIVATE KEY"

// Passphrase returns the passphrase of a key. It is called for a key that has one.
type Passphrase func() ([]byte, error)

// Key is a key that only one TPM can use. Signing from several goroutines is safe: one
// signature is made at a time.
type Key struct {
	*channel
	handle     tpmutil.Handle
	public     crypto.PublicKey
	passphrase string
	failed     error // the first error: a wrong passphrase is not tried again
}

// Load has a TPM load a key, given the contents of its PEM block. Close frees it.
func Load(ctx context.Context, path string, der []byte, passphrase Passphrase) (*Key, error) {
	file, err := parse(der)
	if err != nil {
		return nil, err
	}
	k := &Key{}
	if k.public, err = publicOf(file); err != nil {
		return nil, err
	}
	if !file.EmptyAuth {
		secret, err := passphrase()
		if err != nil {
			return nil, err
		}
		k.passphrase = string(secret)
	}
	if k.channel, err = open(ctx, path); err != nil {
		return nil, err
	}
	if err := k.do(func(rw io.ReadWriter) error { return k.load(rw, file) }); err != nil {
		k.channel.close()
		return nil, err
	}
	return k, nil
}

// PublicOf returns the public key of a key, given the contents of its PEM block. It needs no TPM.
func PublicOf(der []byte) (crypto.PublicKey, error) {
	file, err := parse(der)
	if err != nil {
		return nil, err
	}
	return publicOf(file)
}

// publicOf returns the public key of a file. The library trusts the file to be well formed.
func publicOf(file *tss2.TPMKey) (public crypto.PublicKey, err error) {
	defer func() {
		if recover() != nil {
			err = errMalformed
		}
	}()
	if public, err = file.Public(); err != nil {
		return nil, errMalformed
	}
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		_, err = key.ECDH() // it is on its curve
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < 1024 || bits > 16384 || key.N.Bit(0) == 0 || key.E < 3 {
			err = errMalformed
		}
	default:
		err = errMalformed
	}
	if err != nil {
		return nil, errMalformed
	}
	return public, nil
}

// errMalformed is the error for a key file with wrong contents.
var errMalformed = errors.New("the block " + PEMType + " does not parse")

// maxBlob is the longest part of a key's file that a TPM accepts, in bytes.
const maxBlob = 4096

// parse reads the file of a key, and refuses features that this package does not support.
func parse(der []byte) (*tss2.TPMKey, error) {
	file, err := tss2.ParsePrivateKey(der)
	if err != nil || !sized(file.PublicKey) || !sized(file.PrivateKey) {
		return nil, errMalformed
	}
	switch {
	case len(file.Policy) > 0 || len(file.AuthPolicy) > 0:
		return nil, errors.New("the key is bound to a policy, which is not supported")
	case len(file.Secret) > 0 || !file.Type.Equal(asn1.ObjectIdentifier{2, 23, 133, 10, 1, 3}):
		return nil, errors.New("the key has not been loaded into a TPM yet (an importable key), which is not supported")
	case file.Parent != int(tpm2.HandleOwner) && file.Parent>>24 != int(tpm2.HandleTypePersistent):
		return nil, errors.New("the key's parent is neither the storage root key nor a persistent key")
	}
	return file, nil
}

// sized reports whether a part of the file is as long as its first two bytes say.
func sized(blob []byte) bool {
	return len(blob) > 2 && len(blob) <= maxBlob && len(blob)-2 == int(blob[0])<<8|int(blob[1])
}

// roots returns the templates of storage root keys (TCG TPM v2.0 Provisioning Guidance). The
// file does not say which of them is the parent: OpenSSL and tpm2-tools take the first.
func roots() []tpm2.Public { return []tpm2.Public{tss2.ECCSRKTemplate, tss2.RSASRKTemplate} }

// load loads the key below its parent: a persistent key, or a storage root key that is made for
// it and freed again.
func (k *Key) load(rw io.ReadWriter, file *tss2.TPMKey) (err error) {
	if file.Parent != int(tpm2.HandleOwner) {
		k.handle, _, err = tpm2.Load(rw, tpmutil.Handle(file.Parent), "", file.PublicKey[2:], file.PrivateKey[2:])
		return err
	}
	for _, root := range roots() {
		err = below(rw, root, func(parent tpmutil.Handle) error {
			k.handle, _, err = tpm2.Load(rw, parent, "", file.PublicKey[2:], file.PrivateKey[2:])
			return err
		})
		if !errors.Is(worded(err), ErrAnother) {
			return err
		}
	}
	return err
}

// below makes a storage root key and frees it after use.
func below(rw io.ReadWriter, root tpm2.Public, use func(parent tpmutil.Handle) error) error {
	parent, _, err := tpm2.CreatePrimary(rw, tpm2.HandleOwner, tpm2.PCRSelection{}, "", "", root)
	if err != nil {
		return fmt.Errorf("making the storage root key: %w", err)
	}
	defer tpm2.FlushContext(rw, parent)
	return use(parent)
}

// Close frees the key.
func (k *Key) Close() {
	k.do(func(rw io.ReadWriter) error { return tpm2.FlushContext(rw, k.handle) })
	k.channel.close()
}

// Public returns the public key.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Sign signs a digest, and verifies the signature before it returns it.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	hash, err := tpm2.HashToAlgorithm(opts.HashFunc())
	if err != nil || len(digest) != opts.HashFunc().Size() {
		return nil, fmt.Errorf("signing with the TPM: the hash %v is not supported", opts.HashFunc())
	}
	scheme := &tpm2.SigScheme{Alg: tpm2.AlgECDSA, Hash: hash}
	if _, isRSA := k.public.(*rsa.PublicKey); isRSA {
		scheme.Alg = tpm2.AlgRSASSA
	}
	if _, pss := opts.(*rsa.PSSOptions); pss {
		return nil, errors.New("signing with the TPM: RSA-PSS is not supported")
	}
	var signature []byte
	err = k.do(func(rw io.ReadWriter) error {
		if k.failed == nil {
			signature, k.failed = k.sign(rw, digest, scheme)
		}
		return k.failed
	})
	if err != nil {
		return nil, fmt.Errorf("signing with the TPM: %w", err)
	}
	if !k.verifies(digest, signature, opts.HashFunc()) {
		return nil, errors.New("signing with the TPM: it returns a signature that does not verify")
	}
	return signature, nil
}

func (k *Key) sign(rw io.ReadWriter, digest []byte, scheme *tpm2.SigScheme) ([]byte, error) {
	made, err := tpm2.Sign(rw, k.handle, k.passphrase, digest, nil, scheme)
	switch {
	case err != nil:
		return nil, err
	case made.ECC != nil:
		return asn1.Marshal(struct{ R, S *big.Int }{made.ECC.R, made.ECC.S})
	case made.RSA != nil:
		return made.RSA.Signature, nil
	}
	return nil, nil // which does not verify
}

func (k *Key) verifies(digest, signature []byte, hash crypto.Hash) bool {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, digest, signature)
	}
	return false
}

// Kind is the kind of a key to make: Bits of RSA, or a curve.
type Kind struct {
	RSA   int // bits; 0 for a curve
	Curve int // 256, 384 or 521
}

// maxPassphrase is the longest passphrase that a TPM accepts for a key: the length of its
// SHA-256 name.
const maxPassphrase = 32

// Make has a TPM make a key below its ECC storage root key, and returns the contents of its PEM
// block. An empty passphrase stands for none.
func Make(ctx context.Context, path string, kind Kind, passphrase []byte) (der []byte, err error) {
	template, err := kind.template()
	if err != nil {
		return nil, err
	}
	if len(passphrase) > maxPassphrase {
		return nil, fmt.Errorf("a TPM accepts a passphrase of at most %d bytes", maxPassphrase)
	}
	if len(passphrase) == 0 {
		template.Attributes |= tpm2.FlagNoDA // there is nothing to guess
	}
	c, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer c.close()
	err = c.do(func(rw io.ReadWriter) error {
		return below(rw, roots()[0], func(parent tpmutil.Handle) error {
			private, public, _, _, _, err := tpm2.CreateKey(rw, parent, tpm2.PCRSelection{}, "", string(passphrase), template)
			if err != nil {
				return fmt.Errorf("making the key: %w", err)
			}
			file := tss2.New(public, private)
			file.EmptyAuth = len(passphrase) == 0
			der, err = tss2.MarshalPrivateKey(file)
			return err
		})
	})
	return der, err
}

// template describes a key that signs, and that never leaves the TPM in the clear.
func (kind Kind) template() (tpm2.Public, error) {
	key := tpm2.Public{NameAlg: tpm2.AlgSHA256, Attributes: tpm2.FlagSign | tpm2.FlagFixedTPM | tpm2.FlagFixedParent | tpm2.FlagSensitiveDataOrigin | tpm2.FlagUserWithAuth}
	switch {
	case kind.RSA > 0:
		key.Type, key.RSAParameters = tpm2.AlgRSA, &tpm2.RSAParams{KeyBits: uint16(kind.RSA)}
	case kind.Curve == 256:
		key.Type, key.ECCParameters = tpm2.AlgECC, &tpm2.ECCParams{CurveID: tpm2.CurveNISTP256}
	case kind.Curve == 384:
		key.Type, key.ECCParameters = tpm2.AlgECC, &tpm2.ECCParams{CurveID: tpm2.CurveNISTP384}
	default:
		return key, errors.New("a TPM makes only RSA keys and keys on the curves P-256 and P-384")
	}
	return key, nil
}
