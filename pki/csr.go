package pki

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// ErrNoCSR says that no PEM block holds a certificate request.
var ErrNoCSR = errors.New("no certificate request in PEM form")

// The types of a PEM block with a certificate request: that of RFC 7468 section
// 7, and the older one that certtool writes.
const (
	pemCSR    = "CERTIFICATE REQUEST"
	pemNewCSR = "NEW CERTIFICATE REQUEST"
)

// The largest request that is read: its size in bytes of DER, and how many names and
// addresses it asks for. A request of virtpki's own takes a few hundred bytes.
const (
	MaxCSR      = 64 << 10
	MaxCSRNames = 100
)

// CSR is a certificate request (PKCS#10, RFC 2986), which the owner of a key sends to a CA. Nothing
// in it can be trusted just because it stands there; see [CSR.Check].
type CSR struct {
	Raw        []byte // DER
	RawSubject []byte // encoded RDNSequence, perhaps empty
	Subject    pkix.Name
	PublicKey  crypto.PublicKey

	Roles       []Role   // the roles in its extendedKeyUsage; none without that extension
	DNSNames    []string // as written there, each once
	IPAddresses []net.IP
	Repeated    []string // names that stand there more than once

	// WantsCA is set when it asks for a certificate that may sign others.
	WantsCA bool
	// Foreign describes the other things that it asks for and that no certificate made here has:
	// extensions, names of other kinds, other key usages.
	Foreign []string

	// Proofs show that the sender has other keys too; see [CSR.ProvenBy].
	Proofs []*KeyProof

	request *x509.CertificateRequest
}

// CSRRequest describes a certificate request to be made.
type CSRRequest struct {
	Role        Role
	RawSubject  []byte // encoded RDNSequence, not empty
	DNSNames    []string
	IPAddresses []net.IP
}

// NewCSR makes a certificate request and signs it with key, which proves possession of the key. The
// role goes into its extendedKeyUsage. The same request with the same key gives the same bytes,
// because signatures of EC keys are deterministic here (RFC 6979).
func NewCSR(r CSRRequest, key crypto.Signer) (*CSR, error) {
	if len(r.RawSubject) <= 2 {
		return nil, errors.New("empty subject")
	}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{r.Role.usageOID()})
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{
		RawSubject:      r.RawSubject,
		DNSNames:        r.DNSNames,
		IPAddresses:     r.IPAddresses,
		ExtraExtensions: []pkix.Extension{{Id: oidExtKeyUsage, Value: usage}},
	}
	raw, err := x509.CreateCertificateRequest(nil, template, key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate request: %w", err)
	}
	csr, err := parseCSR(raw)
	if err != nil {
		return nil, fmt.Errorf("the certificate request %w", err)
	}
	return csr, nil
}

var (
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidSubjectKeyID     = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidServerAuth       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidClientAuth       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
)

func (r Role) usageOID() asn1.ObjectIdentifier {
	if r == Server {
		return oidServerAuth
	}
	return oidClientAuth
}

// EncodeCSRs returns certificate requests as PEM blocks, one after another, each with
// its proofs behind it.
func EncodeCSRs(csrs ...*CSR) []byte {
	var out bytes.Buffer
	for _, csr := range csrs {
		pem.Encode(&out, &pem.Block{Type: pemCSR, Bytes: csr.Raw})
		for _, proof := range csr.Proofs {
			pem.Encode(&out, &pem.Block{Type: pemKeyProof, Bytes: proof.raw})
		}
	}
	return out.Bytes()
}

// ParseCSRs reads every certificate request in data, in order, with its proofs. It skips text
// around the blocks and blocks of other types. It returns an error when there is no request
// ([ErrNoCSR]), when a block is damaged, when a request does not parse, or when one is larger than
// [MaxCSR] or asks for more than [MaxCSRNames] names.
func ParseCSRs(data []byte) ([]*CSR, error) {
	if err := checkBlocks(data); err != nil {
		return nil, err
	}
	var csrs []*CSR
	for raw := range blocks(data, pemCSR, pemNewCSR) {
		csr, err := parseCSR(raw)
		if err != nil {
			return nil, fmt.Errorf("certificate request %d %w", len(csrs)+1, err)
		}
		csrs = append(csrs, csr)
	}
	if len(csrs) == 0 {
		return nil, ErrNoCSR
	}
	if err := attachKeyProofs(csrs, data); err != nil {
		return nil, err
	}
	return csrs, nil
}

