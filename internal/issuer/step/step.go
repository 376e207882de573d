package step

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/issuer/web"
	"virtpki/pki"
)

// Options name a step-ca and the credentials for it.
type Options struct {
	Web web.Options
	// Roots are SHA-256 fingerprints of root certificates, in hexadecimal. One of them must
	// have signed step-ca's own certificate and the certificates that step-ca issues. Without
	// roots, Web.Trust verifies step-ca.
	Roots []string
	CRL   string // address of the CRL; empty for that of step-ca
	// Provisioners holds the provisioner of each role.
	Provisioners map[pki.Role]Provisioner
}

// Provisioner is a JWK provisioner of step-ca.
type Provisioner struct {
	Name string
	// Password returns the password of the provisioner's key.
	Password func() ([]byte, error)
	// Key returns the provisioner's key, a JWK that may be encrypted. A nil Key fetches it from
	// step-ca, which keeps it encrypted.
	Key func() ([]byte, error)
}

// CA is a step-ca.
type CA struct {
	o      Options
	client *web.Client // nil until it is used
	keys   map[pki.Role]*signingKey
}

// New returns a step-ca. It does not connect yet.
func New(o Options) *CA { return &CA{o: o, keys: make(map[pki.Role]*signingKey)} }

// tokenLife is how long a token is valid. tokenEarly is how far its validity begins before this
// machine's time: step-ca allows a minute.
const (
	tokenLife  = 5 * time.Minute
	tokenEarly = 30 * time.Second
)

// claims are the claims of a token for step-ca.
type claims struct {
	Issuer       string        `json:"iss"`
	Subject      string        `json:"sub"`
	Audience     string        `json:"aud"`
	SANs         []string      `json:"sans,omitempty"`
	ID           string        `json:"jti"`
	IssuedAt     int64         `json:"iat"`
	NotBefore    int64         `json:"nbf"`
	Expires      int64         `json:"exp"`
	Confirmation *confirmation `json:"cnf,omitempty"`
}

// confirmation binds a token to one certificate request, by its SHA-256: an eavesdropper cannot
// use the token for another key.
type confirmation struct {
	Request string `json:"x5rt#S256"`
}

// Sign has a request signed by the provisioner of a role. The first certificate is the new one.
// Those of its CA follow, without the root.
func (c *CA) Sign(ctx context.Context, role pki.Role, csr *pki.CSR) ([]*x509.Certificate, error) {
	key, err := c.key(ctx, role)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(csr.Raw)
	claims := claims{Subject: csr.Subject.CommonName, SANs: csr.DNSNames, Confirmation: &confirmation{encode(sum[:])}}
	for _, ip := range csr.IPAddresses {
		claims.SANs = append(claims.SANs, ip.String())
	}
	var signed struct {
		Certificate string   `json:"crt"`
		Chain       []string `json:"certChain"`
		CA          string   `json:"ca"`
	}
	request := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr.Raw}))
	err = c.client.JSON(ctx, web.Call{Method: http.MethodPost, Path: "/1.0/sign", Body: func() (any, error) {
		token, err := c.token(role, key, "/1.0/sign", claims)
		return map[string]string{"csr": request, "ott": token}, err
	}}, &signed)
	if err != nil {
		return nil, c.wordSign(role, err)
	}
	if len(signed.Chain) == 0 {
		signed.Chain = []string{signed.Certificate, signed.CA}
	}
	return certificates(signed.Chain)
}

// token returns a fresh token.
func (c *CA) token(role pki.Role, key *signingKey, path string, claims claims) (string, error) {
	now := c.now()
	claims.Issuer, claims.Audience, claims.ID = c.o.Provisioners[role].Name, c.o.Web.URL+path, rand.Text()
	claims.IssuedAt, claims.NotBefore, claims.Expires = now.Unix(), now.Add(-tokenEarly).Unix(), now.Add(tokenLife).Unix()
	return key.sign(claims)
}

func (c *CA) now() time.Time {
	if c.o.Web.Now != nil {
		return c.o.Web.Now()
	}
	return time.Now()
}

// wordSign adds the next step for a request that step-ca did not sign. step-ca writes its
// reasons only to its log.
func (c *CA) wordSign(role pki.Role, err error) error {
	name := c.o.Provisioners[role].Name
	switch web.Status(err) {
	case http.StatusUnauthorized:
		return hint.With(err, "step-ca's log has the reason; usually a clock is wrong, or the key of provisioner %q was changed", name)
	case http.StatusForbidden, http.StatusBadRequest, http.StatusInternalServerError:
		return hint.With(err, "step-ca's log has the reason; usually a policy, the lifetime or the template of provisioner %q", name)
	}
	return err
}

// CAs returns the CA certificates of step-ca: those that sign first, their roots after them.
func (c *CA) CAs(ctx context.Context) ([]*x509.Certificate, error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	signing, err := c.list(ctx, "/1.0/intermediates")
	if code := web.Status(err); err != nil && code != http.StatusNotFound && code != http.StatusNotImplemented {
		return nil, err // an older step-ca has no such list, and a registration authority neither
	}
	roots, err := c.list(ctx, "/1.0/roots")
	if err == nil && len(roots) == 0 {
		err = errors.New("it has no root certificate")
	}
	return append(signing, roots...), err
}

// list fetches a list of certificates.
func (c *CA) list(ctx context.Context, path string) ([]*x509.Certificate, error) {
	var list struct {
		Certificates []string `json:"crts"`
	}
	if err := c.client.JSON(ctx, web.Call{Method: http.MethodGet, Path: path}, &list); err != nil {
		return nil, err
	}
	return certificates(list.Certificates)
}

// CRL returns the CRL in DER or PEM.
func (c *CA) CRL(ctx context.Context) ([]byte, error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	path := c.o.CRL
	if path == "" {
		path = "/1.0/crl"
	}
	data, err := c.client.Do(ctx, web.Call{Method: http.MethodGet, Path: path, Limit: web.MaxCRL})
	if code := web.Status(err); code == http.StatusNotFound || code == http.StatusNotImplemented || code == http.StatusInternalServerError {
		return nil, hint.With(err, `turn it on in step-ca's ca.json: "crl": {"enabled": true, "generateOnRevoke": true}, or write "crl: none" into the issuer's file`)
	}
	return data, err
}

// Revoke revokes a certificate by its serial. A certificate that is already revoked is not an
// error.
func (c *CA) Revoke(ctx context.Context, serial *big.Int, reason pki.Reason) error {
	role := pki.Server
	if c.o.Provisioners[role].Name == "" {
		role = pki.Client
	}
	key, err := c.key(ctx, role)
	if err != nil {
		return err
	}
	_, err = c.client.Do(ctx, web.Call{Method: http.MethodPost, Path: "/1.0/revoke", Body: func() (any, error) {
		token, err := c.token(role, key, "/1.0/revoke", claims{Subject: serial.String()})
		return map[string]any{"serial": serial.String(), "ott": token, "reasonCode": int(reason), "reason": reason.String(), "passive": true}, err
	}})
	if isRevoked(err) {
		return nil
	}
	return err
}

// certificates reads certificates, each in PEM.
func certificates(texts []string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for _, text := range texts {
		block, _ := pem.Decode([]byte(text))
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, errors.New("its response holds something else where a certificate should be")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("a certificate in its response does not parse: %w", err)
		}
		all = append(all, cert)
	}
	return all, nil
}

// fingerprint returns the SHA-256 of a certificate, in hexadecimal.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}
