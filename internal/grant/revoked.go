package grant

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"virtpki/pki"
)

// Revoked is a certificate that the CA, in any generation, has signed and revoked.
type Revoked struct {
	Cert  *x509.Certificate
	Entry x509.RevocationListEntry
}

// Reason returns the reason of the revocation.
func (r *Revoked) Reason() pki.Reason { return pki.Reason(r.Entry.ReasonCode) }

// History tells which keys and names the revocations of a CA have shut out.
//
// A revocation applies to a key and an identity, not only to a serial:
//
//   - A key that was compromised is never certified again. See [pki.KeyID] for the keys that count
//     as one.
//   - Any other revocation shuts out the key and every name of the certificate, whether CN, DNS
//     name or address. This holds in both roles and regardless of case, also for the short form of
//     a name or one with a domain added, and for a wildcard above or a name below one.
//   - A superseded certificate does not shut out anything.
//
// A host or client is shut out until the CA's owner admits it again by signing in spite of the
// revocation. The sign of this is a live certificate that has the same CN and role as the new one,
// carries the name in question itself, and was signed no earlier than the revoked one. It has to be
// the host's or client's own. A certificate of somebody else may share one name with the revoked
// one. It admits only its own owner, who may renew it regardless of when it was signed.
type History struct {
	byKey  map[string][]*Revoked // by pki.KeyIDOf
	byName map[string][]*Revoked // by each mark of marksOf

	signed func() ([]*x509.Certificate, error)
	live   func() (map[string][]*live, error) // by Names.cn
}

// live is a certificate that is valid, not revoked, and of a CA that is trusted.
type live struct {
	cert  *x509.Certificate
	names Names
}

// NewHistory returns the history of a CA. It calls signed once, when needed, for the live
// certificates: neither expired nor revoked, and of a generation that is still trusted.
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

// Live returns the live certificates; see [NewHistory].
func (h *History) Live() ([]*x509.Certificate, error) { return h.signed() }

// cn returns the CN as a text; of a subject with several CNs, all of them.
func (n Names) cn() string { return strings.Join(n.CNs, "\x00") }

// Compromised returns the revocation that says that a key is compromised, or nil.
func (h *History) Compromised(keyID string) *Revoked {
	for _, r := range h.byKey[keyID] {
		if r.Reason().Compromised() {
			return r
		}
	}
	return nil
}

// ShutOut is the key or a name of a certificate that was shut out, with the revocation.
type ShutOut struct {
	By   *Revoked
	Key  bool   // it is the key
	CN   bool   // it is a name, and a CN of the certificate, perhaps a subjectAltName too
	Name string // empty for the key
}

// ShutOut returns the key and the names because of which a certificate, as it will be signed, needs
// the consent of the CA's owner: each name once, the key and the CNs first.
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

// shutOutBy returns the first of some revocations that still counts. It returns nil if a live
// certificate shows, for each of them, that the CA's owner has admitted the holder again; own
// reports whether the certificate is the holder's own.
func (h *History) shutOutBy(cert *x509.Certificate, names Names, all []*Revoked, own func(*live, *Revoked) bool) (*Revoked, error) {
	for _, r := range all {
		again, err := h.letInAgain(cert, names, func(s *live) bool { return own(s, r) })
		if err != nil || !again {
			return r, err
		}
	}
	return nil, nil
}

// letInAgain reports whether there is a live certificate with the same CN and every role of cert
// for which wanted returns true. A certificate with a compromised key does not count.
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

// mayStay reports whether a live certificate stays good beside a revoked one: it was signed no
// earlier, or it belongs to somebody else, who shares names other than the CNs.
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

// all lists the names that identify a host or client: every CN, and every name except those by
// which only the machine itself can call it.
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

// plainAddress returns an address in its canonical form, and any other name unchanged.
func plainAddress(name string) string {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String()
	}
	return name
}

// Carry reports whether a certificate holds a name, or an address, as a CN or as a subjectAltName.
func (n Names) Carry(name string) bool {
	name = plainAddress(Fold(name))
	same := func(have string) bool { return plainAddress(have) == name }
	return slices.ContainsFunc(n.CNs, same) || slices.ContainsFunc(n.DNS, same) ||
		slices.ContainsFunc(n.IPs, func(ip netip.Addr) bool { return ip.String() == name })
}

// Cover returns the wildcard of a certificate that covers a name which it does not carry itself, or
// an empty text.
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
	markBelow = "below " // the domain right above a name
)

// marksOf returns the marks by which a revoked certificate is found.
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
