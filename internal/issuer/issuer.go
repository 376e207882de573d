package issuer

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/issuer/step"
	"virtpki/internal/issuer/vault"
	"virtpki/internal/issuer/web"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// CA is a service that signs certificates. It is a step.CA or a vault.CA.
type CA interface {
	// Sign returns the certificate for a request, and the certificates of its CA that the
	// service sends with it.
	Sign(ctx context.Context, role pki.Role, csr *pki.CSR) ([]*x509.Certificate, error)
	// CAs returns the CA certificates that hosts trust.
	CAs(ctx context.Context) ([]*x509.Certificate, error)
	// CRL returns the revocation list, in DER or PEM.
	CRL(ctx context.Context) ([]byte, error)
	// Revoke revokes a certificate. A certificate that is already revoked is not an error.
	Revoke(ctx context.Context, serial *big.Int, reason pki.Reason) error
	Close()
}

// Issuer requests certificates from a CA that is a service.
type Issuer struct {
	*Config
	ca  CA
	now func() time.Time
}

// Open returns the issuer of a configuration file. It does not connect yet. now is the clock.
func Open(path string, now func() time.Time) (*Issuer, error) {
	c, err := Load(path)
	if err != nil {
		return nil, err
	}
	return New(c, now)
}

// OpenTrusting is [Open] where a person has vouched for CAs that may be new on this machine. prints
// are their fingerprints: if the file names roots, the issuer accepts these too. Those of the file are
// added to prints.
func OpenTrusting(path string, prints map[string]bool, now func() time.Time) (*Issuer, error) {
	c, err := Load(path)
	if err != nil {
		return nil, err
	}
	if len(c.Roots) > 0 {
		for _, root := range c.Roots {
			prints[root] = true
		}
		c.Roots = slices.Sorted(maps.Keys(prints))
	}
	return New(c, now)
}

// OpenKind is [Open] for a file that must configure an issuer of one kind.
func OpenKind(kind, path string, now func() time.Time) (*Issuer, error) {
	i, err := Open(path, now)
	if err == nil && i.Kind != kind {
		return nil, hint.With(fmt.Errorf("%s: its issuer is %s, not %s", path, i.Kind, kind), "virtpki issuer %s --config %s", i.Kind, path)
	}
	return i, err
}

// New returns the issuer of a configuration.
func New(c *Config, now func() time.Time) (*Issuer, error) {
	o, err := c.web(now)
	if err != nil {
		return nil, err
	}
	i := &Issuer{Config: c, now: now}
	if c.Kind == Vault {
		i.ca = c.vaultCA(o)
	} else {
		i.ca = c.stepCA(o)
	}
	return i, nil
}

// web returns the options for connecting to the service.
func (c *Config) web(now func() time.Time) (web.Options, error) {
	timeout, err := c.timeout()
	if err != nil {
		return web.Options{}, err
	}
	o := web.Options{URL: c.URL, Proxy: c.Proxy, Timeout: timeout, Attempts: c.Attempts, Redirects: c.Redirects, Now: now}
	data, err := c.caFile()
	if err != nil || data == nil {
		return o, err
	}
	o.Trust = x509.NewCertPool()
	if !o.Trust.AppendCertsFromPEM(data) {
		return o, fmt.Errorf("%s: it does not contain a certificate in PEM form", c.CAFile)
	}
	return o, nil
}

func (c *Config) stepCA(o web.Options) CA {
	so := step.Options{Web: o, Roots: c.Roots, CRL: c.CRL, Provisioners: make(map[pki.Role]step.Provisioner)}
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		profile := c.Profile(role)
		p := step.Provisioner{Name: profile.Provisioner, Password: profile.Password.read}
		if profile.KeyFile != "" {
			p.Key = func() ([]byte, error) { return store.Tree{}.ReadPrivate(profile.KeyFile, maxSecret) }
		}
		so.Provisioners[role] = p
	}
	return step.New(so)
}

