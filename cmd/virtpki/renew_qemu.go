package main

import (
	"context"
	"fmt"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// checkRenew is check with the meaning that --qemu-ca has for renew: that CA's
// certificates are renewed, with or without a folder to fill.
func (o *withOptions) checkRenew() (*provision.QEMU, error) {
	if len(o.with) == 0 && o.group == "" && !o.separate {
		return &provision.QEMU{Separate: o.ca != "", CA: o.ca}, nil
	}
	return o.check()
}

// globals has the CA of --qemu-ca in the place of libvirt's.
func (p *renewPlan) globals(g *globals) *globals {
	if p.with.CA == "" {
		return g
	}
	return g.withCA(p.with.CA)
}

// copyOne makes a copy follow its original.
func (r *renewal) copyOne(j *change.Job, a *authority.Authority, in *installation) error {
	from := in.original.renewed
	if from == nil {
		from = in.original.pair
	}
	if from.Key == nil {
		return fmt.Errorf("%s: %s has no key to copy", in.pair.CertPath, in.original.pair.CertPath)
	}
	to := r.targetOf(in)
	j.Plan.Together(in.layout.PairFolder())
	if err := a.Trust(j, to); err != nil {
		return err
	}
	j.Did("%s: %s", in.pair.CertPath, in.why())
	return j.WritePair(to, in.role, from.Key, from.Cert, nil)
}

// renewCopies does what needs no CA on a machine without its key: copies that have
// stayed behind, and folders that are to be filled. It reports whether that was all.
func (r *renewal) renewCopies(ctx context.Context) (all bool, err error) {
	if len(r.staleCopies()) == 0 && !r.withLacking() {
		return false, nil
	}
	j, err := r.carryOut(ctx, r.g, []string{r.g.System().Top()}, func(j *change.Job) error {
		a, err := r.look()
		if err != nil {
			return err
		}
		r.renewed = nil
		for _, in := range r.staleCopies() {
			if err := r.copyOne(j, a, in); err != nil {
				return err
			}
			r.renewed = append(r.renewed, in)
		}
		return r.fillQEMU(j, a)
	})
	if err != nil {
		return false, err
	}
	err = r.tellWith(r.g, j, r.refreshGuests(ctx, j))
	return len(r.due()) == 0 && r.crl.reason == "", err
}

// staleCopies are those that have stayed behind an original that is not due.
func (r *renewal) staleCopies() []*installation {
	var stale []*installation
	for _, in := range r.found {
		if in.err == nil && in.original != nil && len(in.reasons) > 0 && len(in.original.reasons) == 0 {
			stale = append(stale, in)
		}
	}
	return stale
}

// withLacking reports whether --with names a folder that lacks a pair.
func (r *renewal) withLacking() bool {
	for _, use := range r.with.Uses {
		layout := use.Layout(r.g.Path(r.g.Sysconfdir))
		for _, role := range provision.Roles(use) {
			if !r.g.Tree().Exists(layout.Path(libvirt.CertFile(string(role)))) {
				return true
			}
		}
	}
	return false
}

// fillQEMU plans the folders that --with names, with the pairs as they will be.
func (r *renewal) fillQEMU(j *change.Job, a *authority.Authority) error {
	if !r.withLacking() {
		return nil
	}
	leaf := authority.Leaf{KeyType: pki.DefaultKeyType, Validity: pki.DefaultLeafValidity}
	f := &provision.Folders{QEMU: r.with, Machine: r.g.Machine, Keys: r.keys, Leaf: leaf, Sysconfdir: r.g.Path(r.g.Sysconfdir),
		Identities: make(map[pki.Role]subject.Identity), Pairs: make(map[pki.Role]*keypair.Pair)}
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p, err := keypair.Load(r.g.Tree(), r.g.System(), role)
		if err != nil {
			return err
		}
		for _, in := range r.found {
			if !in.system || in.role != role {
				continue
			}
			if in.renewed != nil {
				p = in.renewed
			} else if why := in.ungranted(r, a); r.with.Separate && why != "" {
				return fmt.Errorf("%s: %s %s: its names are not signed for QEMU", in.pair.CertPath, subject.Of(in.pair.Cert), why)
			}
		}
		f.Pairs[role] = p
		if p.Cert != nil {
			id := subject.Identity{Role: role, Name: p.Cert.Subject.CommonName, RawSubject: p.Cert.RawSubject}
			id.DNS, id.IPs = p.Cert.DNSNames, p.Cert.IPAddresses
			f.Identities[role] = id
		}
	}
	return f.Fill(j, a)
}

// staleGuests has the VNC of guests read what is on disk where it serves something
// else.
func (r *renewal) staleGuests(ctx context.Context, j *change.Job) error {
	if r.g.dryRun {
		return nil
	}
	return r.reloader(j).Guests(ctx, reload.Changed{})
}

// refreshGuests has running guests read what has changed in QEMU's folders.
func (r *renewal) refreshGuests(ctx context.Context, j *change.Job) error {
	changed := reload.Changed{Until: make(map[string]time.Time)}
	for _, in := range r.renewed {
		if in.qemu(r.g.Machine) && in.role == pki.Server {
			changed.Until[in.layout.Base] = in.pair.Cert.NotAfter
		}
	}
	if changed.Any = len(changed.Until) > 0 || r.crl.reason != ""; !changed.Any {
		return nil
	}
	return r.reloader(j).Guests(ctx, changed)
}
