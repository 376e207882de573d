package sign

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// claims holds the names and their holders as a run of sign knows them: see [grant.Holders].
type claims struct {
	*grant.Holders
	of      *authority.Earlier // the certificates that the CA has signed
	live    []*x509.Certificate
	signed  *grant.Holders
	askedIn map[*x509.Certificate]string // the file, for a certificate of this run
	matched map[string]bool              // names of Request.Replace that somebody else has
}

// stakeClaims starts the claims of a run with the certificates that the CA has signed. It does not
// index them twice.
func (s *signing) stakeClaims(h *grant.History) error {
	if s.claims == nil || s.claims.of != s.known {
		live, err := h.Live()
		if err != nil {
			return err
		}
		s.claims = &claims{of: s.known, live: live, signed: grant.NewHolders(live)}
	}
	s.claims.Holders = s.claims.signed.Over()
	s.claims.askedIn, s.claims.matched = make(map[*x509.Certificate]string), make(map[string]bool)
	return nil
}

// claim makes the names of a file's certificates its own: one file comes from one
// sender, who may ask for a name with several keys, as a host's server and client do.
func (c *claims) claim(in *incoming) {
	for _, d := range in.decisions {
		c.askedIn[d.finished] = in.name
		c.AddWithout(d.finished, d.left)
	}
}

// senderOf returns the keys that the sender of a request has: the key of the request, and those of
// the live certificates that made the proofs beside it. The certificates are the CA's records. A
// key that was compromised proves nothing.
func (s *signing) senderOf(h *grant.History, csr *pki.CSR) grant.Sender {
	sender := grant.Sender{KeyIDs: []string{pki.KeyID(csr.PublicKey)}, Replace: s.Replace}
	for _, proof := range csr.Proofs {
		for _, cert := range s.claims.live {
			if cert.SerialNumber.Cmp(proof.Serial) != 0 || !bytes.Equal(cert.RawIssuer, proof.RawIssuer) {
				continue
			}
			if key := pki.KeyIDOf(cert); h.Compromised(key) == nil && csr.ProvenBy(cert) {
				sender.KeyIDs = append(sender.KeyIDs, key)
			}
		}
	}
	return sender
}

// checkHolders refuses names of a finished certificate that belong to somebody else. It leaves out
// such a name if nobody asks for it by hand, as the addresses of a machine and the short form of
// its name: hosts share the addresses of bridges.
func (s *signing) checkHolders(h *grant.History, d *decision, csr *pki.CSR) error {
	sender := s.senderOf(h, csr)
	taken, matched := s.claims.Taken(d.finished, sender)
	for _, name := range matched {
		s.claims.matched[name] = true
	}
	var refused []grant.Taken
	for _, one := range taken {
		text := one.Name + " " + s.takenText(one)
		switch {
		case slices.Contains(d.left, one.Name):
		case !one.CN && (s.Policy.LeaveOut || foundName(one.Name, d.finished)):
			d.without(one.Name)
			d.note("without %s, which %s; --replace %s grants it", one.Name, s.takenText(one), termtext.ShellWord(one.Name))
		case !s.Unattended && (!s.confirmed || s.shown[text]): // names that a person was not shown are refused
			s.shown[text] = true
			d.note("%s", text)
		default:
			refused = append(refused, one)
		}
	}
	return s.refuseTaken(d, refused, sender)
}

// refuseTaken returns the error for names that somebody else has. Its hint is the option that would
// replace them all.
func (s *signing) refuseTaken(d *decision, refused []grant.Taken, sender grant.Sender) error {
	if len(refused) == 0 {
		return nil
	}
	var texts, flags []string
	for _, one := range refused {
		texts = append(texts, one.Name+" "+s.takenText(one))
		left, _ := s.claims.Taken(d.finished, sender)
		if slices.ContainsFunc(left, func(still grant.Taken) bool { return still.Name == one.Name }) {
			sender.Replace = append(slices.Clip(sender.Replace), one.Name)
			flags = append(flags, "--replace "+termtext.ShellWord(one.Name))
		}
	}
	return hint.With(errors.New(strings.Join(texts, "; ")),
		"renew on the host that has the key; for a reinstalled host, give %s", strings.Join(flags, " "))
}

// takenText says who has a name.
func (s *signing) takenText(one grant.Taken) string {
	if file := s.claims.askedIn[one.Holder]; file != "" {
		return fmt.Sprintf("is also requested under another key in %s", file)
	}
	is := "is"
	if !grant.NamesOf(one.Holder).Carry(one.Name) { // a wildcard, or the name of one
		is = "overlaps with a name that is"
	}
	return fmt.Sprintf("%s live under another key: %s, serial %s, until %s",
		is, subject.Of(one.Holder), store.SerialText(one.Holder.SerialNumber), termtext.Day(one.Holder.NotAfter))
}

// foundName reports whether a name is one that request finds by itself.
func foundName(name string, cert *x509.Certificate) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return slices.ContainsFunc(cert.DNSNames, func(full string) bool {
		return strings.Contains(full, ".") && grant.Fold(subject.Short(full)) == name
	})
}

// holdNames refuses a signed certificate with names that were not checked: a template could put
// back one that was left out.
func (d *decision) holdNames(cert *x509.Certificate) error {
	names, seen := grant.NamesOf(cert), grant.NamesOf(d.finished)
	all := slices.Concat(names.CNs, names.DNS)
	for _, ip := range names.IPs {
		all = append(all, ip.String())
	}
	for _, name := range all {
		if slices.Contains(d.left, name) || !seen.Carry(name) {
			return fmt.Errorf("its template puts %s into the certificate, which was left out", name)
		}
	}
	return nil
}

// without leaves out a name.
func (d *decision) without(name string) {
	d.left = append(d.left, name)
	d.DNS = slices.DeleteFunc(slices.Clone(d.DNS), func(have string) bool { return grant.Fold(have) == name })
	d.IPs = slices.DeleteFunc(slices.Clone(d.IPs), func(have net.IP) bool {
		addr, _ := netip.AddrFromSlice(have)
		return addr.Unmap().String() == name
	})
}