func (c *Config) vaultCA(o web.Options) CA {
	vo := vault.Options{
		Web: o, Mount: strings.Trim(c.Mount, "/"), Namespace: c.Namespace, CRL: c.CRL,
		Roles: map[pki.Role]string{pki.Server: c.Server.Role, pki.Client: c.Client.Role},
	}
	if a := c.AppRole; a != nil {
		vo.Login = vault.Login{Mount: strings.Trim(a.Mount, "/"), RoleID: a.RoleID, SecretID: a.SecretID.read}
	} else {
		vo.Token = c.Token.read
	}
	return vault.New(vo)
}

// String names the service.
func (i *Issuer) String() string { return i.URL }

// Close ends the connections to the service.
func (i *Issuer) Close() { i.ca.Close() }

// Ask has requests signed, and returns the response: their certificates, the CAs and the CRL.
// Without requests the response holds only the CAs and the CRL.
func (i *Issuer) Ask(ctx context.Context, csrs []*pki.CSR) (*pki.Answer, error) {
	a, err := i.ask(ctx, csrs)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", i.URL, err)
	}
	return a, nil
}

// CAs returns the certificates of the CA that signs, as far as the service gives it out, and of
// those above it.
func (i *Issuer) CAs(ctx context.Context) ([]*x509.Certificate, error) {
	cas, err := i.ca.CAs(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking %s for its CA certificates: %w", i.URL, err)
	}
	return cas, nil
}

func (i *Issuer) ask(ctx context.Context, csrs []*pki.CSR) (*pki.Answer, error) {
	a := &pki.Answer{}
	for _, csr := range csrs {
		cert, above, err := i.signOne(ctx, csr)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", subject.OfRequest(csr), err)
		}
		a.Leafs, a.CAs = append(a.Leafs, cert), appendNew(a.CAs, above...)
	}
	cas, err := i.ca.CAs(ctx)
	if err != nil {
		return nil, fmt.Errorf("its CA certificates: %w", err)
	}
	a.CAs = appendNew(a.CAs, cas...)
	if err := i.checkCAs(a); err != nil {
		return nil, err
	}
	if i.CRL == none {
		return a, nil
	}
	a.CRLs, err = i.crls(ctx)
	return a, err
}

// signOne has one request signed, and checks that the certificate belongs to it.
func (i *Issuer) signOne(ctx context.Context, csr *pki.CSR) (cert *x509.Certificate, above []*x509.Certificate, err error) {
	if len(csr.Roles) != 1 {
		return nil, nil, hint.With(errors.New("the request does not say whether it is for a server or a client"), "make it with virtpki request")
	}
	if err := csr.Check(); err != nil {
		return nil, nil, err
	}
	role := csr.Roles[0]
	chain, err := i.ca.Sign(ctx, role, csr)
	if err != nil {
		return nil, nil, err
	}
	if len(chain) == 0 {
		return nil, nil, errors.New("the response does not contain a certificate")
	}
	switch cert := chain[0]; {
	case !pki.SameKey(cert.PublicKey, csr.PublicKey):
		return nil, nil, errors.New("the certificate is for another key than the request")
	case cert.IsCA:
		return nil, nil, errors.New("the certificate is a CA's")
	case !slices.Contains(pki.RolesOf(cert), role):
		return nil, nil, hint.With(fmt.Errorf("the certificate is not for a %s", role), "%s", i.fixRole(role))
	}
	return chain[0], chain[1:], nil
}

// fixRole says where the CA sets the purposes of a role's certificates.
func (i *Issuer) fixRole(role pki.Role) string {
	if i.Kind == Vault {
		return fmt.Sprintf("virtpki issuer init vault --print shows the flags of role %s", i.Profile(role).Role)
	}
	return fmt.Sprintf("virtpki issuer init step --print shows the template of provisioner %s", i.Profile(role).Provisioner)
}

