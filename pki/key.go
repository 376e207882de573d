package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"go.step.sm/crypto/keyutil"
	"go.step.sm/crypto/pemutil"
)

// Errors of [ParseKey] that a caller can act on.
var (
	// ErrKeyEncrypted says that the key is encrypted, and you gave no passphrase.
	ErrKeyEncrypted = errors.New("the key is encrypted, and you gave no passphrase")
	// ErrWrongPassphrase says that the passphrase does not open the key.
	ErrWrongPassphrase = errors.New("wrong passphrase")
	// ErrNoKey says that no PEM block holds a private key.
	ErrNoKey = errors.New("no private key in PEM form")
)

// KeyType names an algorithm with its size. The zero value is not a key type.
type KeyType string

// The key types that every libvirt in use accepts.
const (
	EC256   KeyType = "ec256"   // ECDSA on NIST P-256
	EC384   KeyType = "ec384"   // ECDSA on NIST P-384
	Ed25519 KeyType = "ed25519" // RFC 8032; GnuTLS 3.6.0 and later
	RSA2048 KeyType = "rsa2048"
	RSA3072 KeyType = "rsa3072"
	RSA4096 KeyType = "rsa4096"

	// DefaultKeyType is small, fast, and known to every GnuTLS in use.
	DefaultKeyType = EC256
)

// keyParams holds keyutil's parameters for a key type.
type keyParams struct {
	name       KeyType
	kty, curve string
	bits       int
}

var keyTable = []keyParams{
	{EC256, "EC", "P-256", 0},
	{EC384, "EC", "P-384", 0},
	{Ed25519, "OKP", "Ed25519", 0},
	{RSA2048, "RSA", "", 2048},
	{RSA3072, "RSA", "", 3072},
	{RSA4096, "RSA", "", 4096},
}

// KeyTypes lists the key types, the default first.
func KeyTypes() []KeyType {
	types := make([]KeyType, len(keyTable))
	for i, p := range keyTable {
		types[i] = p.name
	}
	return types
}

// ParseKeyType checks that s names a key type.
func ParseKeyType(s string) (KeyType, error) {
	names := make([]string, len(keyTable))
	for i, p := range keyTable {
		if string(p.name) == s {
			return p.name, nil
		}
		names[i] = string(p.name)
	}
	return "", fmt.Errorf("unknown key type %q (one of %s)", s, strings.Join(names, ", "))
}

// GenerateKey makes a new private key of type t.
func GenerateKey(t KeyType) (crypto.Signer, error) {
	for _, p := range keyTable {
		if p.name == t {
			return keyutil.GenerateSigner(p.kty, p.curve, p.bits)
		}
	}
	return nil, fmt.Errorf("unknown key type %q", t)
}

// KeyTypeOf returns the type of a public key, and false if it is not in the list of [KeyTypes].
func KeyTypeOf(pub crypto.PublicKey) (KeyType, bool) {
	var name KeyType
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		name = KeyType(fmt.Sprintf("ec%d", k.Curve.Params().BitSize))
	case ed25519.PublicKey:
		name = Ed25519
	case *rsa.PublicKey:
		name = KeyType(fmt.Sprintf("rsa%d", k.N.BitLen()))
	}
	_, err := ParseKeyType(string(name))
	return name, err == nil
}

// EncodeKey returns key as PEM in PKCS#8 form (RFC 5958). With a passphrase it is encrypted by
// PBES2 (PBKDF2 with SHA-256, AES-256-CBC), which GnuTLS and OpenSSL read; libvirtd cannot read an
// encrypted key, so this is only for CA keys.
func EncodeKey(key crypto.Signer, passphrase []byte) ([]byte, error) {
	opts := []pemutil.Options{pemutil.WithPKCS8(true)}
	if len(passphrase) > 0 {
		opts = append(opts, pemutil.WithPassword(passphrase))
	}
	block, err := pemutil.Serialize(key, opts...)
	if err != nil {
		return nil, fmt.Errorf("encoding the key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

// ParseKey reads the first private key in data: PKCS#8, PKCS#1 or SEC1, plain or encrypted. It
// skips other blocks before it (EC PARAMETERS, a certificate). Errors are [ErrNoKey],
// [ErrKeyEncrypted], [ErrWrongPassphrase] or describe the fault of the key.
func ParseKey(data, passphrase []byte) (crypto.Signer, error) {
	block := firstBlock(data, func(typ string) bool { return strings.HasSuffix(typ, "PRIVATE KEY") })
	if block == nil {
		return nil, ErrNoKey
	}
	encrypted := block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != ""
	if encrypted && len(passphrase) == 0 {
		return nil, ErrKeyEncrypted
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" {
		plain, err := decryptPKCS8(block.Bytes, passphrase)
		if err != nil {
			return nil, err
		}
		block = &pem.Block{Type: "PRIVATE KEY", Bytes: plain}
	}
	var opts []pemutil.Options
	if block.Headers["DEK-Info"] != "" {
		opts = append(opts, pemutil.WithPassword(passphrase))
	}
	parsed, err := pemutil.ParseKey(pem.EncodeToMemory(block), opts...)
	if err != nil && encrypted {
		return nil, ErrWrongPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("private key does not parse: %w", err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("private key of type %T cannot sign", parsed)
	}
	return signer, nil
}

// Encrypted reports whether the first private key in data is encrypted.
func Encrypted(data []byte) bool {
	_, err := ParseKey(data, nil)
	return errors.Is(err, ErrKeyEncrypted)
}

// KeyMatches reports whether key is the private key of cert.
func KeyMatches(cert *x509.Certificate, key crypto.Signer) bool {
	return SameKey(key.Public(), cert.PublicKey)
}

// firstBlock returns the first PEM block of a wanted type, or nil.
func firstBlock(data []byte, wanted func(typ string) bool) *pem.Block {
	rest := trimBOM(data)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || wanted(block.Type) {
			return block
		}
	}
}
