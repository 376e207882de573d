package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
)

// errIncomplete is the error for an object without a whole public key.
var errIncomplete = errors.New("the token does not show the public key")

// curve is an elliptic curve with its DER-encoded object identifier, as CKA_EC_PARAMS has it.
type curve struct {
	elliptic.Curve
	params []byte
}

// curves returns the supported curves.
func curves() []curve {
	return []curve{
		{elliptic.P256(), []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}},
		{elliptic.P384(), []byte{6, 5, 0x2b, 0x81, 4, 0, 34}},
		{elliptic.P521(), []byte{6, 5, 0x2b, 0x81, 4, 0, 35}},
	}
}

// publicKey makes a public key out of the attributes of an object.
func publicKey(v values) (crypto.PublicKey, error) {
	if len(v[attrKeyType]) != 8 {
		return nil, errIncomplete
	}
	switch kind := binary.BigEndian.Uint64(v[attrKeyType]); kind {
	case typeRSA:
		return rsaKey(v[attrModulus], v[attrPublicExponent])
	case typeEC:
		return ecKey(v[attrECParams], v[attrECPoint])
	default:
		return nil, fmt.Errorf("a key of type 0x%x, neither RSA nor of an elliptic curve", kind)
	}
}

// rsaKey checks the numbers that a token gives as a public key: Go's verification trusts them.
func rsaKey(modulus, exponent []byte) (crypto.PublicKey, error) {
	if len(modulus) == 0 || len(exponent) == 0 {
		return nil, errIncomplete
	}
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	if bits := n.BitLen(); bits < 1024 || bits > 16384 || n.Bit(0) == 0 || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 || e.Bit(0) == 0 {
		return nil, errors.New("the token shows an RSA key that is not one")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// ecKey reads a point. The standard has it in an OCTET STRING, which some modules leave out.
func ecKey(params, point []byte) (crypto.PublicKey, error) {
	if len(params) == 0 || len(point) == 0 {
		return nil, errIncomplete
	}
	for _, c := range curves() {
		if !bytes.Equal(c.params, params) {
			continue
		}
		var inner []byte
		if rest, err := asn1.Unmarshal(point, &inner); err == nil && len(rest) == 0 {
			point = inner
		}
		key, err := ecdsa.ParseUncompressedPublicKey(c.Curve, point)
		if err != nil {
			return nil, errors.New("the token shows a point that is not on its curve")
		}
		return key, nil
	}
	return nil, fmt.Errorf("the curve of the key (%x) is not P-256, P-384 or P-521", params)
}
