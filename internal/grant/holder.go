package grant

import (
	"crypto/x509"
	"slices"
	"strings"

	"virtpki/pki"
)

// Holders knows which live certificate has which name. A live certificate has neither
// expired nor been revoked, and a generation of the CA that is still trusted signed it.
//
// A name belongs to the keys that have it: a certificate with another key gets it only with the
// consent of one of these keys, or of a person. The rule, for each CN and each subjectAltName of
// the finished certificate:
//
//   - The sender has the key of the request, and every key that a proof beside the
//     request shows (see [pki.KeyProof]).
//   - If the sender has the key of every live certificate with that name, the name may move,
//     because nobody else could object.
//   - If others have the name too, the sender gets the names that it has already: a CN if it is the
//     CN of one of the sender's live certificates, and a subjectAltName if it is a CN or a
//     subjectAltName of one. So hosts that share a name can renew, and the server and the client of
//     one host, which have one CN, vouch for each other. A subjectAltName does not vouch for a CN:
//     the alias of a server must not become the client that a list admits by its DN.
//   - A wildcard and the names right below it concern each other, but a certificate for one does
//     not prove the right to the other.
//
// The role makes no difference. CNs, DNS names and addresses are compared with one another, in the
// form of [Fold]. Names that each machine gives itself, localhost and the loopback addresses,
// belong to nobody.
type Holders struct {
	beneath *Holders             // its certificates count too; may be nil
	exact   map[string][]*holder // by name
	below   map[string][]*holder // by the domain right above a name
}

// holder is a live certificate.
type holder struct {
	cert *x509.Certificate
	cns  []string
	all  []string
}

func newHolder(cert *x509.Certificate) *holder {
	names := NamesOf(cert)
	h := &holder{cert: cert, cns: slices.Clone(names.CNs), all: names.all()}
	for i, cn := range h.cns {
		h.cns[i] = plainAddress(cn)
	}
	return h
}

// NewHolders returns the holders of the names of some live certificates.
func NewHolders(live []*x509.Certificate) *Holders {
	h := &Holders{exact: make(map[string][]*holder), below: make(map[string][]*holder)}
	for _, cert := range live {
		h.Add(cert)
	}
	return h
}

// Over returns holders that start with those of h. Certificates can be added to them without
// changing h.
func (h *Holders) Over() *Holders {
	over := NewHolders(nil)
	over.beneath = h
	return over
}

// Add adds a live certificate.
func (h *Holders) Add(cert *x509.Certificate) { h.AddWithout(cert, nil) }

// AddWithout adds a certificate that will be signed without some of its names.
func (h *Holders) AddWithout(cert *x509.Certificate, left []string) {
	one := newHolder(cert)
	for _, name := range one.all {
		if slices.Contains(left, name) {
			continue
		}
		h.exact[name] = append(h.exact[name], one)
		if domain := parent(name); domain != "" && !isAddress(name) {
			h.below[domain] = append(h.below[domain], one)
		}
	}
}

// concerned returns the live certificates with a name, or with a wildcard above it or a
// name below it.
func (h *Holders) concerned(name string) []*holder {
	if h == nil {
		return nil
	}
	found := append(h.beneath.concerned(name), h.exact[name]...)
	switch domain, wildcard := strings.CutPrefix(name, "*."); {
	case isAddress(name):
	case wildcard:
		found = append(found, h.below[domain]...)
	case parent(name) != "":
		found = append(found, h.exact["*."+parent(name)]...)
	}
	return found
}

// Sender is the sender of a request for a certificate.
type Sender struct {
	KeyIDs  []string // of the keys that it is known to have: see [pki.KeyID]
	Replace []string // names that it gets though others have them; see [Holders.Taken]
}

func (s *Sender) has(one *holder) bool {
	keyID := pki.KeyIDOf(one.cert)
	return keyID != "" && slices.Contains(s.KeyIDs, keyID)
}

// Taken is a name of a certificate that belongs to somebody else.
type Taken struct {
	Name   string
	CN     bool              // it is a CN of the certificate, perhaps a subjectAltName too
	Holder *x509.Certificate // that has it, the one that expires last
}

// Taken returns the names of a certificate, as it will be signed, that belong to somebody else than
// the sender, each with its holder. Replacing a name means replacing every certificate with that
// CN, together with its other names. matched lists the names to replace that made a difference.
func (h *Holders) Taken(cert *x509.Certificate, by Sender) (taken []Taken, matched []string) {
	replace := make(map[string]bool)
	for _, name := range by.Replace {
		replace[plainAddress(Fold(name))] = true
	}
	used := make(map[string]bool)
	asked := newHolder(cert)
	for _, name := range inOrder(asked) {
		cn := slices.Contains(asked.cns, name)
		concerned := h.concerned(name)
		has := func(one *holder) bool { return by.has(one) && one.carries(name, cn) }
		others := slices.DeleteFunc(slices.Clone(concerned), by.has)
		if len(others) == 0 || slices.ContainsFunc(concerned, has) {
			continue
		}
		used[name] = replace[name]
		others = slices.DeleteFunc(others, func(one *holder) bool { return one.replaced(replace, used) })
		if len(others) == 0 || replace[name] {
			continue
		}
		last := slices.MaxFunc(others, func(a, b *holder) int { return a.cert.NotAfter.Compare(b.cert.NotAfter) })
		taken = append(taken, Taken{name, cn, last.cert})
	}
	matched = slices.DeleteFunc(slices.Clone(by.Replace), func(name string) bool { return !used[plainAddress(Fold(name))] })
	return taken, matched
}

// inOrder lists the names of a certificate, its CNs first.
func inOrder(one *holder) []string {
	others := slices.DeleteFunc(slices.Clone(one.all), func(name string) bool { return slices.Contains(one.cns, name) })
	return append(slices.Clone(one.cns), others...)
}

// carries reports whether a certificate has a name, as a CN if it has to be one.
func (one *holder) carries(name string, cn bool) bool {
	return slices.Contains(one.cns, name) || !cn && slices.Contains(one.all, name)
}

// replaced reports whether a certificate has a CN that is replaced, and marks the CN as
// used.
func (one *holder) replaced(replace, used map[string]bool) bool {
	found := false
	for _, cn := range one.cns {
		if replace[cn] {
			found, used[cn] = true, true
		}
	}
	return found
}