// checkBlocks returns an error if a PEM block in data is incomplete. The decoder of encoding/pem
// would skip such a block as if it were text.
func checkBlocks(data []byte) error {
	begun := bytes.Count(data, []byte("-----BEGIN "))
	whole := 0
	for block, rest := pem.Decode(trimBOM(data)); block != nil; block, rest = pem.Decode(rest) {
		whole++
	}
	if whole != begun {
		return fmt.Errorf("damaged: %d PEM blocks begin, and %d are whole", begun, whole)
	}
	return nil
}

func parseCSR(raw []byte) (*CSR, error) {
	if len(raw) > MaxCSR {
		return nil, fmt.Errorf("has %d bytes (at most %d)", len(raw), MaxCSR)
	}
	request, err := x509.ParseCertificateRequest(raw)
	if err != nil {
		return nil, fmt.Errorf("does not parse: %w", err)
	}
	if n := len(request.DNSNames) + len(request.IPAddresses); n > MaxCSRNames {
		return nil, fmt.Errorf("asks for %d names (at most %d)", n, MaxCSRNames)
	}
	c := &CSR{Raw: request.Raw, RawSubject: request.RawSubject, Subject: request.Subject, PublicKey: request.PublicKey, request: request}
	c.names()
	for _, ext := range request.Extensions {
		if err := c.extension(ext); err != nil {
			return nil, fmt.Errorf("does not parse: %w", err)
		}
	}
	return c, nil
}

// names copies the names, each once.
func (c *CSR) names() {
	seen := make(map[string]bool)
	for _, name := range c.request.DNSNames {
		if seen[name] {
			c.Repeated = append(c.Repeated, name)
			continue
		}
		seen[name] = true
		c.DNSNames = append(c.DNSNames, name)
	}
	for _, ip := range c.request.IPAddresses {
		slot := "address " + string(ip.To16())
		if seen[slot] {
			c.Repeated = append(c.Repeated, ip.String())
			continue
		}
		seen[slot] = true
		c.IPAddresses = append(c.IPAddresses, ip)
	}
}

// extension sorts one requested extension: it is a matter of course, asks for a role, asks to be a
// CA, or is foreign. The CA decides on the keyUsage of a leaf certificate and the SubjectKeyId, so
// a request for them has no effect.
func (c *CSR) extension(ext pkix.Extension) error {
	switch {
	case ext.Id.Equal(oidSubjectKeyID):
	case ext.Id.Equal(oidSubjectAltName):
		return c.altNames(ext.Value)
	case ext.Id.Equal(oidExtKeyUsage):
		return c.extKeyUsage(ext.Value)
	case ext.Id.Equal(oidKeyUsage):
		return c.keyUsage(ext.Value)
	case ext.Id.Equal(oidBasicConstraints):
		return c.basicConstraints(ext.Value)
	default:
		c.foreign("the extension %v", ext.Id)
	}
	return nil
}

func (c *CSR) foreign(format string, args ...any) {
	c.Foreign = append(c.Foreign, fmt.Sprintf(format, args...))
}

// otherNames are the kinds of GeneralName (RFC 5280 section 4.2.1.6) by their tags, except DNS
// names (2) and addresses (7).
var otherNames = map[der.Tag]string{
	0: "another kind of name", 1: "an e-mail address", 3: "an X.400 address", 4: "a directory name",
	5: "an EDI party name", 6: "a URI", 8: "a registered id",
}

