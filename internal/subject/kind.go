package subject

import (
	"fmt"
	"slices"

	"virtpki/pki"
)

// Kind is the kind of a holder of certificates.
type Kind string

// The kinds: a host, a hypervisor, is a server and a client, with a key for each.
const (
	Server Kind = "server"
	Client Kind = "client"
	Host   Kind = "host"
)

// KindNames returns the names of all kinds, as [ParseKind] takes them.
func KindNames() []string { return []string{string(Server), string(Client), string(Host)} }

// ParseKind returns the kind of a name.
func ParseKind(name string) (Kind, error) {
	if !slices.Contains(KindNames(), name) {
		return "", fmt.Errorf("unknown role %q (server, client or host)", name)
	}
	return Kind(name), nil
}

// Roles returns the roles of the certificates that a kind gets.
func (k Kind) Roles() []pki.Role {
	if k == Host {
		return []pki.Role{pki.Server, pki.Client}
	}
	return []pki.Role{pki.Role(k)}
}
