package enroll

import (
	"crypto"
	"crypto/x509"
	"fmt"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// place is one place for a certificate and its key: the live pair, and the key that waits.
type place struct {
	live  *keypair.Pair
	waits *keypair.Pending
	given crypto.Signer // the key that comes with its certificate; nil for none
}

// placesOf returns the places of a layout.
func placesOf(t store.Tree, layout libvirt.Layout) ([]*place, error) {
	var all []*place
	for _, role := range layout.Roles() {
		s := &place{live: keypair.New(t, layout, pki.Role(role))}
		if err := hint.First(s.live.ReadCert(), s.live.ReadKey()); err != nil {
			return nil, err
		}
		var err error
		if s.waits, err = keypair.LoadPending(layout, s.live); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// assign finds the place of each certificate. The others are for keys that are not here: a
// response may be for several hosts.
func assign(places []*place, certs []*x509.Certificate) (taken map[*place]*x509.Certificate, others []*x509.Certificate, err error) {
	taken = make(map[*place]*x509.Certificate)
	for _, cert := range certs {
		switch s, _ := placeFor(places, cert); {
		case s == nil:
			others = append(others, cert)
		case taken[s] != nil && !taken[s].Equal(cert):
			return nil, nil, fmt.Errorf("the response contains two certificates for the %s key here", s.live.Role)
		default:
			taken[s] = cert
		}
	}
	return taken, others, nil
}

// decidePairs puts each certificate in its place, and wants every place to be right
// afterwards.
func (in *installer) decidePairs(j *change.Job) error {
	places, err := placesOf(in.m.Tree(), in.To.Layout)
	if err != nil {
		return err
	}
	taken, others, err := assign(places, in.Leafs)
	switch {
	case err != nil:
		return err
	case len(others) > 0 && len(taken) == 0:
		return refuseOthers(in.m.Tree(), in.To.Layout, others)
	}
	for _, s := range places {
		if cert := taken[s]; cert != nil {
			if err := in.put(j, s, cert); err != nil {
				return fmt.Errorf("the %s certificate %s (serial %s): %w", s.live.Role, subject.Of(cert), store.SerialText(cert.SerialNumber), err)
			}
		}
	}
	if err := in.putGiven(j, places, taken); err != nil {
		return err
	}
	noteOthers(j, others)
	if err := hint.First(in.liveStillTrusted(places), in.keepAsked(j, places, taken)); err != nil {
		return err
	}
	comes := afterwards(places, taken)
	return hint.First(in.followQEMU(j, comes), in.judgeCopies(j, comes))
}

// maxOthers is the number of certificates for other keys that are named.
const maxOthers = 8

// noteOthers notes the certificates for keys that are not here. A response may hold any number.
func noteOthers(j *change.Job, others []*x509.Certificate) {
	for i, cert := range others {
		if i == maxOthers {
			j.Note("ignored %d more certificates, for keys that are not here", len(others)-i)
			return
		}
		j.Note("ignored %s, for a key that is not here", subject.Of(cert))
	}
}

// keepAsked plans the requests of the certificates that are there afterwards, and
// of the keys that still wait: by them renew knows which names the CA left out, and
// does not ask for them every day.
func (in *installer) keepAsked(j *change.Job, places []*place, taken map[*place]*x509.Certificate) error {
	if !in.placed || in.To.Layout.Path(libvirt.Requests) == "" {
		return nil
	}
	old, err := keypair.Requests(in.m.Tree(), in.To.Layout)
	if err != nil {
		return err
	}
	var kept []*pki.CSR
	for _, s := range places {
		if s.waits != nil {
			kept = append(kept, s.waits.CSR)
		}
		cert := taken[s]
		if cert == nil {
			cert = s.live.Cert
		}
		if cert == nil || s.waits != nil && pki.SameKey(cert.PublicKey, s.waits.CSR.PublicKey) {
			continue
		}
		if csr := keypair.RequestFor(old, cert.PublicKey); csr != nil {
			kept = append(kept, csr)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return in.To.Write(&j.Plan, libvirt.Requests, pki.EncodeCSRs(kept...))
}

// placeFor finds the key that a certificate is for.
func placeFor(places []*place, cert *x509.Certificate) (*place, crypto.Signer) {
	for _, s := range places {
		if s.given != nil && pki.KeyMatches(cert, s.given) {
			return s, s.given
		}
	}
	for _, s := range places {
		if s.waits != nil && pki.KeyMatches(cert, s.waits.Key) {
			return s, s.waits.Key
		}
	}
	for _, s := range places {
		if s.live.Key != nil && pki.KeyMatches(cert, s.live.Key) {
			return s, s.live.Key
		}
	}
	return nil, nil
}

// Own returns the certificates that match a key in a layout. If there are some and none
// matches, that is an error.
func Own(m *machine.Machine, layout libvirt.Layout, certs []*x509.Certificate) ([]*x509.Certificate, error) {
	places, err := placesOf(m.Tree(), layout)
	if err != nil {
		return nil, err
	}
	var own []*x509.Certificate
	for _, cert := range certs {
		if s, _ := placeFor(places, cert); s != nil {
			own = append(own, cert)
		}
	}
	if len(own) == 0 && len(certs) > 0 {
		return nil, refuseOthers(m.Tree(), layout, certs)
	}
	return own, nil
}

// refuseOthers returns the error for a response that contains nothing for this host.
func refuseOthers(t store.Tree, layout libvirt.Layout, certs []*x509.Certificate) error {
	if wasLive(t, layout, certs[0]) {
		return hint.With(fmt.Errorf("the response was installed before, and a later one replaced it: %s", subject.Of(certs[0])), "make a new request, or restore the previous certificate with virtpki rollback")
	}
	return hint.With(fmt.Errorf("the response is for another key than those here: %s", subject.Of(certs[0])), "make a pending key with: virtpki request")
}

// put checks one certificate and plans it with its key.
func (in *installer) put(j *change.Job, s *place, cert *x509.Certificate) error {
	_, key := placeFor([]*place{s}, cert)
	if s.live.Cert != nil && cert.Equal(s.live.Cert) && s.live.Key != nil && s.live.Mismatch() == nil {
		return nil // it is installed: a second run
	}
	if err := in.check(j, s, key, cert); err != nil {
		return err
	}
	to, have := in.To, s.live
	to.Keep = !have.TooOpen()
	if have.Key != nil && !pki.SameKey(have.Key.Public(), key.Public()) {
		have = nil
	}
	if err := j.WritePair(to, s.live.Role, key, cert, have); err != nil {
		return err
	}
	in.placed = true
	if in.To.Layout.OfQEMU() && s.live.Role == pki.Server && s.live.Cert != nil {
		in.until[in.To.Layout.Base] = s.live.Cert.NotAfter
	}
	in.swapped = in.swapped || s.live.Cert != nil || s.live.Key != nil
	j.Made = append(j.Made, change.Placed{Cert: cert, Path: in.To.Layout.Path(libvirt.CertFile(string(s.live.Role)))})
	return nil
}