// altNames looks for kinds of names that crypto/x509 ignores.
func (c *CSR) altNames(value cryptobyte.String) error {
	var names cryptobyte.String
	if !value.ReadASN1(&names, der.SEQUENCE) || !value.Empty() {
		return errors.New("malformed subjectAltName")
	}
	for !names.Empty() {
		var name cryptobyte.String
		var tag der.Tag
		if !names.ReadAnyASN1(&name, &tag) {
			return errors.New("malformed subjectAltName")
		}
		if number := tag & 0x1f; number != 2 && number != 7 {
			c.foreign("%s in its subjectAltName", cmp.Or(otherNames[number], "a name of an unknown kind"))
		}
	}
	return nil
}

func (c *CSR) extKeyUsage(value []byte) error {
	var usages []asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(value, &usages); err != nil || len(rest) > 0 {
		return errors.New("malformed extendedKeyUsage")
	}
	for _, usage := range usages {
		switch {
		case usage.Equal(oidServerAuth):
			c.Roles = append(c.Roles, Server)
		case usage.Equal(oidClientAuth):
			c.Roles = append(c.Roles, Client)
		default:
			c.foreign("the extended key usage %v", usage)
		}
	}
	return nil
}

// keyUsage looks for the usages of a CA: keyCertSign is bit 5, cRLSign is bit 6.
func (c *CSR) keyUsage(value []byte) error {
	var usage asn1.BitString
	if rest, err := asn1.Unmarshal(value, &usage); err != nil || len(rest) > 0 {
		return errors.New("malformed keyUsage")
	}
	c.WantsCA = c.WantsCA || usage.At(5) != 0 || usage.At(6) != 0
	return nil
}

func (c *CSR) basicConstraints(value []byte) error {
	var constraints struct {
		IsCA       bool `asn1:"optional"`
		MaxPathLen int  `asn1:"optional,default:-1"`
	}
	if rest, err := asn1.Unmarshal(value, &constraints); err != nil || len(rest) > 0 {
		return errors.New("malformed basicConstraints")
	}
	c.WantsCA = c.WantsCA || constraints.IsCA
	return nil
}

// Check returns an error when no CA should sign the request: because of a weak key
// ([CheckPublicKey]), a signature that does not prove possession of the key (RFC 2986 section 4.2)
// or uses a broken hash, or the wish to be a CA.
func (c *CSR) Check() error {
	if err := CheckPublicKey(c.PublicKey); err != nil {
		return err
	}
	if !slices.Contains(soundAlgorithms, c.request.SignatureAlgorithm) {
		return fmt.Errorf("it is signed with %v, which proves nothing", c.request.SignatureAlgorithm)
	}
	if c.request.CheckSignature() != nil {
		return errors.New("its own key did not make its signature: somebody changed it, or its owner does not have the key")
	}
	if c.WantsCA {
		return errors.New("it asks to be a CA")
	}
	return nil
}

// soundAlgorithms are the signature algorithms that GnuTLS and OpenSSL still accept.
var soundAlgorithms = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
	x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519,
}

// The limits for the size of RSA keys, in bits. The policies of distributions refuse smaller keys;
// with larger ones each handshake takes too long.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// CheckPublicKey returns an error if a key cannot or should not be used for TLS with libvirt:
// GnuTLS knows neither P-224 nor DSA in TLS, and RSA keys of less than 2048 bits are too weak.
func CheckPublicKey(pub crypto.PublicKey) error {
	switch key := pub.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		switch {
		case bits < minRSABits:
			return fmt.Errorf("its RSA key of %d bits is too weak (at least %d)", bits, minRSABits)
		case bits > maxRSABits:
			return fmt.Errorf("its RSA key of %d bits is too large (at most %d)", bits, maxRSABits)
		case key.E < 65537 || key.E%2 == 0:
			return fmt.Errorf("its RSA key has the exponent %d (65537 is the usual one)", key.E)
		}
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < 256 {
			return fmt.Errorf("its EC key on %s cannot be used in TLS", key.Curve.Params().Name)
		}
	case ed25519.PublicKey:
	default:
		return errors.New("its key is of an unknown type (EC, Ed25519 and RSA are known)")
	}
	return nil
}

// SameKey reports whether two public keys are the same.
func SameKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}
