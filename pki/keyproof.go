package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// pemKeyProof is the type of a PEM block with a [KeyProof].
const pemKeyProof = "VIRTPKI KEY PROOF"

// keyProofVersion is the version that this package writes and reads.
const keyProofVersion = 1

// keyProofContext stands before the bytes that a proof signs, so that no signature that the key
// makes elsewhere is a proof, and no proof is good elsewhere. It is longer than 64 bytes because a
// TLS 1.2 server signs 32 bytes of its peer's choice, 32 of its own, and its parameters (RFC 8422
// section 5.4): those never begin like this.
const keyProofContext = "virtpki key proof: the holder of this key also makes the certificate request with this digest\x00"

// KeyProof shows that the sender of a certificate request has the key of another certificate too,
// which the CA signed earlier. So a CA can distinguish a host that replaces its key from somebody
// else who asks for the host's name. CMP's key update request (RFC 9810) and SCEP's RenewalReq (RFC
// 8894) serve the same end.
//
// In PEM it is a block of the type "VIRTPKI KEY PROOF" beside the request. Other programs ignore
// it. Its content is DER:
//
//	KeyProof ::= SEQUENCE {
//	    claim      Claim,
//	    signature  OCTET STRING }
//
//	Claim ::= SEQUENCE {
//	    version    INTEGER (1),
//	    request    OCTET STRING,            -- SHA-256 of the request in DER
//	    issuer     Name,                    -- of the certificate
//	    serial     CertificateSerialNumber }
//
// The key of the certificate signs a fixed text that ends in a zero byte and then the
// claim in DER: RSA with PKCS #1 v1.5 and SHA-256, ECDSA with SHA-256 on P-256,
// SHA-384 on P-384 and SHA-512 on P-521, Ed25519 as it is. The text is
//
//	virtpki key proof: the holder of this key also makes the certificate request with this digest
//
// A parsed proof has proven nothing yet: see [CSR.ProvenBy].
type KeyProof struct {
	RawIssuer []byte   // encoded RDNSequence: the issuer of the certificate
	Serial    *big.Int // of the certificate

	raw       []byte // DER of all
	claim     []byte // DER of the claim
	digest    []byte // of the request
	signature []byte
}

// keyProofForm is a proof in DER, keyProofClaim the structure that it signs.
type (
	keyProofForm struct {
		Claim     asn1.RawValue
		Signature []byte
	}
	keyProofClaim struct {
		Version int
		Request []byte
		Issuer  asn1.RawValue
		Serial  *big.Int
	}
)

// Prove adds a proof that the sender of the request has the key of cert. The same
// request, certificate and key make the same bytes.
func (c *CSR) Prove(cert *x509.Certificate, key crypto.Signer) error {
	if !KeyMatches(cert, key) {
		return errors.New("the key is not that of the certificate")
	}
	digest := sha256.Sum256(c.Raw)
	claim, err := asn1.Marshal(keyProofClaim{keyProofVersion, digest[:], asn1.RawValue{FullBytes: cert.RawIssuer}, cert.SerialNumber})
	if err != nil {
		return err
	}
	signature, err := signKeyProof(key, keyProofMessage(claim))
	if err != nil {
		return fmt.Errorf("making the key proof: %w", err)
	}
	raw, err := asn1.Marshal(keyProofForm{asn1.RawValue{FullBytes: claim}, signature})
	if err != nil {
		return err
	}
	proof, err := parseKeyProof(raw)
	if err == nil {
		c.Proofs = append(c.Proofs, proof)
	}
	return err
}

// ProvenBy reports whether a proof beside the request is by the key of cert. The
// certificate has to come from the CA's own records, never from the sender.
func (c *CSR) ProvenBy(cert *x509.Certificate) bool {
	algorithm, _ := keyProofAlgorithm(cert.PublicKey)
	if algorithm == x509.UnknownSignatureAlgorithm {
		return false
	}
	digest := sha256.Sum256(c.Raw)
	return slices.ContainsFunc(c.Proofs, func(p *KeyProof) bool {
		return bytes.Equal(p.digest, digest[:]) && bytes.Equal(p.RawIssuer, cert.RawIssuer) && p.Serial.Cmp(cert.SerialNumber) == 0 &&
			cert.CheckSignature(algorithm, keyProofMessage(p.claim), p.signature) == nil
	})
}