// checkCAs requires that the CA certificates have signed the certificates of the response. If
// the configuration names roots, the roots must be among them. It limits their number first,
// because each may have signed each other one.
func (i *Issuer) checkCAs(a *pki.Answer) error {
	if len(a.CAs) > libvirt.MaxCAs {
		return fmt.Errorf("its chain contains %d CA certificates (at most %d)", len(a.CAs), libvirt.MaxCAs)
	}
	for _, ca := range a.CAs {
		if !ca.IsCA || !ca.BasicConstraintsValid {
			return fmt.Errorf("its chain contains %s, which is not a CA certificate", subject.Of(ca))
		}
		if isRoot(ca) && len(i.Roots) > 0 && !slices.Contains(i.Roots, libvirt.Fingerprint(ca)) {
			return i.anotherRoot(ca)
		}
	}
	for _, cert := range a.Leafs {
		if top := topOf(cert, a.CAs); top == nil {
			return fmt.Errorf("its chain does not contain the CA that signed the certificate, %s", subject.IssuerOf(cert))
		} else if len(i.Roots) > 0 && !isRoot(top) {
			return fmt.Errorf("its chain ends with %s, below none of the roots in root-fingerprints", subject.Of(top))
		}
	}
	return nil
}

// anotherRoot returns the error for a root that the configuration does not name.
func (i *Issuer) anotherRoot(ca *x509.Certificate) error {
	return hint.With(fmt.Errorf("it responds with another root, %s (sha256 %s)", subject.Of(ca), libvirt.Fingerprint(ca)),
		"if the CA publishes that fingerprint, add it to root-fingerprints in the issuer's file")
}

// topOf follows the issuers of a certificate upwards and returns the last CA found, or nil if
// none of the CAs has signed it.
func topOf(cert *x509.Certificate, cas []*x509.Certificate) (top *x509.Certificate) {
	for range cas {
		n := slices.IndexFunc(cas, func(ca *x509.Certificate) bool {
			return bytes.Equal(ca.RawSubject, cert.RawIssuer) && !ca.Equal(cert) && cert.CheckSignatureFrom(ca) == nil
		})
		if n < 0 {
			return top
		}
		cert, top = cas[n], cas[n]
	}
	return top
}

// isRoot reports whether a CA certificate is self-signed.
func isRoot(ca *x509.Certificate) bool {
	return bytes.Equal(ca.RawSubject, ca.RawIssuer) && ca.CheckSignatureFrom(ca) == nil
}

// crls fetches the CRL, in DER or PEM.
func (i *Issuer) crls(ctx context.Context) ([]*pki.CRL, error) {
	data, err := i.ca.CRL(ctx)
	if err != nil {
		return nil, fmt.Errorf("its CRL: %w", err)
	}
	crls, err := parseCRLs(data)
	if err != nil {
		return nil, fmt.Errorf("its CRL: %w", err)
	}
	return crls, nil
}

func parseCRLs(data []byte) ([]*pki.CRL, error) {
	if bytes.HasPrefix(data, []byte{0x30}) {
		crl, err := pki.ParseCRL(data)
		return []*pki.CRL{crl}, err
	}
	return pki.ParseCRLs(data)
}

// appendNew appends the certificates that are not in all yet.
func appendNew(all []*x509.Certificate, more ...*x509.Certificate) []*x509.Certificate {
	for _, cert := range more {
		if !slices.ContainsFunc(all, cert.Equal) {
			all = append(all, cert)
		}
	}
	return all
}

// Questions reads the input of a command on stdin: requests, or the trusted CA certificates if
// only the CRL is wanted.
func Questions(data []byte) ([]*pki.CSR, error) {
	csrs, err := pki.ParseCSRs(data)
	if !errors.Is(err, pki.ErrNoCSR) {
		return csrs, err
	}
	if _, certErr := pki.ParseAnswer(data); certErr != nil {
		return nil, err
	}
	return nil, nil
}

// MaxQuestions is the largest input of a command, in bytes: a host has two requests.
const MaxQuestions = 1 << 20

// Unreachable reports whether an error says that the service did not respond, or cannot at the
// moment.
func Unreachable(err error) bool { return web.Unreachable(err) }
