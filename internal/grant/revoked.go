package grant

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"virtpki/pki"
)

// Revoked is a certificate that the CA has signed, in whatever generation, and revoked.
type Revoked struct {
	Cert  *x509.Certificate
	Entry x509.RevocationListEntry
}

// Reason returns the reason of the revocation.
func (r *Revoked) Reason() pki.Reason { return pki.Reason(r.Entry.ReasonCode) }

// History tells who was shut out by the revocations of a CA.
//
// A revocation is one of a key and of an identity, not of a serial:
//
//   - A key that was compromised is never certified again. See [pki.KeyID] for which keys
//     are one.
//   - Any other revocation shuts out its key, and every name that the certificate spoke
//     for, be it a CN, a DNS name or an address: in either role, in any case, as the short
//     form of the name or with a domain behind it, below a wildcard or above.
//   - A certificate that was superseded shuts out nobody.
//
// Somebody is shut out until the CA's owner lets them in again, by signing in spite of
// it. What tells that this has happened is a certificate that is live and has the same CN
// and role as the new one, carries the name in question itself, and was signed no earlier
// than the revoked one. It has to be their own: a certificate of somebody else that
// shares one name with the revoked one lets in its own owner, who may renew it whenever
// it was signed, and nobody else.
type History struct {
	byKey  map[string][]*Revoked // by pki.KeyIDOf
	byName map[string][]*Revoked // by each of marksOf

	signed func() ([]*x509.Certificate, error)
	live   func() (map[string][]*live, error) // by Names.cn
}

// live is a certificate that is valid, not revoked, and of a CA that is trusted.
type live struct {
	cert  *x509.Certificate
	names Names
}

// NewHistory returns the history of a CA. signed is asked once, when it is needed, for
// the certificates that are live: neither expired nor revoked, of a generation that is
// still trusted.
func NewHistory(revoked []*Revoked, signed func() ([]*x509.Certificate, error)) *History {
	h := &History{byKey: make(map[string][]*Revoked), byName: make(map[string][]*Revoked)}
	for _, r := range revoked {
		if !r.Reason().ShutsOut() {
			continue
		}
		if id := pki.KeyIDOf(r.Cert); id != "" {
			h.byKey[id] = append(h.byKey[id], r)
		}
		for mark := range marksOf(NamesOf(r.Cert)) {
			h.byName[mark] = append(h.byName[mark], r)
		}
	}
	h.signed = sync.OnceValues(signed)
	h.live = sync.OnceValues(func() (map[string][]*live, error) {
		certs, err := h.signed()
		byCN := make(map[string][]*live)
		for _, cert := range certs {
			names := NamesOf(cert)
			byCN[names.cn()] = append(byCN[names.cn()], &live{cert, names})
		}
		return byCN, err
	})
	return h
}

// Live returns the certificates that are live; see [NewHistory].
func (h *History) Live() ([]*x509.Certificate, error) { return h.signed() }

// cn is the CN as a text, of a subject with several all of them.
func (n Names) cn() string { return strings.Join(n.CNs, "\x00") }

// Compromised returns the revocation that says that a key is compromised, nil for a key
// of which none does.
func (h *History) Compromised(keyID string) *Revoked {
	for _, r := range h.byKey[keyID] {
		if r.Reason().Compromised() {
			return r
		}
	}
	return nil
}

// ShutOut is what of a certificate was shut out, and by which revocation.
type ShutOut struct {
	By   *Revoked
	Key  bool   // it is the key
	CN   bool   // it is a name, and a CN of the certificate, perhaps a subjectAltName too
	Name string // empty for the key
}

// ShutOut returns what keeps a certificate, as it will be signed, from being signed
// without the word of the CA's owner: each name once, the key and the CNs first.
func (h *History) ShutOut(cert *x509.Certificate) ([]ShutOut, error) {
	if len(h.byKey)+len(h.byName) == 0 {
		return nil, nil
	}
	one, names, key := newHolder(cert), NamesOf(cert), pki.KeyIDOf(cert)
	var out []ShutOut
	by, err := h.shutOutBy(cert, names, h.byKey[key], func(s *live, r *Revoked) bool {
		return pki.KeyIDOf(s.cert) == key && !s.cert.NotBefore.Before(r.Cert.NotBefore)
	})
	if by != nil {
		out = append(out, ShutOut{By: by, Key: true})
	}
	for _, name := range inOrder(one) {
		if err != nil {
			return nil, err
		}
		by, err = h.shutOutBy(cert, names, h.sharing(name), func(s *live, r *Revoked) bool {
			return s.names.Carry(name) && s.mayStay(r)
		})
		if by != nil {
			out = append(out, ShutOut{By: by, CN: slices.Contains(one.cns, name), Name: name})
		}
	}
	return out, err
}

// shutOutBy returns the first of some revocations that counts still; nil where all of
// those concerned were let in again, as a live certificate tells that is their own.
func (h *History) shutOutBy(cert *x509.Certificate, names Names, all []*Revoked, own func(*live, *Revoked) bool) (*Revoked, error) {
	for _, r := range all {
		again, err := h.letInAgain(cert, names, func(s *live) bool { return own(s, r) })
		if err != nil || !again {
			return r, err
		}
	}
	return nil, nil
}

