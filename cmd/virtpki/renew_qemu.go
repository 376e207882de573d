package main

import (
	"context"
	"fmt"
	"time"

	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// checkRenew is check with the meaning that --qemu-ca has for renew: that CA's
// certificates are renewed, with or without a folder to fill.
func (o *withOptions) checkRenew() (*withPlan, error) {
	if len(o.with) == 0 && o.group == "" && !o.separate {
		return &withPlan{separate: o.ca != "", ca: o.ca}, nil
	}
	return o.check()
}

// globals has the CA of --qemu-ca in the place of libvirt's.
func (p *renewPlan) globals(g *globals) *globals {
	if p.with.ca == "" {
		return g
	}
	other := *g
	other.ca = p.with.ca
	return &other
}

// qemuOwner is who QEMU's keys belong to where there are none yet; nil where it is
// not known.
func (r *renewal) qemuOwner() *store.Owner {
	if owner() == nil {
		return nil
	}
	u, err := r.g.qemuUser()
	if err != nil {
		return nil
	}
	return &store.Owner{GID: u.GID}
}

// copyOne makes a copy follow its original.
func (r *renewal) copyOne(j *job, a *authority, in *installation) error {
	from := in.original.renewed
	if from == nil {
		from = in.original.pair
	}
	if from.key == nil {
		return fmt.Errorf("%s: %s has no key to copy", in.pair.certPath, in.original.pair.certPath)
	}
	to := r.targetOf(in)
	j.plan.Together(in.layout.PairFolder())
	if err := r.trust(j, a, to); err != nil {
		return err
	}
	j.did("%s: %s", in.pair.certPath, in.why())
	return r.writePair(j, to, in.role, from.key, from.cert, nil)
}

// withLacking reports whether --with names a folder that lacks a pair.
func (r *renewal) withLacking() bool {
	for _, use := range r.with.uses {
		layout := use.Layout(r.g.underRoot(r.g.sysconfdir))
		for _, role := range roles(use) {
			if !store.Exists(layout.Path(libvirt.CertFile(string(role)))) {
				return true
			}
		}
	}
	return false
}

// fillQEMU plans the folders that --with names, with the pairs as they will be.
func (r *renewal) fillQEMU(j *job, a *authority) error {
	if !r.withLacking() {
		return nil
	}
	leaf := leafPlan{keyType: pki.DefaultKeyType, validity: pki.DefaultLeafValidity}
	f := &filler{env: r.env, withPlan: r.with, g: r.g, keys: r.keys, leaf: leaf, sysconfdir: r.g.underRoot(r.g.sysconfdir),
		identities: make(map[pki.Role]identity), pairs: make(map[pki.Role]*pair)}
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p, err := loadPair(r.g.system(), role)
		if err != nil {
			return err
		}
		for _, in := range r.found {
			if in.system && in.role == role && in.renewed != nil {
				p = in.renewed
			}
		}
		f.pairs[role] = p
		if p.cert != nil {
			id := identity{role: role, name: p.cert.Subject.CommonName, rawSubject: p.cert.RawSubject}
			id.dns, id.ips = p.cert.DNSNames, p.cert.IPAddresses
			f.identities[role] = id
		}
	}
	return f.fill(j, a)
}

// staleGuests has the VNC of guests read what is on disk where it serves something
// else.
func (r *renewal) staleGuests(ctx context.Context, j *job) error {
	if r.noReload || r.g.dryRun {
		return nil
	}
	refresh := guestRefresh{e: r.env, g: r.g, j: j}
	return refresh.run(ctx)
}

// refreshGuests has running guests read what has changed in QEMU's folders.
func (r *renewal) refreshGuests(ctx context.Context, j *job) error {
	if r.noReload {
		return nil
	}
	refresh := guestRefresh{e: r.env, g: r.g, j: j, until: make(map[string]time.Time)}
	for _, in := range r.renewed {
		if in.qemu(r.g) && in.role == pki.Server {
			refresh.until[in.layout.Base] = in.pair.cert.NotAfter
		}
	}
	refresh.changed = len(refresh.until) > 0 || r.crl.reason != ""
	if !refresh.changed {
		return nil
	}
	return refresh.run(ctx)
}
