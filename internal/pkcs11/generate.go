package pkcs11

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"errors"
)

// Kind is the kind of a key to make: Bits of RSA, or a curve.
type Kind struct {
	RSA   int // bits; 0 for a curve
	Curve int // 256, 384 or 521
}

// Generate makes a key pair of the URI's name in the token. The private key is marked so that
// the token never gives it out.
func (s *Session) Generate(kind Kind) (*Key, error) {
	if s.uri.Object == "" {
		return nil, errors.New("the URI does not name the key: add object=NAME")
	}
	id := s.uri.ID
	if len(id) == 0 {
		id = make([]byte, 16)
		rand.Read(id)
	}
	name := []attribute{{attrToken, true}, {attrLabel, []byte(s.uri.Object)}, {attrID, id}}
	mechanism, shape, err := kind.template()
	if err != nil {
		return nil, err
	}
	public := append(append([]attribute{{attrVerify, true}}, name...), shape...)
	private := append([]attribute{{attrPrivate, true}, {attrSensitive, true}, {attrExtractable, false}, {attrSign, true}}, name...)
	err = s.withMechanism(func(brief bool) error {
		args := new(writer).ulong(s.handle).mechanism(mechanism, brief).attributes(public).attributes(private)
		_, err := s.callWithin(generateTimeout, callGenerateKeyPair, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	key, err := s.Key()
	if err == nil && !key.is(kind) {
		err = errors.New("the token has made another key than it was asked for")
	}
	return key, err
}

// template returns the mechanism that makes such a key, and the attributes that describe it.
func (kind Kind) template() (mechanism uint32, shape []attribute, err error) {
	if kind.RSA > 0 {
		return mechRSAGenerate, []attribute{{attrModulusBits, uint64(kind.RSA)}, {attrPublicExponent, []byte{1, 0, 1}}}, nil
	}
	for _, c := range curves() {
		if c.Params().BitSize == kind.Curve {
			return mechECGenerate, []attribute{{attrECParams, bytes.Clone(c.params)}}, nil
		}
	}
	return 0, nil, errors.New("a token makes only RSA keys and keys on the curves P-256, P-384 and P-521")
}

// is reports whether a key is of a kind.
func (k *Key) is(kind Kind) bool {
	if public, ok := k.public.(*rsa.PublicKey); ok {
		return public.N.BitLen() == kind.RSA
	}
	public, ok := k.public.(*ecdsa.PublicKey)
	return ok && public.Curve.Params().BitSize == kind.Curve
}