// letInAgain reports whether a live certificate of the same CN and in every role of cert
// is as wanted. One with a compromised key says nothing.
func (h *History) letInAgain(cert *x509.Certificate, names Names, wanted func(*live) bool) (bool, error) {
	byCN, err := h.live()
	roles := pki.RolesOf(cert)
	if err != nil || len(names.CNs) == 0 || len(roles) == 0 {
		return false, err
	}
	return slices.ContainsFunc(byCN[names.cn()], func(s *live) bool {
		return hasRoles(s.cert, roles) && wanted(s) && h.Compromised(pki.KeyIDOf(s.cert)) == nil
	}), nil
}

func hasRoles(cert *x509.Certificate, roles []pki.Role) bool {
	has := pki.RolesOf(cert)
	return !slices.ContainsFunc(roles, func(role pki.Role) bool { return !slices.Contains(has, role) })
}

// mayStay reports whether a live certificate stands for itself beside a revoked one: it
// was signed no earlier, or is somebody else's, who shares another name than the CNs.
func (s *live) mayStay(r *Revoked) bool {
	if !s.cert.NotBefore.Before(r.Cert.NotBefore) {
		return true
	}
	theirs := NamesOf(r.Cert)
	return !sharesCN(s.names, theirs) && !sharesCN(theirs, s.names) && pki.KeyIDOf(s.cert) != pki.KeyIDOf(r.Cert)
}

// sharesCN reports whether one of a's CNs is a name of b, short forms among them.
func sharesCN(a, b Names) bool {
	return slices.ContainsFunc(a.CNs, func(cn string) bool {
		return slices.ContainsFunc(b.all(), func(name string) bool {
			return cn == name || isShortOf(cn, name) || isShortOf(name, cn)
		})
	})
}

// isShortOf reports whether a name is the first label of a longer one.
func isShortOf(short, long string) bool {
	first, _, more := strings.Cut(long, ".")
	return more && first == short
}

// all lists the names that say who somebody is: every CN, and what others than the
// machine itself can call it.
func (n Names) all() []string {
	names := slices.Clone(n.CNs)
	for _, name := range n.DNS {
		if name != "localhost" && !strings.HasPrefix(name, "localhost.") {
			names = append(names, name)
		}
	}
	for _, ip := range n.IPs {
		if !ip.IsLoopback() {
			names = append(names, ip.String())
		}
	}
	for i, name := range names {
		names[i] = plainAddress(name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// plainAddress is an address in its one form; any other name as it is.
func plainAddress(name string) string {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String()
	}
	return name
}

// Carry reports whether a name, or an address, is one of those that a certificate speaks
// for, as a CN or as a subjectAltName.
func (n Names) Carry(name string) bool {
	name = plainAddress(Fold(name))
	same := func(have string) bool { return plainAddress(have) == name }
	return slices.ContainsFunc(n.CNs, same) || slices.ContainsFunc(n.DNS, same) ||
		slices.ContainsFunc(n.IPs, func(ip netip.Addr) bool { return ip.String() == name })
}

// Cover returns the wildcard of a certificate that covers a name it does not carry, empty
// where there is none.
func (n Names) Cover(name string) string {
	wildcard := "*." + parent(Fold(name))
	if !n.Carry(name) && n.Carry(wildcard) {
		return wildcard
	}
	return ""
}

// The kinds of marks by which a revocation is found.
const (
	markName  = "name "  // the name itself
	markShort = "short " // the first label of a name with a domain
	markBare  = "bare "  // a name without a domain, nor with one beside it
	markBelow = "below " // the domain that a name is right below of
)

// marksOf returns what a revoked certificate is found by.
func marksOf(names Names) map[string]bool {
	marks := make(map[string]bool)
	all := names.all()
	for _, name := range all {
		marks[markName+name] = true
		switch {
		case isAddress(name):
		case strings.Contains(name, "."):
			marks[markShort+firstLabel(name)] = true
			marks[markBelow+parent(name)] = true
		case !slices.ContainsFunc(all, func(long string) bool { return isShortOf(name, long) }):
			marks[markBare+name] = true
		}
	}
	return marks
}

// sharing returns the revocations that concern a name.
func (h *History) sharing(name string) []*Revoked {
	found := slices.Clone(h.byName[markName+name])
	switch rest, wildcard := strings.CutPrefix(name, "*."); {
	case isAddress(name):
	case wildcard:
		found = append(found, h.byName[markBelow+rest]...)
	case strings.Contains(name, "."):
		found = append(found, h.byName[markBare+firstLabel(name)]...)
		found = append(found, h.byName[markName+"*."+parent(name)]...)
	default:
		found = append(found, h.byName[markShort+name]...)
	}
	return found
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

func firstLabel(name string) string {
	first, _, _ := strings.Cut(name, ".")
	return first
}

func parent(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	return rest
}
