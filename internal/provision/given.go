package provision

import (
	"path/filepath"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// givenFolders are the directories for QEMU in a bundle that was made for this host. It is nil
// without a bundle, or for a bundle without any.
type givenFolders struct {
	tree       store.Tree                 // the bundle
	sysconfdir string                     // in the bundle
	main       map[pki.Role]*keypair.Pair // libvirt's pairs in the bundle
}

// take adds the directories of a bundle to those that are named. sysconfdir is the directory
// above them in the bundle.
func (f *Folders) take(b *Bundle, sysconfdir string) {
	f.given = &givenFolders{tree: b.CA.Tree, sysconfdir: sysconfdir, main: map[pki.Role]*keypair.Pair{pki.Server: b.Server, pki.Client: b.Client}}
	var q QEMU
	if f.QEMU != nil {
		q = *f.QEMU
	}
	q.Uses = f.given.uses(q.Uses)
	f.QEMU = &q
}

// uses adds the uses that have a directory in the bundle to those that were asked for.
func (v *givenFolders) uses(asked []libvirt.QEMUUse) []libvirt.QEMUUse {
	all := slices.Clone(asked)
	for _, use := range libvirt.QEMUUses() {
		named := slices.ContainsFunc(asked, func(a libvirt.QEMUUse) bool { return a.Name == use.Name })
		if !named && v.tree.Exists(use.Layout(v.sysconfdir).Path(libvirt.CACert)) {
			all = append(all, use)
		}
	}
	return all
}

// layout returns the bundle's directory that will become another one.
func (v *givenFolders) layout(to keypair.Dest) libvirt.Layout {
	return libvirt.QEMUFolder(filepath.Join(v.sysconfdir, "pki", filepath.Base(to.Layout.Base)))
}

// authority returns the CA of a directory: the bundle's own CA for it, else the one for
// libvirt.
func (v *givenFolders) authority(to keypair.Dest, otherwise *authority.Authority) (*authority.Authority, error) {
	if v == nil {
		return otherwise, nil
	}
	layout := v.layout(to)
	certs, err := keypair.ReadCertsIfThere(v.tree, layout.Path(libvirt.CACert))
	if err != nil || len(certs) == 0 || keypair.Same(certs, otherwise.Certificates) {
		return otherwise, err
	}
	crl, err := machine.ReadIfThere(v.tree, layout.Path(libvirt.CACRL))
	return authority.At(v.tree, layout, certs, crl), err
}

// pair returns the bundle's key pair for a directory, if it is not a copy of its pair for
// libvirt; nil for none.
func (v *givenFolders) pair(role pki.Role, to keypair.Dest) (*keypair.Pair, error) {
	if v == nil {
		return nil, nil
	}
	p, err := keypair.Load(v.tree, v.layout(to), role)
	if err != nil || p.Cert == nil || p.Key == nil {
		return nil, err
	}
	if main := v.main[role]; main != nil && main.Cert != nil && main.Cert.Equal(p.Cert) {
		return nil, nil
	}
	return p, nil
}

// placeGiven plans a pair of the bundle's; have is the pair in its destination.
func (f *Folders) placeGiven(j *change.Job, have, given *keypair.Pair, to keypair.Dest) error {
	j.Made = append(j.Made, change.Placed{Cert: given.Cert, Path: have.CertPath})
	return j.WritePair(to, given.Role, given.Key, given.Cert, nil)
}