func keyProofMessage(claim []byte) []byte {
	return append([]byte(keyProofContext), claim...)
}

// keyProofAlgorithm returns the algorithm with which a key signs a proof, and the hash that is
// signed, or zero if the whole message is signed. It does not have an algorithm for other kinds of
// keys.
func keyProofAlgorithm(pub crypto.PublicKey) (x509.SignatureAlgorithm, crypto.Hash) {
	switch key := pub.(type) {
	case *rsa.PublicKey:
		return x509.SHA256WithRSA, crypto.SHA256
	case ed25519.PublicKey:
		return x509.PureEd25519, 0
	case *ecdsa.PublicKey:
		switch key.Curve.Params().BitSize {
		case 256:
			return x509.ECDSAWithSHA256, crypto.SHA256
		case 384:
			return x509.ECDSAWithSHA384, crypto.SHA384
		case 521:
			return x509.ECDSAWithSHA512, crypto.SHA512
		}
	}
	return x509.UnknownSignatureAlgorithm, 0
}

// signKeyProof signs without randomness: ECDSA is deterministic then (RFC 6979).
func signKeyProof(key crypto.Signer, message []byte) ([]byte, error) {
	algorithm, hash := keyProofAlgorithm(key.Public())
	if algorithm == x509.UnknownSignatureAlgorithm {
		return nil, errors.New("the key is of an unknown type (EC, Ed25519 and RSA are known)")
	}
	if hash != 0 {
		h := hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	return key.Sign(nil, message, hash)
}

// MaxKeyProofs is the largest number of proofs beside a request. A host has a few live keys; each
// proof costs the CA a verification.
const MaxKeyProofs = 8

var (
	errKeyProofMany    = fmt.Errorf("a request has more than %d key proofs beside it", MaxKeyProofs)
	errKeyProofForm    = errors.New("a key proof is malformed")
	errKeyProofVersion = errors.New("a key proof of an unknown version")
)

// parseKeyProof reads the DER of a proof. The version comes first, and parseKeyProof does not read
// the rest of a proof with an unknown version.
func parseKeyProof(raw []byte) (*KeyProof, error) {
	p := &KeyProof{raw: slices.Clone(raw), Serial: new(big.Int)}
	var form, claim, element cryptobyte.String
	var version int64
	input := cryptobyte.String(p.raw)
	if !input.ReadASN1(&form, der.SEQUENCE) || !input.Empty() || !form.ReadASN1Element(&element, der.SEQUENCE) {
		return nil, errKeyProofForm
	}
	p.claim = element
	if !element.ReadASN1(&claim, der.SEQUENCE) || !claim.ReadASN1Integer(&version) {
		return nil, errKeyProofForm
	}
	if version != keyProofVersion {
		return nil, errKeyProofVersion
	}
	var digest, issuer, signature cryptobyte.String
	if !claim.ReadASN1(&digest, der.OCTET_STRING) || !claim.ReadASN1Element(&issuer, der.SEQUENCE) || !claim.ReadASN1Integer(p.Serial) || !claim.Empty() ||
		!form.ReadASN1(&signature, der.OCTET_STRING) || !form.Empty() || len(digest) != sha256.Size {
		return nil, errKeyProofForm
	}
	p.digest, p.RawIssuer, p.signature = digest, issuer, signature
	return p, nil
}

// attachKeyProofs adds to each request the proofs in data that are for it. It skips those of
// unknown versions, and those for other requests.
func attachKeyProofs(csrs []*CSR, data []byte) error {
	proofs := make(map[string][]*KeyProof)
	for raw := range blocks(data, pemKeyProof) {
		proof, err := parseKeyProof(raw)
		if errors.Is(err, errKeyProofVersion) {
			continue
		}
		if err != nil {
			return err
		}
		proofs[string(proof.digest)] = append(proofs[string(proof.digest)], proof)
	}
	for _, csr := range csrs {
		digest := sha256.Sum256(csr.Raw)
		csr.Proofs = slices.Clip(proofs[string(digest[:])])
		if len(csr.Proofs) > MaxKeyProofs {
			return errKeyProofMany
		}
	}
	return nil
}
