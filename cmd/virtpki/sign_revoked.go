package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// earlier are the certificates that the CA has signed already.
type earlier struct {
	files map[string]*x509.Certificate // by path; those of generations that were dropped too
	certs []*x509.Certificate
	byKey map[string][]*x509.Certificate // by pki.KeyIDOf
}

// earlier reads what the CA has signed; before is what this run has read already, nil
// for nothing. A record does not change: only new ones are read.
func (a *authority) earlier(before *earlier) (*earlier, error) {
	if before == nil {
		before = &earlier{}
	}
	files, err := a.tree.RecordFiles(libvirt.Records(a.folder))
	known := &earlier{files: make(map[string]*x509.Certificate, len(files)), byKey: make(map[string][]*x509.Certificate)}
	for _, file := range files {
		cert := before.files[file.Path]
		if cert == nil && err == nil {
			cert, err = a.tree.ReadRecord(file.Path)
		}
		known.files[file.Path] = cert
		known.certs = append(known.certs, cert)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the CA's records: %w", err)
	}
	if known.certs = a.ofBundle(known.certs); before.byKey != nil && slices.Equal(known.certs, before.certs) {
		return before, nil
	}
	for _, cert := range known.certs {
		if key := pki.KeyIDOf(cert); key != "" {
			known.byKey[key] = append(known.byKey[key], cert)
		}
	}
	return known, nil
}

// checkRevoked asks whether the one for whom a certificate would be signed was shut out:
// see [grant.History]. A compromised key is never certified again; a name is, where
// somebody says so. Names that nobody asks for by hand are left out, as in checkHolders:
// hosts share the addresses of bridges.
func (s *signing) checkRevoked(h *grant.History, o *order, cert *x509.Certificate) error {
	if err := refuseCompromised(h, pki.KeyIDOf(cert)); err != nil {
		return hint.With(err, "a request with a new key is made by: virtpki request %s %s --new", o.Role, termtext.ShellWord(o.Name))
	}
	out, err := h.ShutOut(cert)
	if err != nil {
		return err
	}
	asked := !s.o.yes || s.o.revokedToo
	var counts []grant.ShutOut
	for _, one := range out {
		if !asked && !one.Key && !one.CN && (s.o.leaveOut || foundName(one.Name, cert)) {
			o.without(one.Name)
			o.note("without %s: %s", one.Name, shutOutText(one))
			continue
		}
		if told := func(other grant.ShutOut) bool { return other.By == one.By }; !slices.ContainsFunc(counts, told) {
			counts = append(counts, one)
		}
	}
	for _, one := range counts {
		text := shutOutText(one)
		unseen := s.confirmed && !s.o.yes && !s.o.revokedToo && !s.shown[text] // revoked while a person was asked
		if !asked || unseen {
			return hint.With(errors.New(text), "--after-revocation signs all the same; without --yes it is asked")
		}
		s.shown[text] = true
		o.note("%s", text)
	}
	return nil
}

// shutOutText says by which revocation a key or a name was shut out.
func shutOutText(one grant.ShutOut) string {
	what := "its key"
	if !one.Key {
		what = termtext.QuoteShort(one.Name)
	}
	return fmt.Sprintf("%s is shut out: %s", what, revocationText(one.By))
}

func revocationText(r *grant.Revoked) string {
	return fmt.Sprintf("serial %s, %s, was revoked on %s (%s)",
		store.SerialText(r.Cert.SerialNumber), subject.Of(r.Cert), termtext.Day(r.Entry.RevocationTime), r.Reason())
}
