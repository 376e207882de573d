package renewal

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// decide plans the renewals: at first by the look that the run has just made, and under the
// lock by a new look.
func (r *renewal) decide(j *change.Job) error {
	a, err := r.seen, error(nil)
	if r.seen = nil; a == nil {
		a, err = r.look()
	}
	if err != nil {
		return err
	}
	err = a.Unlock(r.keys)
	if err == nil && a.Current == nil { // else the look has loaded it
		err = a.LoadCRL()
	}
	if err != nil {
		return err
	}
	r.renewed = nil
	for _, c := range r.found {
		if !c.due() || c.original != nil && c.original.err != nil {
			continue
		}
		if err := r.decideOne(j, a, c); err != nil {
			return err
		}
	}
	return hint.First(r.fillQEMU(j, a), r.renewCRL(j, a))
}

// decideOne plans the next certificate of one candidate, or notes why there is none. It fails
// only if the whole run must.
func (r *renewal) decideOne(j *change.Job, a *authority.Authority, c *candidate) error {
	why, err := r.wouldUndo(a, c)
	if err != nil {
		return err
	}
	if why != "" {
		j.Note("%s: %s, and stays so (virtpki issue client --user, or request, makes a new pair)", c.pair.CertPath, why)
		return nil
	}
	c.err = j.Attempt(func() error { return r.renewOne(j, a, c) })
	switch {
	case c.err == nil:
		r.renewed = append(r.renewed, c)
	case r.Templates[c.role] != nil:
		return c.err // the request is wrong: all or nothing
	}
	return nil
}

// renewOne plans a new certificate like the one that is there.
func (r *renewal) renewOne(j *change.Job, a *authority.Authority, c *candidate) error {
	if c.sealed {
		return hint.With(fmt.Errorf("%s: %s, and its key has a passphrase", c.pair.CertPath, c.why()), "move the certificate and key away, have renew --with make new ones, and give the key the passphrase")
	}
	if c.original != nil {
		return r.copyOne(j, a, c)
	}
	var have *keypair.Pair
	if _, revoked := a.FindRevoked(c.pair.Cert.SerialNumber); c.keepsKey(r.SameKey, revoked) {
		have = c.pair
	}
	to := c.dest(r.m)
	if err := keypair.Together(&j.Plan, c.layout, c.role); err != nil {
		return err
	}
	if c.place != ofDaemon { // it trusts the CA, see ownPaths.whyNot
		if err := a.Trust(j, to); err != nil {
			return err // before the pair: one of a CA that is not trusted there would keep libvirtd from starting
		}
	}
	order := r.orderFor(a, c)
	cert, err := a.MakePair(j, r.keys, order, to, have)
	if err != nil {
		return fmt.Errorf("%s: %w", c.pair.CertPath, err)
	}
	if err := r.held(j, c, cert); err != nil {
		return err
	}
	key, err := r.keys.For(have, order.Identity.Slot(), order.KeyType)
	if err != nil {
		return err
	}
	c.renewed = &keypair.Pair{Role: c.role, Cert: cert, Key: key}
	j.Did("%s: %s", c.pair.CertPath, c.why())
	r.serving = r.serving || c.ofDaemons()
	return nil
}

// held compares a new certificate with the previous one: it notes the names and extensions that
// are lost, and checks that the lists of this machine still admit its DN.
func (r *renewal) held(j *change.Job, c *candidate, cert *x509.Certificate) error {
	if lost := pki.Lost(c.pair.Cert, cert); len(lost) > 0 {
		j.Note("%s: renewed without %s (--keep-extras keeps that; virtpki rollback restores the previous certificate)", c.pair.CertPath, strings.Join(lost, ", "))
	}
	if c.place == ofQEMU || !slices.Contains(pki.RolesOf(c.pair.Cert), pki.Client) {
		return nil
	}
	return r.list.StillAdmitted(subject.Of(c.pair.Cert), subject.Of(cert))
}

// orderFor returns the CA's order for the next certificate: the same subject, names, template,
// lifetime and key type.
func (r *renewal) orderFor(a *authority.Authority, c *candidate) authority.Order {
	leaf := authority.Leaf{KeyType: c.keyType(), Validity: a.LifeLike(c.pair.Cert), Templates: r.Templates}
	if strictUsage(c.pair.Cert) {
		leaf.Release = libvirt.StrictRelease()
	}
	order := authority.Order{Leaf: leaf, Identity: c.identity(), Now: r.m.Now()}
	if r.KeepExtras {
		order.Like = c.pair.Cert
	}
	return order
}
