package step

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/issuer/web"
	"virtpki/pki"
)

// connect makes the client. If roots are given by their fingerprints, it fetches them first
// from a server that is not verified yet: the fingerprints verify the roots.
func (c *CA) connect(ctx context.Context) error {
	if c.client != nil {
		return nil
	}
	o := c.o.Web
	if len(c.o.Roots) > 0 {
		pool, err := c.fetchRoots(ctx)
		if err != nil {
			return err
		}
		o.Trust = pool
	}
	c.client = web.New(o)
	return nil
}

// Close ends the connections.
func (c *CA) Close() {
	if c.client != nil {
		c.client.Close()
	}
}

// fetchRoots fetches the roots with the known fingerprints. One of several is enough: the
// others may be gone, or not there yet.
func (c *CA) fetchRoots(ctx context.Context) (*x509.CertPool, error) {
	o := c.o.Web
	o.Unverified = true
	client := web.New(o)
	defer client.Close()
	pool, found := x509.NewCertPool(), 0
	for _, print := range c.o.Roots {
		var root struct {
			Certificate string `json:"ca"`
		}
		err := client.JSON(ctx, web.Call{Method: http.MethodGet, Path: "/root/" + print}, &root)
		if web.Status(err) == http.StatusNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		certs, err := certificates([]string{root.Certificate})
		if err != nil {
			return nil, err
		}
		if fingerprint(certs[0]) != print {
			return nil, fmt.Errorf("it sends a root with the fingerprint %s, not %s", fingerprint(certs[0]), print)
		}
		pool.AddCert(certs[0])
		found++
	}
	if found == 0 {
		return nil, hint.With(fmt.Errorf("its root is not the one with the fingerprint %s", strings.Join(c.o.Roots, ", ")),
			"step certificate fingerprint root_ca.crt, at step-ca, prints the right one: write it into root-fingerprints, once you know that the CA was changed")
	}
	return pool, nil
}

// key returns the decrypted key of a role's provisioner.
func (c *CA) key(ctx context.Context, role pki.Role) (*signingKey, error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	if key := c.keys[role]; key != nil {
		return key, nil
	}
	p, known := c.o.Provisioners[role]
	if !known || p.Name == "" {
		return nil, hint.With(fmt.Errorf("no provisioner is set for a %s's certificate", role), "write %s: {provisioner: NAME, password: {file: FILE}} into the issuer's file", role)
	}
	load := p.Key
	if load == nil {
		load = func() ([]byte, error) { return c.fetchKey(ctx, p.Name) }
	}
	data, err := load()
	if err != nil {
		return nil, err
	}
	key, err := parseKey(data, p.Password)
	if err != nil {
		return nil, fmt.Errorf("provisioner %q: %w", p.Name, err)
	}
	c.keys[role] = key
	return key, nil
}

// maxPages is how many pages of provisioners are read, of at most 100 each.
const maxPages = 50

// fetchKey fetches the encrypted key of a provisioner from step-ca.
func (c *CA) fetchKey(ctx context.Context, name string) ([]byte, error) {
	var names []string
	cursor := ""
	for range maxPages {
		var page struct {
			Provisioners []json.RawMessage `json:"provisioners"`
			Next         string            `json:"nextCursor"`
		}
		path := "/1.0/provisioners?limit=100&cursor=" + url.QueryEscape(cursor)
		if err := c.client.JSON(ctx, web.Call{Method: http.MethodGet, Path: path}, &page); err != nil {
			return nil, err
		}
		for _, raw := range page.Provisioners {
			var p struct {
				Type      string `json:"type"`
				Name      string `json:"name"`
				Encrypted string `json:"encryptedKey"`
			}
			if json.Unmarshal(raw, &p) != nil || p.Type != "JWK" {
				continue
			}
			if p.Name == name {
				return encryptedKey(name, p.Encrypted)
			}
			names = append(names, fmt.Sprintf("%.60q", p.Name))
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return nil, hint.With(fmt.Errorf("it has no JWK provisioner %q (it has %s)", name, fewOf(names)), "virtpki issuer init step --print shows the commands that make it")
}

func encryptedKey(name, key string) ([]byte, error) {
	if key == "" {
		return nil, hint.With(fmt.Errorf("provisioner %q has no key that step-ca sends", name), "name the key with key-file in the issuer's file")
	}
	if !isEncrypted([]byte(key)) {
		return nil, errors.New("it sends a key that is not encrypted")
	}
	return []byte(key), nil
}

// fewOf lists some names.
func fewOf(names []string) string {
	const few = 10
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > few:
		return strings.Join(names[:few], ", ") + fmt.Sprintf(" and %d more", len(names)-few)
	}
	return strings.Join(names, ", ")
}

// isRevoked reports whether an error says that a certificate is already revoked.
func isRevoked(err error) bool {
	var status *web.StatusError
	return errors.As(err, &status) && status.Code == http.StatusBadRequest && strings.Contains(status.Text, "already revoked")
}
