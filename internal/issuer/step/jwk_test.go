package step

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The keys of testdata were made by step: step crypto jwk create.
var keyFiles = []string{"ec256", "ec384", "ed25519", "rsa2048"}

func password() ([]byte, error) { return []byte("opens it"), nil }

func TestKeysOfStep(t *testing.T) {
	for _, name := range keyFiles {
		t.Run(name, func(t *testing.T) {
			key, err := parseKey(read(t, name+".json"), password)
			if err != nil {
				t.Fatal(err)
			}
			var public jwk
			if err := json.Unmarshal(read(t, name+".pub.json"), &public); err != nil {
				t.Fatal(err)
			}
			if key.id != public.KeyID {
				t.Errorf("the key's id is %q, want %q", key.id, public.KeyID)
			}
			if got := public.thumbprint(); got != public.KeyID {
				t.Errorf("the thumbprint is %q, want step's %q", got, public.KeyID)
			}
			token, err := key.sign(map[string]string{"iss": "x"})
			if err != nil {
				t.Fatal(err)
			}
			checkSignature(t, token, &public)
		})
	}
}

// checkSignature verifies a token with the public key that step wrote.
func checkSignature(t *testing.T, token string, public *jwk) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	signature, err := decode(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(parts[0] + "." + parts[1])
	number := func(s string) *big.Int {
		raw, err := decode(s)
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(raw)
	}
	ok := false
	switch public.KeyType + public.Curve {
	case "ECP-256":
		sum := sha256.Sum256(text)
		pub := point(t, elliptic.P256(), public)
		ok = ecdsa.Verify(pub, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case "ECP-384":
		sum := sha512.Sum384(text)
		pub := point(t, elliptic.P384(), public)
		ok = ecdsa.Verify(pub, sum[:], new(big.Int).SetBytes(signature[:48]), new(big.Int).SetBytes(signature[48:]))
	case "OKPEd25519":
		ok = ed25519.Verify(number(public.X).FillBytes(make([]byte, 32)), text, signature)
	case "RSA":
		sum := sha256.Sum256(text)
		pub := &rsa.PublicKey{N: number(public.N), E: int(number(public.E).Int64())}
		ok = rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], signature) == nil
	}
	if !ok {
		t.Errorf("the signature of %s does not verify", token)
	}
}

// point returns the public key of a JWK (RFC 7518 section 6.2.1).
func point(t *testing.T, curve elliptic.Curve, public *jwk) *ecdsa.PublicKey {
	t.Helper()
	x, err1 := decode(public.X)
	y, err2 := decode(public.Y)
	key, err3 := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeysThatAreNone(t *testing.T) {
	wrong := func() ([]byte, error) { return []byte("does not open it"), nil }
	if _, err := parseKey(read(t, "ec256.json"), wrong); !errors.Is(err, errPassword) {
		t.Errorf("a wrong password: %v, want %v", err, errPassword)
	}
	header := func(text string) string { return `{"protected":"` + encode([]byte(text)) + `","ciphertext":""}` }
	for name, test := range map[string]struct{ data, want string }{
		"empty":        {"", "not a JSON Web Key"},
		"public":       {string(read(t, "ec256.pub.json")), "a public one"},
		"octets":       {`{"kty":"oct","d":"AAAA"}`, "not known here"},
		"long number":  {`{"kty":"EC","crv":"P-256","d":"` + strings.Repeat("A", 100) + `"}`, "damaged"},
		"zero":         {`{"kty":"EC","crv":"P-256","d":"AA"}`, "damaged"},
		"rsa of ones":  {`{"kty":"RSA","n":"AQ","e":"AQ","d":"AQ","p":"AQ","q":"AQ"}`, "damaged"},
		"large":        {strings.Repeat("{", maxKeyFile+1), "more than 65536 bytes"},
		"slow":         {header(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":2000000000}`), "2000000000 iterations"},
		"too quick":    {header(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":1}`), "1 iterations"},
		"other cipher": {header(`{"alg":"dir","enc":"A256GCM"}`), `"dir"`},
	} {
		_, err := parseKey([]byte(test.data), password)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// Every bit of an encrypted key counts: flipping any of them causes an error.
func TestKeysTamperedWith(t *testing.T) {
	var box map[string]string
	if err := json.Unmarshal(read(t, "ec256.json"), &box); err != nil {
		t.Fatal(err)
	}
	for field, value := range box {
		raw, err := decode(value)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 1
		box[field] = encode(raw)
		data, _ := json.Marshal(box)
		if _, err := parseKey(data, password); err == nil {
			t.Errorf("%s was changed, and the key opened", field)
		}
		box[field] = value
	}
}

func FuzzParseKey(f *testing.F) {
	for _, name := range keyFiles {
		data, err := os.ReadFile(filepath.Join("testdata", name+".pub.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"protected":"eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJlbmMiOiJBMjU2R0NNIiwicDJjIjoxMDAwfQ","ciphertext":"AA","iv":"AA","tag":"AA","encrypted_key":"AA"}`))
	f.Add([]byte("a.b.c.d.e"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "p2c") && len(data) > 1000 {
			return // an iteration count can be large, and take long
		}
		key, err := parseKey(data, password)
		if err != nil {
			return
		}
		if _, err := key.sign(map[string]string{}); err != nil {
			t.Errorf("a key that was read does not sign: %v", err)
		}
	})
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
