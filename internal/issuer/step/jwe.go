package step

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// maxIterations limits how long decrypting a key may take: step uses 600,000 iterations.
const maxIterations = 5_000_000

// isEncrypted reports whether a key is encrypted (RFC 7516): in the compact form, five parts
// with dots between, or in the form that step writes into files, JSON with a ciphertext.
func isEncrypted(data []byte) bool {
	return bytes.Count(data, []byte(".")) == 4 && !bytes.HasPrefix(data, []byte("{")) || bytes.Contains(data, []byte(`"ciphertext"`))
}

// sealed is an encrypted key.
type sealed struct {
	Protected  string `json:"protected"`
	Key        string `json:"encrypted_key"`
	IV         string `json:"iv"`
	Ciphertext string `json:"ciphertext"`
	Tag        string `json:"tag"`
}

// sealedHeader is the header of an encrypted key: how it was encrypted.
type sealedHeader struct {
	Algorithm  string `json:"alg"`
	Encryption string `json:"enc"`
	Iterations int    `json:"p2c"`
	Salt       string `json:"p2s"`
}

// passwordBased holds the algorithms that derive a key from a password (RFC 7518 section 4.8),
// with the length of the key in bytes.
var passwordBased = map[string]struct {
	hash func() hash.Hash
	size int
}{
	"PBES2-HS256+A128KW": {sha256.New, 16},
	"PBES2-HS384+A192KW": {sha512.New384, 24},
	"PBES2-HS512+A256KW": {sha512.New, 32},
}

// contentKeys holds the ciphers of the contents (RFC 7518 section 5.3), with the length of
// their keys in bytes.
var contentKeys = map[string]int{"A128GCM": 16, "A192GCM": 24, "A256GCM": 32}

// decrypt decrypts an encrypted key with its password.
func decrypt(data, password []byte) ([]byte, error) {
	box, err := readSealed(data)
	if err != nil {
		return nil, err
	}
	raw, err := decode(box.Protected)
	if err != nil {
		return nil, errDamaged
	}
	var header sealedHeader
	if err := json.Unmarshal(raw, &header); err != nil {
		return nil, errDamaged
	}
	key, err := header.contentKey(box.Key, password)
	if err != nil {
		return nil, err
	}
	return box.open(key)
}

func readSealed(data []byte) (*sealed, error) {
	if bytes.HasPrefix(data, []byte("{")) {
		box := &sealed{}
		if err := json.Unmarshal(data, box); err != nil {
			return nil, errDamaged
		}
		return box, nil
	}
	parts := strings.Split(string(data), ".")
	if len(parts) != 5 {
		return nil, errDamaged
	}
	return &sealed{parts[0], parts[1], parts[2], parts[3], parts[4]}, nil
}

// contentKey decrypts the key of the contents with the password.
func (h *sealedHeader) contentKey(wrapped string, password []byte) ([]byte, error) {
	how, known := passwordBased[h.Algorithm]
	size := contentKeys[h.Encryption]
	if !known || size == 0 {
		return nil, fmt.Errorf("the key is encrypted with %.40q and %.40q (PBES2 and AES-GCM are known here, as step writes them)", h.Algorithm, h.Encryption)
	}
	if h.Iterations < 1000 || h.Iterations > maxIterations {
		return nil, fmt.Errorf("the key is encrypted with %d iterations (1000 to %d)", h.Iterations, maxIterations)
	}
	salt, err := decode(h.Salt)
	if err != nil {
		return nil, errDamaged
	}
	salt = append([]byte(h.Algorithm+"\x00"), salt...)
	wrapping, err := pbkdf2.Key(how.hash, string(password), salt, h.Iterations, how.size)
	if err != nil {
		return nil, err
	}
	raw, err := decode(wrapped)
	if err != nil || len(raw) != size+8 {
		return nil, errDamaged
	}
	return unwrap(wrapping, raw)
}

// errPassword is the error for a password that does not decrypt the key.
var errPassword = errors.New("the password does not open the provisioner's key")

// unwrap is AES Key Unwrap (RFC 3394 section 2.2.2).
func unwrap(key, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	n := len(wrapped)/8 - 1
	out := bytes.Clone(wrapped[8:])
	var a [16]byte
	copy(a[:8], wrapped[:8])
	for j := 5; j >= 0; j-- {
		for i := n; i >= 1; i-- {
			t := binary.BigEndian.Uint64(a[:8]) ^ uint64(n*j+i)
			binary.BigEndian.PutUint64(a[:8], t)
			copy(a[8:], out[(i-1)*8:i*8])
			block.Decrypt(a[:], a[:])
			copy(out[(i-1)*8:i*8], a[8:])
		}
	}
	if subtle.ConstantTimeCompare(a[:8], bytes.Repeat([]byte{0xa6}, 8)) != 1 {
		return nil, errPassword
	}
	return out, nil
}

// open decrypts the contents.
func (s *sealed) open(key []byte) ([]byte, error) {
	iv, err1 := decode(s.IV)
	text, err2 := decode(s.Ciphertext)
	tag, err3 := decode(s.Tag)
	if errors.Join(err1, err2, err3) != nil || len(iv) != 12 || len(tag) != 16 {
		return nil, errDamaged
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, iv, append(text, tag...), []byte(s.Protected))
	if err != nil {
		return nil, errDamaged
	}
	return plain, nil
}
