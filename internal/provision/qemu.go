package provision

import (
	"errors"
	"fmt"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// QEMU says which of QEMU's directories are to be filled, and which CA signs for them. A nil
// one names no directories.
type QEMU struct {
	Uses     []libvirt.QEMUUse
	Separate bool   // key pairs of their own, in place of copies of libvirt's; always with a CA of its own
	Group    string // that may read the keys; empty for that of QEMU's user
	CA       string // directory of another CA, which signs for QEMU; empty for libvirt's
}

// Locks returns the directories that a run has to lock on top of its own.
func (q *QEMU) Locks() []string {
	if q == nil || q.CA == "" {
		return nil
	}
	return []string{q.CA}
}

// Roles returns which key pairs a use reads.
func Roles(use libvirt.QEMUUse) []pki.Role {
	var roles []pki.Role
	if use.Server {
		roles = append(roles, pki.Server)
	}
	if use.Client {
		roles = append(roles, pki.Client)
	}
	return roles
}

// Folders are QEMU's directories on a host, or in a bundle for one.
type Folders struct {
	*QEMU
	Machine    *machine.Machine
	Keys       *change.Keyring
	Leaf       authority.Leaf // of the certificates that are made for them
	Sysconfdir string         // above them, as this process sees it
	Portable   bool           // they are in a bundle for another machine
	Identities map[pki.Role]subject.Identity
	Pairs      map[pki.Role]*keypair.Pair // libvirt's, whole
	given      *givenFolders              // of a bundle for this host; nil is none
}

// Fill plans the directories that QEMU names. a is the CA that signs for libvirt.
func (f *Folders) Fill(j *change.Job, a *authority.Authority) error {
	if f.QEMU == nil || len(f.Uses) == 0 {
		return nil
	}
	signer, err := f.signer(a)
	if err != nil {
		return err
	}
	keyOwner, err := f.keyOwner(j)
	if err != nil {
		return err
	}
	for _, use := range f.Uses {
		to := keypair.Dest{Layout: use.Layout(f.Sysconfdir), Owner: machine.Owner(), KeyOwner: keyOwner}
		by, err := f.given.authority(to, signer)
		if err != nil {
			return err
		}
		if err := f.fillOne(j, by, use, to); err != nil {
			return err
		}
		f.noteConfined(j, use, to.Layout)
		f.noteSwitch(j, use, to.Layout)
	}
	return nil
}

// noteConfined notes that libvirt's AppArmor profile does not let QEMU read a directory.
func (f *Folders) noteConfined(j *change.Job, use libvirt.QEMUUse, layout libvirt.Layout) {
	if use.Confined && f.Machine.Tree().Exists(f.Machine.Path(libvirt.AppArmorQEMU)) {
		j.Note("%s: the AppArmor profile of guests does not allow QEMU to read there", layout.Base)
		j.Next("add \"%s/** r,\" to %s, or use only --with %s", use.Layout(f.Machine.Sysconfdir).Base, libvirt.AppArmorLocal, libvirt.DefaultQEMU)
	}
}

// noteSwitch notes what has to happen before QEMU uses a directory.
func (f *Folders) noteSwitch(j *change.Job, use libvirt.QEMUUse, layout libvirt.Layout) {
	if f.Portable || use.Name == libvirt.DefaultQEMU {
		return
	}
	if !f.Machine.Tree().Exists(layout.Base) {
		j.Next("restart libvirtd or virtqemud: it looks for %s only when it starts", layout.Base)
	}
	file, err := f.Machine.QEMUConf()
	if err != nil || use.Switch == "" {
		return
	}
	if v, ok := file.Lookup(use.Switch); !ok || v.Int() != 1 {
		j.Next("TLS for %s is off until qemu.conf says %s = 1: virtpki config qemu --with %s --apply", use.Name, use.Switch, use.Name)
	}
}

// signer is the CA for QEMU.
func (f *Folders) signer(a *authority.Authority) (*authority.Authority, error) {
	if f.CA == "" {
		return a, nil
	}
	a, err := authority.Open(f.Machine.WithCA(f.CA))
	if err != nil {
		return nil, fmt.Errorf("the CA for QEMU: %w", err)
	}
	return a, a.Unlock(f.Keys)
}

// fillOne plans the directory of one use. It appears with all its files at once: an empty
// directory would break guests.
func (f *Folders) fillOne(j *change.Job, a *authority.Authority, use libvirt.QEMUUse, to keypair.Dest) error {
	j.Plan.Together(to.Layout.Base)
	if f.CA == "" && !f.Separate {
		if taken, err := f.takeForeign(j, a, use, to); taken || err != nil {
			return err
		}
	}
	if err := a.Trust(j, to); err != nil {
		return hint.With(err, "use one CA for everything, or name another CA for QEMU with --qemu-ca")
	}
	for _, role := range Roles(use) {
		if err := f.place(j, a, role, to); err != nil {
			return err
		}
	}
	return nil
}

// place plans the key pair of a role in a directory.
func (f *Folders) place(j *change.Job, a *authority.Authority, role pki.Role, to keypair.Dest) error {
	have, err := keypair.Load(f.Machine.Tree(), to.Layout, role)
	if err != nil {
		return err
	}
	given, err := f.given.pair(role, to)
	if err != nil {
		return err
	}
	switch f.sourceOf(have, given) {
	case kept:
		return f.keep(j, a, have, to)
	case brought:
		return f.placeGiven(j, have, given, to)
	case keyless:
		return have.KeyMissing()
	case copied:
		return f.copyPair(j, have, role, to)
	}
	return f.makePair(j, a, have, to)
}

// source says where the key pair of a directory comes from.
type source int

const (
	kept    source = iota // it is there, and is not a copy of libvirt's
	brought               // the host's bundle has one of its own for the directory
	keyless               // from nowhere: there is a certificate of its own without the key
	copied                // it is libvirt's
	made                  // the CA signs one for the directory
)

// sourceOf returns where a key pair comes from. have is the existing pair, and given the one in
// the host's bundle, or nil.
func (f *Folders) sourceOf(have, given *keypair.Pair) source {
	own := have.Cert != nil && !f.isCopy(have)
	switch {
	case own && have.Key != nil:
		return kept
	case given != nil:
		return brought
	case own:
		return keyless
	case f.Separate:
		return made
	}
	return copied
}

// makePair plans a key pair of the directory's own.
func (f *Folders) makePair(j *change.Job, a *authority.Authority, have *keypair.Pair, to keypair.Dest) error {
	if err := a.Unlock(f.Keys); err != nil {
		return err
	}
	id := f.Identities[have.Role]
	id.Place = to.Layout.Base
	_, err := a.MakePair(j, f.Keys, authority.Order{Leaf: f.Leaf, Identity: id, Now: f.Machine.Now()}, to, have)
	return err
}

// isCopy reports whether a pair is libvirt's, or the part of it that an interrupted run has
// left.
func (f *Folders) isCopy(have *keypair.Pair) bool {
	libvirts := f.Pairs[have.Role]
	return !f.Separate && libvirts != nil && have.Cert != nil && have.Cert.Equal(libvirts.Cert)
}

// keep leaves a pair as it is, and lets QEMU read its key.
func (f *Folders) keep(j *change.Job, a *authority.Authority, have *keypair.Pair, to keypair.Dest) error {
	if !a.HasSigned(have.Cert) {
		return hint.With(fmt.Errorf("%s: %s is not signed by the CA in %s", have.CertPath, subject.Of(have.Cert), a.Layout.Path(libvirt.CACert)),
			"move it away, and virtpki makes a new one; or name its CA with --qemu-ca")
	}
	data, err := f.Machine.Tree().ReadFile(have.KeyPath, store.MaxPEM)
	if err != nil {
		return err
	}
	return to.Write(&j.Plan, libvirt.KeyFile(string(have.Role)), data)
}

// takeForeign leaves a complete directory of another CA as it is, as on a host to which it was
// carried. It makes the keys readable for QEMU.
func (f *Folders) takeForeign(j *change.Job, a *authority.Authority, use libvirt.QEMUUse, to keypair.Dest) (bool, error) {
	certs, err := keypair.ReadCerts(f.Machine.Tree(), to.Layout.Path(libvirt.CACert))
	if err != nil || !authority.ForQEMU.Leaves(a, certs) {
		return false, nil // missing, or ours: its faults are told later
	}
	other := authority.At(f.Machine.Tree(), to.Layout, certs, nil)
	for _, role := range Roles(use) {
		have, err := keypair.Load(f.Machine.Tree(), to.Layout, role)
		if err != nil || have.Cert == nil || have.Key == nil || !other.HasSigned(have.Cert) {
			return false, err
		}
		if err := f.keep(j, other, have, to); err != nil {
			return false, err
		}
	}
	j.Note("%s is from another CA, %s: it was kept", to.Layout.Base, subject.Of(certs[0]))
	return true, nil
}

// copyPair plans a copy of libvirt's pair.
func (f *Folders) copyPair(j *change.Job, have *keypair.Pair, role pki.Role, to keypair.Dest) error {
	from := f.Pairs[role]
	if from == nil || from.Key == nil || from.Cert == nil {
		return hint.With(fmt.Errorf("there is no %s certificate with its key to copy for QEMU", role), "issue a host certificate, for both roles, or give QEMU its own with --separate")
	}
	if have.Key != nil && !pki.SameKey(have.Key.Public(), from.Key.Public()) {
		return hint.With(fmt.Errorf("there is a key already: %s", have.KeyPath), "move it away first")
	}
	return j.WritePair(to, role, from.Key, from.Cert, nil)
}

// keyOwner returns the owner of the keys: root, and the group in which QEMU is. It returns nil
// if this process does not run as root: nobody else can give a file to a group.
func (f *Folders) keyOwner(j *change.Job) (*store.Owner, error) {
	if machine.Owner() == nil {
		j.NoteOnce("only root can give QEMU's keys to its group: QEMU cannot read these")
		return nil, nil
	}
	name, gid, err := f.findGroup()
	if errors.Is(err, libvirt.ErrNoQEMUUser) && f.Group == "" {
		if !f.Portable {
			return nil, hint.With(err, "install libvirt's QEMU driver first, or name the group that may read the keys with --qemu-group")
		}
		j.NoteOnce("%v: on the host, give the keys in QEMU's directories to QEMU's group, or name it with --qemu-group", err)
		return machine.Owner(), nil
	}
	if machine.Unread(err) {
		return nil, err
	}
	if err != nil {
		return nil, hint.Usage(err)
	}
	if f.Portable {
		j.NoteOnce("QEMU's keys belong to the group %s, %d: on the host it must have the same number, and the copy must keep it; bootstrap --bundle does both", name, gid)
	}
	return &store.Owner{GID: gid}, nil
}

// findGroup returns the requested group, else the one of QEMU's user here.
func (f *Folders) findGroup() (name string, gid int, err error) {
	groups, err := machine.ReadIfThere(f.Machine.Tree(), f.Machine.Path("/etc/group"))
	if err != nil {
		return "", 0, err
	}
	if f.Group != "" {
		return libvirt.ParseGroup(groups, f.Group)
	}
	u, err := f.Machine.QEMUUser()
	return u.Group, u.GID, err
}
