package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"net"
	"slices"
	"time"
)

// ErrNoCertificate says that no PEM block holds a certificate.
var ErrNoCertificate = errors.New("no certificate in PEM form")

// Role is the purpose of a leaf certificate.
type Role string

// The roles. A hypervisor needs both, with a certificate for each.
const (
	Server Role = "server" // libvirtd's identity: serverAuth
	Client Role = "client" // identity of a client that connects: clientAuth
)

// Request describes a leaf certificate.
type Request struct {
	Role        Role
	RawSubject  []byte // encoded RDNSequence, not empty
	PublicKey   crypto.PublicKey
	DNSNames    []string
	IPAddresses []net.IP
	Now         time.Time
	Validity    time.Duration // from Now; zero means DefaultLeafValidity

	// StrictKeyUsage adds the critical keyUsage that RFC 5280 recommends to a
	// certificate with an EC or Ed25519 key. libvirt before 11.6.0 refuses it.
	StrictKeyUsage bool

	Template *Template // nil for the built-in one

	// Like is an earlier certificate, or nil. The built-in template takes over its names of other
	// kinds, its purposes and its extensions.
	Like *x509.Certificate

	// Quick skips the verification of the new signature, which with an EC key takes longer than all
	// the rest. It is for runs that sign thousands of certificates with a key in memory, after the
	// first signature was verified. It has an effect only on the built-in template.
	Quick bool
}

// Issue signs the certificate that r describes. The certificate begins one day before r.Now and
// expires no later than the CA, because libvirt would refuse a leaf certificate after its CA has
// expired. Issue returns an error when the CA itself is not valid at r.Now, or when its name
// constraints do not permit the names of r.
func (ca *CA) Issue(r Request) (*x509.Certificate, error) {
	if err := ca.validAt(r.Now); err != nil {
		return nil, err
	}
	template, err := r.template(ca.Certificate)
	if err != nil {
		return nil, err
	}
	der, err := ca.signLeaf(template, r)
	if err != nil {
		return nil, fmt.Errorf("signing the %s certificate: %w", r.Role, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading back the %s certificate: %w", r.Role, err)
	}
	if r.Template != nil {
		if err := r.accepts(cert); err != nil {
			return nil, r.Template.named(err)
		}
	}
	return cert, ca.permits(cert, r.Now)
}

func (ca *CA) signLeaf(template *x509.Certificate, r Request) ([]byte, error) {
	if r.Quick && r.Template == nil && r.Like == nil {
		return ca.signQuickly(template, r.PublicKey)
	}
	return x509.CreateCertificate(rand.Reader, template, ca.Certificate, r.PublicKey, ca.Signer)
}

func (r Request) template(ca *x509.Certificate) (*x509.Certificate, error) {
	serial, ski, err := identifiers(r.PublicKey)
	if err != nil {
		return nil, err
	}
	if len(r.RawSubject) <= 2 {
		return nil, errors.New("empty subject")
	}
	cert := r.builtin()
	switch {
	case r.Template != nil:
		if cert, err = r.shape(); err != nil {
			return nil, r.Template.named(err)
		}
	case r.Like != nil:
		if err := r.keep(cert); err != nil {
			return nil, err
		}
	}
	cert.SerialNumber, cert.SubjectKeyId, cert.AuthorityKeyId = serial, ski, ca.SubjectKeyId
	cert.NotBefore, cert.NotAfter = r.window(ca)
	return cert, nil
}

// builtin returns the built-in template of a leaf certificate.
func (r Request) builtin() *x509.Certificate {
	return &x509.Certificate{
		RawSubject:            r.RawSubject,
		BasicConstraintsValid: true,
		KeyUsage:              leafKeyUsage(r.PublicKey, r.StrictKeyUsage),
		ExtKeyUsage:           []x509.ExtKeyUsage{r.Role.extKeyUsage()},
		DNSNames:              r.DNSNames,
		IPAddresses:           r.IPAddresses,
		ExtraExtensions:       []pkix.Extension{r.Role.purpose()},
	}
}

// window returns the lifetime of the certificate, limited to that of the CA.
func (r Request) window(ca *x509.Certificate) (notBefore, notAfter time.Time) {
	validity := r.Validity
	if validity == 0 {
		validity = DefaultLeafValidity
	}
	notBefore, notAfter = r.Now.Add(-Backdate), r.Now.Add(validity)
	if notBefore.Before(ca.NotBefore) {
		notBefore = ca.NotBefore
	}
	if notAfter.After(ca.NotAfter) {
		notAfter = ca.NotAfter
	}
	return notBefore.UTC().Truncate(time.Second), notAfter.UTC().Truncate(time.Second)
}

// purpose returns the extKeyUsage of a leaf certificate. It is critical, because otherwise libvirt
// only warns and accepts a server's certificate from a client. crypto/x509 writes it as not
// critical, and leaves it out if it is among the extra extensions.
func (r Role) purpose() pkix.Extension {
	value := []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1}
	if r == Client {
		value[len(value)-1] = 2
	}
	return pkix.Extension{Id: oidExtKeyUsage, Critical: true, Value: value}
}

