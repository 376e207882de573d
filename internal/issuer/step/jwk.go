package step

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// jwk is a JSON Web Key (RFC 7517) with its private part.
type jwk struct {
	KeyType string `json:"kty"`
	KeyID   string `json:"kid"`
	Curve   string `json:"crv"`
	X       string `json:"x"`
	Y       string `json:"y"`
	N       string `json:"n"`
	E       string `json:"e"`
	D       string `json:"d"`
	P       string `json:"p"`
	Q       string `json:"q"`
}

// signingKey is the key of a provisioner.
type signingKey struct {
	id     string // identifies the provisioner to step-ca, together with its name
	signer crypto.Signer
}

// maxKeyFile is more than any key needs, in bytes.
const maxKeyFile = 64 << 10

// parseKey reads a private JWK, encrypted by a password or not.
func parseKey(data []byte, password func() ([]byte, error)) (*signingKey, error) {
	data = bytes.TrimSpace(data)
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("the key has more than %d bytes", maxKeyFile)
	}
	if isEncrypted(data) {
		secret, err := password()
		if err != nil {
			return nil, err
		}
		if data, err = decrypt(data, secret); err != nil {
			return nil, err
		}
	}
	var key jwk
	if err := json.Unmarshal(data, &key); err != nil {
		return nil, errors.New("the key is not a JSON Web Key") // the error of encoding/json could quote it
	}
	signer, err := key.signer()
	if err != nil {
		return nil, err
	}
	if key.KeyID == "" {
		key.KeyID = key.thumbprint()
	}
	return &signingKey{key.KeyID, signer}, nil
}

// curves holds the curves of RFC 7518 section 6.2.1.1.
var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

func (k *jwk) signer() (crypto.Signer, error) {
	switch {
	case k.D == "":
		return nil, errors.New("the key is a public one")
	case k.KeyType == "EC" && curves[k.Curve] != nil:
		return k.ec()
	case k.KeyType == "RSA":
		return k.rsa()
	case k.KeyType == "OKP" && k.Curve == "Ed25519":
		seed, err := decode(k.D)
		if err != nil || len(seed) != ed25519.SeedSize {
			return nil, errDamaged
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	return nil, fmt.Errorf("a key of type %.20q with curve %.20q is not known here (EC, OKP with Ed25519, RSA)", k.KeyType, k.Curve)
}

var errDamaged = errors.New("the key is damaged")

func (k *jwk) ec() (crypto.Signer, error) {
	curve := curves[k.Curve]
	d, err := decode(k.D)
	if err != nil || len(d) == 0 || len(d) > (curve.Params().BitSize+7)/8 {
		return nil, errDamaged
	}
	padded := make([]byte, (curve.Params().BitSize+7)/8)
	copy(padded[len(padded)-len(d):], d)
	key, err := ecdsa.ParseRawPrivateKey(curve, padded)
	if err != nil {
		return nil, errDamaged
	}
	return key, nil
}

func (k *jwk) rsa() (crypto.Signer, error) {
	var numbers [5]*big.Int
	for i, text := range []string{k.N, k.E, k.D, k.P, k.Q} {
		raw, err := decode(text)
		if err != nil || len(raw) == 0 || len(raw) > 1024 {
			return nil, errDamaged
		}
		numbers[i] = new(big.Int).SetBytes(raw)
	}
	if !numbers[1].IsInt64() || numbers[1].Int64() > 1<<31-1 {
		return nil, errDamaged
	}
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: numbers[0], E: int(numbers[1].Int64())}, D: numbers[2], Primes: numbers[3:]}
	if key.Validate() != nil {
		return nil, errDamaged
	}
	key.Precompute()
	return key, nil
}

// thumbprint returns the thumbprint of a key (RFC 7638), which step-ca uses as its name too.
func (k *jwk) thumbprint() string {
	var text string
	switch k.KeyType {
	case "EC":
		text = fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, k.Curve, k.X, k.Y)
	case "RSA":
		text = fmt.Sprintf(`{"e":%q,"kty":"RSA","n":%q}`, k.E, k.N)
	default:
		text = fmt.Sprintf(`{"crv":%q,"kty":"OKP","x":%q}`, k.Curve, k.X)
	}
	sum := sha256.Sum256([]byte(text))
	return encode(sum[:])
}

// sign returns a JSON Web Token (RFC 7519) with some claims.
func (k *signingKey) sign(claims any) (string, error) {
	algorithm, hash := algorithmOf(k.signer.Public())
	header, err := json.Marshal(map[string]string{"alg": algorithm, "kid": k.id, "typ": "JWT"})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := encode(header) + "." + encode(payload)
	digest := []byte(text)
	if hash != 0 {
		h := hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	signature, err := k.signature(digest, hash)
	if err != nil {
		return "", fmt.Errorf("signing the token: %w", err)
	}
	return text + "." + encode(signature), nil
}

// algorithmOf returns how a key signs (RFC 7518 section 3.1, RFC 8037).
func algorithmOf(public crypto.PublicKey) (string, crypto.Hash) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve.Params().BitSize {
		case 384:
			return "ES384", crypto.SHA384
		case 521:
			return "ES512", crypto.SHA512
		}
		return "ES256", crypto.SHA256
	case ed25519.PublicKey:
		return "EdDSA", 0
	}
	return "RS256", crypto.SHA256
}

// signature signs a digest. The signature of an EC key is two numbers of equal length (RFC 7518
// section 3.4).
func (k *signingKey) signature(digest []byte, hash crypto.Hash) ([]byte, error) {
	key, ok := k.signer.(*ecdsa.PrivateKey)
	if !ok {
		return k.signer.Sign(rand.Reader, digest, hash)
	}
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		return nil, err
	}
	size := (key.Curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	r.FillBytes(out[:size])
	s.FillBytes(out[size:])
	return out, nil
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }
