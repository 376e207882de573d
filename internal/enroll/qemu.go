package enroll

import (
	"context"
	"crypto/x509"
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

// followQEMU brings the new files into QEMU's directories that hold copies of libvirt's, and
// fills those that --with names.
func (in *installer) followQEMU(j *change.Job, comes map[pki.Role]*keypair.Pair) error {
	if !in.System {
		return nil
	}
	for _, layout := range libvirt.QEMU(in.m.Path(in.m.Sysconfdir)) {
		if !in.m.Tree().Exists(layout.Path(libvirt.CACert)) {
			continue
		}
		to := keypair.Dest{Layout: layout, Owner: machine.Owner(), KeyOwner: in.m.QEMUOwner(), Keep: true}
		j.Plan.Together(layout.PairFolder())
		if err := hint.First(in.followTrust(j, to), in.followPairs(j, to, comes)); err != nil {
			return err
		}
	}
	return in.fillQEMU(j, comes)
}

// followTrust brings the CAs and the CRLs into a directory that has trusted the same CAs as
// libvirt so far.
func (in *installer) followTrust(j *change.Job, to keypair.Dest) error {
	certs, err := keypair.ReadCerts(in.m.Tree(), to.Layout.Path(libvirt.CACert))
	if err != nil {
		return err
	}
	before, err := keypair.ReadCertsIfThere(in.m.Tree(), in.To.Layout.Path(libvirt.CACert))
	if err != nil || !keypair.Same(certs, before) {
		return err
	}
	if !keypair.Same(certs, in.cas) {
		if err := to.Write(&j.Plan, libvirt.CACert, pki.EncodeCertificates(in.cas...)); err != nil {
			return err
		}
	}
	here, err := keypair.ReadCRLs(in.m.Tree(), to.Layout.Path(libvirt.CACRL))
	if err != nil {
		return err
	}
	after, _ := keypair.MergeCRLs(here, in.lists, false)
	if keypair.SameCRLs(here, after) {
		return nil
	}
	in.until[to.Layout.Base] = time.Time{} // VNC reads it again
	return to.Write(&j.Plan, libvirt.CACRL, pki.EncodeCRL(after...))
}

// followPairs replaces copies of libvirt's pairs: of the live one, or of the previous one.
func (in *installer) followPairs(j *change.Job, to keypair.Dest, comes map[pki.Role]*keypair.Pair) error {
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		have := keypair.New(in.m.Tree(), to.Layout, role)
		if err := have.ReadCert(); err != nil {
			return err
		}
		from := comes[role]
		if have.Cert == nil || from == nil || from.Cert.Equal(have.Cert) || !in.wasOurs(role, have.Cert) {
			continue
		}
		if change.KeyState(in.m.Tree(), have.KeyPath) == "encrypted" {
			j.Note("%s: its key has a passphrase, so the copy was left as it is", have.CertPath)
			continue
		}
		if err := j.WritePair(to, role, from.Key, from.Cert, nil); err != nil {
			return err
		}
		in.copies = true
		j.Did("%s: a copy of %s", have.CertPath, in.To.Layout.Path(libvirt.CertFile(string(role))))
		if role == pki.Server {
			in.until[to.Layout.Base] = have.Cert.NotAfter
		}
	}
	return nil
}

// wasOurs reports whether a certificate is the live one of a role, or the previous one.
func (in *installer) wasOurs(role pki.Role, cert *x509.Certificate) bool {
	file := libvirt.CertFile(string(role))
	for _, path := range []string{in.To.Layout.Path(file), keypair.PreviousPath(in.m.Tree(), in.To.Layout, file)} {
		if certs, err := keypair.ReadCerts(in.m.Tree(), path); err == nil && certs[0].Equal(cert) {
			return true
		}
	}
	return false
}

// fillQEMU fills the directories that were asked for.
func (in *installer) fillQEMU(j *change.Job, comes map[pki.Role]*keypair.Pair) error {
	if in.QEMU == nil || len(in.QEMU.Uses) == 0 {
		return nil
	}
	var crl []byte
	if len(in.lists) > 0 {
		crl = pki.EncodeCRL(in.lists...)
	}
	folders := &provision.Folders{QEMU: in.QEMU, Machine: in.m, Keys: in.keys, Sysconfdir: in.m.Path(in.m.Sysconfdir), Pairs: comes}
	return folders.Fill(j, authority.At(in.m.Tree(), in.To.Layout, in.cas, crl))
}

// afterwards returns the pairs that libvirt will have: the new ones, else the live ones.
func afterwards(places []*place, taken map[*place]*x509.Certificate) map[pki.Role]*keypair.Pair {
	pairs := make(map[pki.Role]*keypair.Pair)
	for _, s := range places {
		switch cert := taken[s]; {
		case cert != nil:
			_, key := placeFor([]*place{s}, cert)
			pairs[s.live.Role] = &keypair.Pair{Role: s.live.Role, Cert: cert, Key: key}
		case s.live.Cert != nil && s.live.Key != nil:
			pairs[s.live.Role] = s.live
		}
	}
	return pairs
}

// refreshGuests makes running guests read the changed files in QEMU's directories.
func (in *installer) refreshGuests(ctx context.Context, j *change.Job) error {
	if len(in.until) == 0 {
		return nil
	}
	return reload.New(in.m, in.Reload, j).Guests(ctx, reload.Changed{Any: true, Until: in.until})
}
