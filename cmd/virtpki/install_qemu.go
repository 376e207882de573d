package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/pki"
)

// followQEMU makes QEMU's folders follow what comes for libvirt, as far as they hold
// copies of it, and fills those that --with names.
func (in *intake) followQEMU(j *change.Job, comes map[pki.Role]*keypair.Pair) error {
	in.until = make(map[string]time.Time)
	if !in.system {
		return nil
	}
	for _, layout := range libvirt.QEMU(in.g.Path(in.g.Sysconfdir)) {
		if !in.g.Tree().Exists(layout.Path(libvirt.CACert)) {
			continue
		}
		to := keypair.Dest{Layout: layout, Owner: machine.Owner(), KeyOwner: in.g.QEMUOwner(), Keep: true}
		j.Plan.Together(layout.PairFolder())
		if err := hint.First(in.followTrust(j, to), in.followPairs(j, to, comes)); err != nil {
			return err
		}
	}
	return in.fillQEMU(j, comes)
}

// followTrust brings the CAs and the lists into a folder that has trusted the same as
// libvirt so far.
func (in *intake) followTrust(j *change.Job, to keypair.Dest) error {
	certs, err := keypair.ReadCerts(in.g.Tree(), to.Layout.Path(libvirt.CACert))
	if err != nil {
		return err
	}
	before, err := keypair.ReadCertsIfThere(in.g.Tree(), in.to.Layout.Path(libvirt.CACert))
	if err != nil || !keypair.Same(certs, before) {
		return err
	}
	if !keypair.Same(certs, in.cas) {
		if err := to.Write(&j.Plan, libvirt.CACert, pki.EncodeCertificates(in.cas...)); err != nil {
			return err
		}
	}
	here, err := keypair.ReadCRLs(in.g.Tree(), to.Layout.Path(libvirt.CACRL))
	if err != nil {
		return err
	}
	after := here
	for _, crl := range in.lists {
		if old := listOf(here, crl); old == nil || keypair.OlderCRL(old, crl) {
			after = keypair.ReplaceCRL(after, crl)
		}
	}
	if slices.EqualFunc(here, after, func(a, b *pki.CRL) bool { return bytes.Equal(a.Raw, b.Raw) }) {
		return nil
	}
	in.until[to.Layout.Base] = time.Time{} // VNC reads it again
	return to.Write(&j.Plan, libvirt.CACRL, pki.EncodeCRL(after...))
}

// followPairs replaces copies of libvirt's pairs: of what is live now, or was before
// that.
func (in *intake) followPairs(j *change.Job, to keypair.Dest, comes map[pki.Role]*keypair.Pair) error {
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		have := keypair.New(in.g.Tree(), to.Layout, role)
		if err := have.ReadCert(); err != nil {
			return err
		}
		from := comes[role]
		if have.Cert == nil || from == nil || from.Cert.Equal(have.Cert) || !in.wasOurs(role, have.Cert) {
			continue
		}
		if change.KeyState(in.g.Tree(), have.KeyPath) == "encrypted" {
			j.Note("%s: its key has a passphrase, so the copy was left as it is", have.CertPath)
			continue
		}
		if err := j.WritePair(to, role, from.Key, from.Cert, nil); err != nil {
			return err
		}
		j.Did("%s: a copy of %s", have.CertPath, in.to.Layout.Path(libvirt.CertFile(string(role))))
		if role == pki.Server {
			in.until[to.Layout.Base] = have.Cert.NotAfter
		}
	}
	return nil
}

// wasOurs reports whether a certificate is the live one of a role, or the one before.
func (in *intake) wasOurs(role pki.Role, cert *x509.Certificate) bool {
	file := libvirt.CertFile(string(role))
	for _, path := range []string{in.to.Layout.Path(file), keypair.PreviousPath(in.g.Tree(), in.to.Layout, file)} {
		if certs, err := keypair.ReadCerts(in.g.Tree(), path); err == nil && certs[0].Equal(cert) {
			return true
		}
	}
	return false
}

// fillQEMU fills the folders that --with names.
func (in *intake) fillQEMU(j *change.Job, comes map[pki.Role]*keypair.Pair) error {
	if in.with == nil || len(in.with.Uses) == 0 {
		return nil
	}
	var crl []byte
	if len(in.lists) > 0 {
		crl = pki.EncodeCRL(in.lists...)
	}
	a := authority.At(in.g.Tree(), in.to.Layout, in.cas, crl)
	f := &provision.Folders{QEMU: in.with, Machine: in.g.Machine, Keys: in.newKeyring(in.g), Sysconfdir: in.g.Path(in.g.Sysconfdir), Pairs: comes}
	return f.Fill(j, a)
}

// afterwards are the pairs that libvirt will have: what comes, else what is live.
func afterwards(slots []*slot, taken map[*slot]*x509.Certificate) map[pki.Role]*keypair.Pair {
	pairs := make(map[pki.Role]*keypair.Pair)
	for _, s := range slots {
		switch cert := taken[s]; {
		case cert != nil:
			_, key := slotFor([]*slot{s}, cert)
			pairs[s.live.Role] = &keypair.Pair{Role: s.live.Role, Cert: cert, Key: key}
		case s.live.Cert != nil && s.live.Key != nil:
			pairs[s.live.Role] = s.live
		}
	}
	return pairs
}

// refreshGuests has running guests read what has changed in QEMU's folders.
func (in *intake) refreshGuests(ctx context.Context, j *change.Job) error {
	if len(in.until) == 0 || in.g.dryRun {
		return nil
	}
	return in.reloader(j).Guests(ctx, reload.Changed{Any: true, Until: in.until})
}
