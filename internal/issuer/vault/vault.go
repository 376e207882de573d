package vault

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/issuer/web"
	"virtpki/pki"
)

// The default mounts of a Vault.
const (
	DefaultMount        = "pki"
	DefaultAppRoleMount = "approle"
)

// Options name a Vault and the credentials for it.
type Options struct {
	Web       web.Options
	Mount     string // of the PKI engine; empty for DefaultMount
	Namespace string // empty for none
	CRL       string // address of the CRL; empty for that of the engine
	Roles     map[pki.Role]string

	// Token returns the token. A nil Token makes the client log in.
	Token func() ([]byte, error)
	Login Login
}

// Login is an AppRole.
type Login struct {
	Mount    string // empty for DefaultAppRoleMount
	RoleID   string
	SecretID func() ([]byte, error)
}

// CA is the PKI engine of a Vault.
type CA struct {
	o      Options
	client *web.Client
	token  string // empty until it is needed
}

// New returns the PKI engine of a Vault. It does not connect yet.
func New(o Options) *CA {
	if o.Mount == "" {
		o.Mount = DefaultMount
	}
	if o.Login.Mount == "" {
		o.Login.Mount = DefaultAppRoleMount
	}
	return &CA{o: o, client: web.New(o.Web)}
}

// Close ends the connections.
func (c *CA) Close() { c.client.Close() }

// Sign has a request signed by the role. The first certificate is the new one. Those of its CA
// follow.
func (c *CA) Sign(ctx context.Context, role pki.Role, csr *pki.CSR) ([]*x509.Certificate, error) {
	name := c.o.Roles[role]
	if name == "" {
		return nil, hint.With(fmt.Errorf("no role is set for a %s's certificate", role), "write %s: {role: NAME} into the issuer's file", role)
	}
	request := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr.Raw}))
	var signed struct {
		Data struct {
			Certificate string   `json:"certificate"`
			Issuer      string   `json:"issuing_ca"`
			Chain       []string `json:"ca_chain"`
		} `json:"data"`
	}
	err := c.post(ctx, "/sign/"+name, map[string]string{"csr": request, "format": "pem"}, &signed)
	if err != nil {
		return nil, wordSign(name, err)
	}
	texts := []string{signed.Data.Certificate, signed.Data.Issuer}
	return certificates([]byte(strings.Join(append(texts, signed.Data.Chain...), "\n")))
}

// wordSign adds the next step for a request that Vault did not sign.
func wordSign(role string, err error) error {
	if _, hinted := hint.Of(err); hinted {
		return err
	}
	switch web.Status(err) {
	case http.StatusForbidden:
		return wordForbidden(err, "update sign/"+role)
	case http.StatusBadRequest, http.StatusNotFound:
		return hint.With(err, "virtpki issuer init vault --print shows the flags that role %s needs", role)
	}
	return wordSealed(err)
}

// wordForbidden adds the next step for a token that may not do something. Vault's word for a
// mount or a role that does not exist is the same, unless the token may do everything.
func wordForbidden(err error, what string) error {
	var status *web.StatusError
	if errors.As(err, &status) && strings.Contains(status.Text, "invalid token") {
		return hint.With(err, "the token has expired or was revoked: write another one into its file")
	}
	return hint.With(err, "the token needs a policy for %s of this mount; virtpki issuer init vault --print shows one", what)
}

// wordSealed adds the next step for a Vault that responds but does not work.
func wordSealed(err error) error {
	var status *web.StatusError
	if errors.As(err, &status) && status.Code == http.StatusServiceUnavailable && strings.Contains(strings.ToLower(status.Text), "sealed") {
		return hint.With(err, "unseal it; the live certificates stay in use")
	}
	return err
}

// CAs returns the CA certificates of the engine: the one that signs, and those above it that
// the engine knows.
func (c *CA) CAs(ctx context.Context) ([]*x509.Certificate, error) {
	data, err := c.get(ctx, "/ca_chain", web.MaxJSON)
	if err == nil && len(bytes.TrimSpace(data)) == 0 { // a root's, before Vault 1.11
		data, err = c.get(ctx, "/ca/pem", web.MaxJSON)
	}
	if err != nil {
		return nil, err
	}
	cas, err := certificates(data)
	if err == nil && len(cas) == 0 {
		err = fmt.Errorf("the PKI engine at %s has no CA yet", c.o.Mount)
	}
	return cas, err
}

