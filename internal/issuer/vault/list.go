package vault

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/issuer/web"
)

// maxListed is how many certificates Issued looks at: it fetches each of them.
const maxListed = 10_000

// Issued returns the certificates of the engine that want accepts, without those that are
// revoked. The engine keeps its certificates by serial, so Issued fetches all of them.
func (c *CA) Issued(ctx context.Context, want func(*x509.Certificate) bool) ([]*x509.Certificate, error) {
	serials, err := c.serials(ctx)
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for _, serial := range serials {
		cert, err := c.fetch(ctx, serial)
		if err != nil {
			return nil, err
		}
		if cert != nil && want(cert) {
			out = append(out, cert)
		}
	}
	return out, nil
}

// serials lists the serials of the engine, in Vault's notation.
func (c *CA) serials(ctx context.Context) ([]string, error) {
	if err := c.login(ctx); err != nil {
		return nil, err
	}
	header := c.header()
	header.Set("X-Vault-Token", c.token)
	var list struct {
		Data struct {
			Keys []string `json:"keys"`
		} `json:"data"`
	}
	err := c.client.JSON(ctx, web.Call{Method: http.MethodGet, Path: c.path("/certs?list=true"), Header: header, Limit: maxList}, &list)
	switch web.Status(err) {
	case http.StatusNotFound: // Vault's word for an empty list
		return nil, nil
	case http.StatusForbidden:
		return nil, wordForbidden(err, "list certs")
	}
	if len(list.Data.Keys) > maxListed {
		return nil, hint.With(fmt.Errorf("the engine contains %d certificates, too many to look for a name (at most %d)", len(list.Data.Keys), maxListed),
			"give the certificate's file or its serial")
	}
	return list.Data.Keys, wordSealed(err)
}

// maxList is the length of the longest list of serials, in bytes: some 60 each.
const maxList = 8 << 20

// maxSerial is the length of the longest serial in Vault's notation (RFC 5280 section 4.1.2.2: 20
// bytes), with some to spare.
const maxSerial = 80

// fetch returns a certificate by its serial; nil for one that is revoked, a CA's, or not there any
// more.
func (c *CA) fetch(ctx context.Context, serial string) (*x509.Certificate, error) {
	number, ok := new(big.Int).SetString(strings.NewReplacer(":", "", "-", "").Replace(serial), 16)
	if !ok || len(serial) > maxSerial || strings.Trim(serial, "0123456789abcdefABCDEF:-") != "" {
		return nil, fmt.Errorf("its list contains %.60q, which is not a serial", serial)
	}
	var kept struct {
		Data struct {
			Certificate string `json:"certificate"`
			Revoked     int64  `json:"revocation_time"`
		} `json:"data"`
	}
	err := c.client.JSON(ctx, web.Call{Method: http.MethodGet, Path: c.path("/cert/" + serial), Header: c.header()}, &kept)
	if web.Status(err) == http.StatusNotFound || err == nil && kept.Data.Revoked != 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	certs, err := certificates([]byte(kept.Data.Certificate))
	if err != nil || len(certs) != 1 || certs[0].IsCA {
		return nil, err
	}
	if got := certs[0].SerialNumber; got.Cmp(number) != 0 {
		return nil, fmt.Errorf("for serial %s it sends the certificate with serial %s", serial, SerialText(got))
	}
	return certs[0], nil
}
