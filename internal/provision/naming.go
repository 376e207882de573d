package provision

import (
	"fmt"
	"slices"

	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Naming says which names the certificates of one run get, besides the name that each is for.
type Naming struct {
	Kind       subject.Kind
	RawSubject []byte   // the whole subject; nil to make it from the name
	SANs       []string // more names and addresses of servers, as they are typed
	OnlySANs   bool     // without the short name, and the addresses of this machine
	Carried    bool     // they are for other machines, but for names that this one has
}

// Parse adds the kind of the certificates and, if it is given, the whole subject, both as they
// are typed. The error is a usage error.
func (n *Naming) Parse(role, wholeSubject string) (err error) {
	if n.Kind, err = subject.ParseKind(role); err != nil {
		return hint.Usage(err)
	}
	switch {
	case n.Kind == subject.Client && len(n.SANs) > 0:
		return hint.Usagef("--san is for servers: libvirt ignores the SANs of a client")
	case n.Kind == subject.Client && n.OnlySANs:
		return hint.Usagef("--only-san is for servers: a client gets no SAN")
	case wholeSubject != "":
		n.RawSubject, err = subject.Encode(wholeSubject)
	}
	return err
}

// Identities returns the certificates that somebody of a name gets.
func (n Naming) Identities(m *machine.Machine, name string) ([]subject.Identity, error) {
	if n.Kind == subject.Client {
		return n.IdentitiesBeside(m, name, nil)
	}
	own, err := m.Names()
	if err != nil && n.isHere(m, name, own) {
		return nil, err
	}
	return n.IdentitiesBeside(m, name, own)
}

// IdentitiesHere is [Naming.Identities] for the first of names, or for this machine's name if
// there is none.
func (n Naming) IdentitiesHere(m *machine.Machine, names []string) ([]subject.Identity, error) {
	if len(names) > 0 {
		return n.Identities(m, names[0])
	}
	name, err := m.Hostname()
	if err != nil {
		return nil, fmt.Errorf("the name of this machine: %w", err)
	}
	return n.Identities(m, name)
}

// IdentitiesBeside is [Naming.Identities] for names of the machine that are known already.
func (n Naming) IdentitiesBeside(m *machine.Machine, name string, own []string) ([]subject.Identity, error) {
	if n.Kind == subject.Client {
		return []subject.Identity{{Role: pki.Client, Name: name, RawSubject: n.RawSubject}}, hint.Usage(subject.CheckClient(name))
	}
	if err := subject.CheckHost(name); err != nil {
		return nil, hint.Usage(err)
	}
	names, err := m.ServerNames(name, n.SANs, n.isHere(m, name, own), n.OnlySANs, own)
	if err != nil {
		return nil, hint.Usage(err)
	}
	ids := []subject.Identity{{Role: pki.Server, Name: name, RawSubject: n.RawSubject, Names: names}}
	if n.Kind == subject.Host {
		ids = append(ids, subject.Identity{Role: pki.Client, Name: name, RawSubject: n.RawSubject})
	}
	return ids, nil
}

// isHere reports whether a name is this machine's: its addresses are named too then.
func (n Naming) isHere(m *machine.Machine, name string, own []string) bool {
	return m.Live() && (!n.Carried || subject.IsOneOf(name, own))
}

// EachOf returns a function that gives the identities of each of many hosts, with the host's
// own SANs.
func (n Naming) EachOf(m *machine.Machine) (func(name string, sans []string) ([]subject.Identity, error), error) {
	own, err := m.Names()
	if err != nil && n.Kind != subject.Client {
		return nil, err
	}
	return func(name string, sans []string) ([]subject.Identity, error) {
		if n.Kind == subject.Client && len(sans) > 0 {
			return nil, fmt.Errorf("client %s has SANs, and libvirt ignores the SANs of a client", termtext.QuoteShort(name))
		}
		with := n
		with.SANs = slices.Concat(n.SANs, sans)
		return with.IdentitiesBeside(m, name, own)
	}, nil
}
