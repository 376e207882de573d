package adopt

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/pki"
)

// pair is a certificate with its key.
type pair struct {
	key  crypto.Signer
	cert *x509.Certificate
	path string   // of the certificate
	role pki.Role // role that its name implies; empty for that of the certificate
}

// roles returns the roles that a pair is for.
func (p pair) roles() ([]pki.Role, error) {
	all := pki.RolesOf(p.cert)
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("%s: its purposes are neither those of a server nor those of a client", p.path)
	case p.role == "":
		return all, nil
	case !slices.Contains(all, p.role):
		return nil, fmt.Errorf("%s: it is for a %s, but the file name is a %s's", p.path, all[0], p.role)
	}
	return []pki.Role{p.role}, nil
}

// assign decides which pair is used for which role. One pair may be for both. If two pairs are
// for one role, the pair that is only for this role wins.
func assign(pairs []pair) ([]enroll.Given, error) {
	candidates := make(map[pki.Role][]pair)
	alone := make(map[pki.Role][]pair)
	for _, p := range pairs {
		roles, err := p.roles()
		if err != nil {
			return nil, err
		}
		for _, role := range roles {
			candidates[role] = append(candidates[role], p)
			if len(roles) == 1 {
				alone[role] = append(alone[role], p)
			}
		}
	}
	var given []enroll.Given
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		all := candidates[role]
		if len(alone[role]) > 0 {
			all = alone[role]
		}
		if len(all) > 1 && !same(all) {
			return nil, refuseTwo(role, all)
		}
		if len(all) > 0 {
			given = append(given, enroll.Given{Role: role, Key: all[0].key, Cert: all[0].cert, From: all[0].path})
		}
	}
	return given, nil
}

// same reports whether all pairs are one, given more than once.
func same(pairs []pair) bool {
	return !slices.ContainsFunc(pairs, func(p pair) bool { return !p.cert.Equal(pairs[0].cert) })
}

// refuseTwo returns the error for two certificates that claim one role.
func refuseTwo(role pki.Role, pairs []pair) error {
	var paths []string
	for _, p := range pairs {
		paths = append(paths, p.path)
	}
	return hint.With(fmt.Errorf("%d certificates for one role, %s: %s", len(pairs), role, strings.Join(paths, ", ")),
		"name the files server.key, server.crt, client.key and client.crt, or give the files of one")
}
