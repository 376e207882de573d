package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/pki"
)

// followQEMU makes QEMU's folders follow what comes for libvirt, as far as they hold
// copies of it, and fills those that --with names.
func (in *intake) followQEMU(j *job, comes map[pki.Role]*pair) error {
	in.until = make(map[string]time.Time)
	if !in.system {
		return nil
	}
	for _, layout := range libvirt.QEMU(in.g.Path(in.g.Sysconfdir)) {
		if !in.g.Tree().Exists(layout.Path(libvirt.CACert)) {
			continue
		}
		to := target{layout: layout, owner: machine.Owner(), keyOwner: in.g.QEMUOwner(), keep: true}
		j.plan.Together(layout.PairFolder())
		if err := hint.First(in.followTrust(j, to), in.followPairs(j, to, comes)); err != nil {
			return err
		}
	}
	return in.fillQEMU(j, comes)
}

// followTrust brings the CAs and the lists into a folder that has trusted the same as
// libvirt so far.
func (in *intake) followTrust(j *job, to target) error {
	certs, err := readCerts(in.g.Tree(), to.layout.Path(libvirt.CACert))
	if err != nil {
		return err
	}
	before, err := readCertsIfThere(in.g.Tree(), in.to.layout.Path(libvirt.CACert))
	if err != nil || !sameCerts(certs, before) {
		return err
	}
	if !sameCerts(certs, in.cas) {
		if err := to.write(&j.plan, libvirt.CACert, pki.EncodeCertificates(in.cas...)); err != nil {
			return err
		}
	}
	here, err := readCRLs(in.g.Tree(), to.layout.Path(libvirt.CACRL))
	if err != nil {
		return err
	}
	after := here
	for _, crl := range in.lists {
		if old := listOf(here, crl); old == nil || isOlder(old, crl) {
			after = replaceCRL(after, crl)
		}
	}
	if slices.EqualFunc(here, after, func(a, b *pki.CRL) bool { return bytes.Equal(a.Raw, b.Raw) }) {
		return nil
	}
	in.until[to.layout.Base] = time.Time{} // VNC reads it again
	return to.write(&j.plan, libvirt.CACRL, pki.EncodeCRL(after...))
}

// followPairs replaces copies of libvirt's pairs: of what is live now, or was before
// that.
func (in *intake) followPairs(j *job, to target, comes map[pki.Role]*pair) error {
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		have := newPair(in.g.Tree(), to.layout, role)
		if err := have.readCert(); err != nil {
			return err
		}
		from := comes[role]
		if have.cert == nil || from == nil || from.cert.Equal(have.cert) || !in.wasOurs(role, have.cert) {
			continue
		}
		if keyState(in.g.Tree(), have.keyPath) == "encrypted" {
			j.note("%s: its key has a passphrase, so the copy was left as it is", have.certPath)
			continue
		}
		if err := in.writePair(j, to, role, from.key, from.cert, nil); err != nil {
			return err
		}
		j.did("%s: a copy of %s", have.certPath, in.to.layout.Path(libvirt.CertFile(string(role))))
		if role == pki.Server {
			in.until[to.layout.Base] = have.cert.NotAfter
		}
	}
	return nil
}

// wasOurs reports whether a certificate is the live one of a role, or the one before.
func (in *intake) wasOurs(role pki.Role, cert *x509.Certificate) bool {
	file := libvirt.CertFile(string(role))
	for _, path := range []string{in.to.layout.Path(file), previousPath(in.g.Tree(), in.to.layout, file)} {
		if certs, err := readCerts(in.g.Tree(), path); err == nil && certs[0].Equal(cert) {
			return true
		}
	}
	return false
}

// fillQEMU fills the folders that --with names.
func (in *intake) fillQEMU(j *job, comes map[pki.Role]*pair) error {
	if in.with == nil || len(in.with.uses) == 0 {
		return nil
	}
	a := &authority{bundle: in.cas, layout: in.to.layout, folder: in.g.CAPath(), tree: in.g.Tree()}
	a.ca.Certificate = in.cas[0]
	if len(in.lists) > 0 {
		a.crl = pki.EncodeCRL(in.lists...)
	}
	f := &filler{env: in.env, withPlan: in.with, m: in.g.Machine, keys: in.newKeyring(in.g), sysconfdir: in.g.Path(in.g.Sysconfdir), pairs: comes}
	return f.fill(j, a)
}

// afterwards are the pairs that libvirt will have: what comes, else what is live.
func afterwards(slots []*slot, taken map[*slot]*x509.Certificate) map[pki.Role]*pair {
	pairs := make(map[pki.Role]*pair)
	for _, s := range slots {
		switch cert := taken[s]; {
		case cert != nil:
			_, key := slotFor([]*slot{s}, cert)
			pairs[s.live.role] = &pair{role: s.live.role, cert: cert, key: key}
		case s.live.cert != nil && s.live.key != nil:
			pairs[s.live.role] = s.live
		}
	}
	return pairs
}

// refreshGuests has running guests read what has changed in QEMU's folders.
func (in *intake) refreshGuests(ctx context.Context, j *job) error {
	if len(in.until) == 0 || in.o.noReload || in.g.dryRun {
		return nil
	}
	refresh := guestRefresh{e: in.env, m: in.g.Machine, j: j, changed: true, until: in.until}
	return refresh.run(ctx)
}
