package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"
)

// Key is a private key of a token. Signing from several goroutines is safe: one signature
// is made at a time.
type Key struct {
	mu      sync.Mutex // C_SignInit and C_Sign belong together
	session *Session
	handle  uint64
	public  crypto.PublicKey
	asksPIN bool // for each signature (CKA_ALWAYS_AUTHENTICATE)
}

// Key returns the private key that the session's URI means; [ErrNoKey] if there is none.
func (s *Session) Key() (*Key, error) {
	found, err := s.find(s.uri.named(classPrivate))
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, ErrNoKey
	case len(found) > 1:
		return nil, fmt.Errorf("%d keys match: add object=NAME or id=%%NN", len(found))
	}
	k := &Key{session: s, handle: found[0]}
	v, err := s.read(k.handle, attrID, attrKeyType, attrModulus, attrPublicExponent, attrECParams, attrECPoint, attrAlwaysAuthenticate)
	if err != nil {
		return nil, err
	}
	k.asksPIN = bytes.Equal(v[attrAlwaysAuthenticate], []byte{1})
	if k.public, err = publicKey(v); errors.Is(err, errIncomplete) {
		k.public, err = s.publicOf(v[attrID])
	}
	return k, err
}

// publicOf returns the public key of a key pair. A private key of an elliptic curve seldom has
// its point: the public object, or a certificate, of the same CKA_ID has it.
func (s *Session) publicOf(id []byte) (crypto.PublicKey, error) {
	template := s.uri.named(classPublic)
	if len(id) > 0 {
		template = []attribute{{attrClass, uint64(classPublic)}, {attrID, id}}
	}
	found, err := s.find(template)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("the private key has %d public keys beside it in the token, not one", len(found))
	}
	v, err := s.read(found[0], attrKeyType, attrModulus, attrPublicExponent, attrECParams, attrECPoint)
	if err != nil {
		return nil, err
	}
	return publicKey(v)
}

// Public returns the public key.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Sign signs a digest, and verifies the signature before it returns it.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	mechanism, data, err := k.input(digest, opts)
	if err != nil {
		return nil, err
	}
	raw, err := k.sign(mechanism, data)
	if err != nil {
		return nil, fmt.Errorf("signing with the token: %w", err)
	}
	signature, err := k.output(raw)
	if err != nil || !k.verifies(digest, signature, opts.HashFunc()) {
		return nil, errors.New("signing with the token: it returns a signature that does not verify")
	}
	return signature, nil
}

// input returns the data that the token signs.
func (k *Key) input(digest []byte, opts crypto.SignerOpts) (mechanism uint32, data []byte, err error) {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if _, pss := opts.(*rsa.PSSOptions); pss {
			return 0, nil, errors.New("signing with the token: RSA-PSS is not supported")
		}
		data, err = digestInfo(opts.HashFunc(), digest)
		return mechRSA, data, err
	case *ecdsa.PublicKey:
		return mechECDSA, digest[:min(len(digest), coordinate(public))], nil
	}
	return 0, nil, fmt.Errorf("a key of type %T cannot sign", k.public)
}

// coordinate returns the length of a coordinate of a curve, in bytes.
func coordinate(public *ecdsa.PublicKey) int { return (public.Curve.Params().BitSize + 7) / 8 }

// hashes holds the object identifiers of the supported hashes (RFC 8017 appendix B.1).
var hashes = map[crypto.Hash]asn1.ObjectIdentifier{
	crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
	crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
	crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
}

// digestInfo returns a digest in the form that RSA signs (RFC 8017 section 9.2).
func digestInfo(hash crypto.Hash, digest []byte) ([]byte, error) {
	if hashes[hash] == nil || len(digest) != hash.Size() {
		return nil, fmt.Errorf("signing with the token: the hash %v is not supported", hash)
	}
	return asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}{pkix.AlgorithmIdentifier{Algorithm: hashes[hash], Parameters: asn1.NullRawValue}, digest})
}

// maxSignature is more than an RSA key of 16,384 bits makes, in bytes.
const maxSignature = 2048

func (k *Key) sign(mechanism uint32, data []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.session
	err := s.withMechanism(func(brief bool) error {
		_, err := s.call(callSignInit, new(writer).ulong(s.handle).mechanism(mechanism, brief).ulong(k.handle))
		return err
	})
	if err != nil {
		return nil, err
	}
	if k.asksPIN {
		if _, err := s.callWithin(padTimeout, callLogin, s.loginArgs(userContextSpecific)); err != nil {
			return nil, err
		}
	}
	r, err := s.call(callSign, new(writer).ulong(s.handle).bytesArg(data).bytesRoom(maxSignature))
	if err != nil {
		return nil, err
	}
	raw := r.byteArray()
	return raw, r.err
}

// output returns a signature in the form of X.509.
func (k *Key) output(raw []byte) ([]byte, error) {
	public, ok := k.public.(*ecdsa.PublicKey)
	if !ok {
		return raw, nil
	}
	n := coordinate(public)
	if len(raw) != 2*n {
		return nil, errMalformed
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:n]), new(big.Int).SetBytes(raw[n:])})
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