// CRL returns the CRL of the engine, in DER or PEM.
func (c *CA) CRL(ctx context.Context) ([]byte, error) {
	if c.o.CRL != "" {
		return c.client.Do(ctx, web.Call{Method: http.MethodGet, Path: c.o.CRL, Limit: web.MaxCRL})
	}
	data, err := c.get(ctx, "/crl/pem", web.MaxCRL)
	if err == nil && len(bytes.TrimSpace(data)) == 0 {
		err = hint.With(errors.New("it is empty"), `vault write %s/config/crl disable=false, or write "crl: none" into the issuer's file`, c.o.Mount)
	}
	return data, err
}

// Revoke revokes a certificate by its serial. Vault does not accept a reason.
func (c *CA) Revoke(ctx context.Context, serial *big.Int, _ pki.Reason) error {
	err := c.post(ctx, "/revoke", map[string]string{"serial_number": SerialText(serial)}, nil)
	if web.Status(err) == http.StatusForbidden {
		return wordForbidden(err, "update revoke")
	}
	return wordSealed(err)
}

// SerialText writes a serial as Vault does: bytes in hexadecimal, with colons between.
func SerialText(serial *big.Int) string {
	return strings.ReplaceAll(fmt.Sprintf("% x", serial.Bytes()), " ", ":")
}

// post makes a call with the token.
func (c *CA) post(ctx context.Context, path string, body, into any) error {
	if err := c.login(ctx); err != nil {
		return err
	}
	header := c.header()
	header.Set("X-Vault-Token", c.token)
	return c.call(ctx, web.Call{Path: c.path(path), Header: header, Body: func() (any, error) { return body, nil }}, into)
}

// call makes a call whose response may be empty.
func (c *CA) call(ctx context.Context, call web.Call, into any) error {
	call.Method = http.MethodPost
	if into == nil {
		_, err := c.client.Do(ctx, call)
		return err
	}
	return c.client.JSON(ctx, call, into)
}

// get fetches public data, without a token.
func (c *CA) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	data, err := c.client.Do(ctx, web.Call{Method: http.MethodGet, Path: c.path(path), Header: c.header(), Limit: limit})
	if code := web.Status(err); code == http.StatusNotFound || code == http.StatusForbidden { // the latter to those without a token
		return nil, hint.With(err, "there is no PKI engine at %s: write its mount into the issuer's file", c.o.Mount)
	}
	return data, wordSealed(err)
}

func (c *CA) path(path string) string { return "/v1/" + c.o.Mount + path }

func (c *CA) header() http.Header {
	header := make(http.Header)
	if c.o.Namespace != "" {
		header.Set("X-Vault-Namespace", c.o.Namespace)
	}
	header.Set("X-Vault-Request", "true") // an agent between may want it
	return header
}

// login gets the token, once.
func (c *CA) login(ctx context.Context) error {
	if c.token != "" {
		return nil
	}
	if c.o.Token != nil {
		token, err := c.o.Token()
		if err != nil {
			return err
		}
		return c.useToken(string(token))
	}
	secret, err := c.o.Login.SecretID()
	if err != nil {
		return err
	}
	var granted struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	body := map[string]string{"role_id": c.o.Login.RoleID, "secret_id": string(secret)}
	call := web.Call{Path: "/v1/auth/" + c.o.Login.Mount + "/login", Header: c.header(), Body: func() (any, error) { return body, nil }}
	if err := c.call(ctx, call, &granted); err != nil {
		err = fmt.Errorf("logging in by AppRole: %w", err)
		if code := web.Status(err); code == http.StatusBadRequest || code == http.StatusForbidden {
			return hint.With(err, "look at role-id and secret-id, which may have expired: vault write -f auth/%s/role/NAME/secret-id makes another", c.o.Login.Mount)
		}
		return wordSealed(err)
	}
	return c.useToken(granted.Auth.Token)
}

// useToken keeps a token that fits into a header.
func (c *CA) useToken(token string) error {
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("the token is empty, or contains characters that no token has")
	}
	c.token = token
	return nil
}

// certificates reads certificates in PEM.
func certificates(data []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("its response contains a PEM block %.40q", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("a certificate in its response does not parse: %w", err)
		}
		all = append(all, cert)
	}
	return all, nil
}
