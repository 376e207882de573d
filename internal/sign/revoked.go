package sign

import (
	"crypto/x509"
	"errors"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// checkRevoked refuses a certificate for a host or client that was shut out: see [grant.History]. A
// compromised key is never certified again; a name is, if a person allows it. It leaves out names
// that nobody asks for by hand, as checkHolders does: hosts share the addresses of bridges.
func (s *signing) checkRevoked(h *grant.History, d *decision, cert *x509.Certificate) error {
	if err := authority.RefuseCompromised(h, pki.KeyIDOf(cert)); err != nil {
		return hint.With(err, "make a request with a new key: virtpki request %s %s --new", d.Role, termtext.ShellWord(d.Name))
	}
	out, err := h.ShutOut(cert)
	if err != nil {
		return err
	}
	asked := !s.Unattended || s.AfterRevocation
	var counts []grant.ShutOut
	for _, one := range out {
		if !asked && !one.Key && !one.CN && (s.Policy.LeaveOut || foundName(one.Name, cert)) {
			d.without(one.Name)
			d.note("without %s: %s", one.Name, authority.ShutOutText(one))
			continue
		}
		if told := func(other grant.ShutOut) bool { return other.By == one.By }; !slices.ContainsFunc(counts, told) {
			counts = append(counts, one)
		}
	}
	for _, one := range counts {
		text := authority.ShutOutText(one)
		unseen := s.confirmed && !s.Unattended && !s.AfterRevocation && !s.shown[text] // revoked while a person was asked
		if !asked || unseen {
			return hint.With(errors.New(text), "--after-revocation signs anyway; without --yes virtpki asks")
		}
		s.shown[text] = true
		d.note("%s", text)
	}
	return nil
}