func (r Role) extKeyUsage() x509.ExtKeyUsage {
	if r == Server {
		return x509.ExtKeyUsageServerAuth
	}
	return x509.ExtKeyUsageClientAuth
}

// leafKeyUsage returns the keyUsage of a leaf certificate; zero leaves the extension out. See the
// package comment for the reason.
func leafKeyUsage(pub crypto.PublicKey, strict bool) x509.KeyUsage {
	if _, isRSA := pub.(*rsa.PublicKey); isRSA {
		return x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	}
	if strict {
		return x509.KeyUsageDigitalSignature
	}
	return 0
}

// RolesOf returns the roles that the extended key usage of a certificate permits. Without that
// extension it returns both roles.
func RolesOf(cert *x509.Certificate) []Role {
	var roles []Role
	unrestricted := len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0
	for _, role := range []Role{Server, Client} {
		for _, usage := range cert.ExtKeyUsage {
			if usage == role.extKeyUsage() || usage == x509.ExtKeyUsageAny {
				roles = append(roles, role)
				break
			}
		}
		if unrestricted {
			roles = append(roles, role)
		}
	}
	return roles
}

// identifiers makes a serial of 128 random bits, and the SubjectKeyId of pub.
func identifiers(pub crypto.PublicKey) (serial *big.Int, ski []byte, err error) {
	random := make([]byte, 16)
	rand.Read(random)
	if ski, err = subjectKeyID(pub); err != nil {
		return nil, nil, err
	}
	return new(big.Int).SetBytes(random), ski, nil
}

// subjectKeyID returns the leftmost 160 bits of the SHA-256 of the public key bits (RFC 7093
// section 2, method 1).
func subjectKeyID(pub crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	sum := sha256.Sum256(info.Key.RightAlign())
	return sum[:20], nil
}

// EncodeCertificates returns certificates as PEM blocks, one after another.
func EncodeCertificates(certs ...*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, cert := range certs {
		pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return out.Bytes()
}

// CertificateBlocks yields the DER of every certificate block in data, in order and without parsing
// it. It skips blocks of other types and text around the blocks.
func CertificateBlocks(data []byte) iter.Seq[[]byte] {
	return blocks(data, "CERTIFICATE", "X509 CERTIFICATE")
}

// trimBOM removes a byte order mark, which GnuTLS skips too.
func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }

// blocks yields the contents of the PEM blocks of some types.
func blocks(data []byte, types ...string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest := trimBOM(data)
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return
			}
			if slices.Contains(types, block.Type) && !yield(block.Bytes) {
				return
			}
		}
	}
}

// ParseCertificates reads every certificate in data, in order, as [CertificateBlocks] finds them.
// It returns an error when there is none ([ErrNoCertificate]) or when one does not parse.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for der := range CertificateBlocks(data) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d does not parse: %w", len(certs)+1, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, ErrNoCertificate
	}
	return certs, nil
}
