package pki

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// The structures of a PKCS#8 key that is encrypted by PBES2 (RFC 5958 section 3, RFC 8018 appendix
// A). GnuTLS leaves the parameters of the hash out, OpenSSL writes a NULL, and the length of the
// key is optional.
type (
	encryptedKey struct {
		Algorithm struct {
			ID     asn1.ObjectIdentifier
			Params asn1.RawValue `asn1:"optional"`
		}
		Data []byte
	}
	pbes2Params struct {
		Derivation struct {
			ID     asn1.ObjectIdentifier
			Params asn1.RawValue `asn1:"optional"`
		}
		Cipher struct {
			ID asn1.ObjectIdentifier
			IV asn1.RawValue `asn1:"optional"`
		}
	}
	pbkdf2Params struct {
		Salt      []byte
		Count     int
		KeyLength int                      `asn1:"optional"`
		Hash      pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

// maxPBKDF2 corresponds to about half a minute of work.
const maxPBKDF2 = 100_000_000

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	pbes2Hashes = map[string]func() hash.Hash{
		"":                    sha1.New, // the default of RFC 8018
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.8":  sha256.New224,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
	pbes2Ciphers = map[string]struct {
		keyLength int
		block     func([]byte) (cipher.Block, error)
	}{
		"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
		"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	}
)

// decryptPKCS8 returns the PKCS#8 key inside. The error is ErrWrongPassphrase if that is the likely
// reason; otherwise it names the unknown form.
func decryptPKCS8(data, passphrase []byte) ([]byte, error) {
	var outer encryptedKey
	var params pbes2Params
	var kdf pbkdf2Params
	if _, err := asn1.Unmarshal(data, &outer); err != nil {
		return nil, errors.New("encrypted private key does not parse")
	}
	if !outer.Algorithm.ID.Equal(oidPBES2) {
		return nil, fmt.Errorf("private key encrypted by %v: only PBES2 can be read (openssl pkcs8 -topk8 makes it)", outer.Algorithm.ID)
	}
	if _, err := asn1.Unmarshal(outer.Algorithm.Params.FullBytes, &params); err != nil {
		return nil, errors.New("the encryption of the private key does not parse")
	}
	if !params.Derivation.ID.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("private key encrypted with key derivation %v: only PBKDF2 can be read (openssl pkcs8 -topk8 makes it)", params.Derivation.ID)
	}
	if _, err := asn1.Unmarshal(params.Derivation.Params.FullBytes, &kdf); err != nil || kdf.Count < 1 || kdf.Count > maxPBKDF2 {
		return nil, errors.New("the key derivation of the private key does not parse")
	}
	return kdf.decrypt(params.Cipher.ID, params.Cipher.IV.Bytes, outer.Data, passphrase)
}

func (kdf pbkdf2Params) decrypt(id asn1.ObjectIdentifier, iv, data, passphrase []byte) ([]byte, error) {
	method, known := pbes2Ciphers[id.String()]
	newHash, knownHash := pbes2Hashes[kdf.Hash.Algorithm.String()]
	if !known || !knownHash {
		return nil, fmt.Errorf("private key encrypted by %v with hash %v, which cannot be read (openssl pkcs8 -topk8 makes one that can)", id, kdf.Hash.Algorithm)
	}
	key, err := pbkdf2.Key(newHash, string(passphrase), kdf.Salt, kdf.Count, method.keyLength)
	if err != nil {
		return nil, err
	}
	block, err := method.block(key)
	if err != nil {
		return nil, err
	}
	if len(iv) != block.BlockSize() || len(data) == 0 || len(data)%block.BlockSize() != 0 {
		return nil, errors.New("the encrypted private key is truncated")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > block.BlockSize() {
		return nil, ErrWrongPassphrase
	}
	return plain[:len(plain)-padding], nil
}
