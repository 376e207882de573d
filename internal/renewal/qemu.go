package renewal

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

// lacksPairs reports whether one of QEMU's directories to be filled lacks a pair.
func (r *renewal) lacksPairs() bool {
	for _, use := range r.QEMU.Uses {
		layout := use.Layout(r.m.Path(r.m.Sysconfdir))
		for _, role := range provision.Roles(use) {
			if !r.m.Tree().Exists(layout.Path(libvirt.CertFile(string(role)))) {
				return true
			}
		}
	}
	return false
}

// fillQEMU plans the directories to be filled, with the pairs after this run.
func (r *renewal) fillQEMU(j *change.Job, a *authority.Authority) error {
	if !r.lacksPairs() {
		return nil
	}
	leaf := authority.Leaf{KeyType: pki.DefaultKeyType, Validity: pki.DefaultLeafValidity}
	f := &provision.Folders{QEMU: r.QEMU, Machine: r.m, Keys: r.keys, Leaf: leaf, Sysconfdir: r.m.Path(r.m.Sysconfdir),
		Identities: make(map[pki.Role]subject.Identity), Pairs: make(map[pki.Role]*keypair.Pair)}
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p, err := r.systemPair(a, role)
		if err != nil {
			return err
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

// systemPair returns the system's pair after this run. QEMU gets a copy of it or the same
// names.
func (r *renewal) systemPair(a *authority.Authority, role pki.Role) (*keypair.Pair, error) {
	p, err := keypair.Load(r.m.Tree(), r.m.System(), role)
	if err != nil {
		return nil, err
	}
	for _, c := range r.found {
		if c.place != ofSystem || c.role != role {
			continue
		}
		if c.renewed != nil {
			return c.renewed, nil
		}
		if why := ungranted(r.originOf(a, c)); r.QEMU.Separate && why != "" {
			return nil, fmt.Errorf("%s: %s %s: its names are not signed for QEMU", c.pair.CertPath, subject.Of(c.pair.Cert), why)
		}
	}
	return p, nil
}

// refreshGuests makes running guests read the changed files in QEMU's directories.
func (r *renewal) refreshGuests(ctx context.Context, j *change.Job) error {
	changed := reload.Changed{Until: make(map[string]time.Time)}
	for _, c := range r.renewed {
		if c.place == ofQEMU && c.role == pki.Server {
			changed.Until[c.layout.Base] = c.pair.Cert.NotAfter
		}
	}
	if changed.Any = len(changed.Until) > 0 || r.crl != ""; !changed.Any {
		return nil
	}
	return r.reloader(j).Guests(ctx, changed)
}
