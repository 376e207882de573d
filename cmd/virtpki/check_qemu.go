package main

import (
	"path/filepath"

	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

// qemuFolders judges qemu.conf and each folder that it, or a folder's being there,
// has QEMU read.
func (c *checker) qemuFolders() {
	file, ok := c.qemuConf()
	if !ok {
		return
	}
	folderOf := func(use libvirt.QEMUUse) string {
		return c.g.Path(use.FolderIn(file, c.g.Sysconfdir, c.exists))
	}
	asked := make(map[string]bool)
	for _, use := range c.o.uses {
		asked[folderOf(use)] = true
		c.asked[libvirt.QEMUFolder(folderOf(use)).Path(libvirt.CACert)] = use.Name
	}
	seen := make(map[string]bool)
	for _, use := range libvirt.QEMUUses() {
		folder := folderOf(use)
		if !seen[folder] && (asked[folder] || c.g.Tree().Exists(folder)) {
			seen[folder] = true
			c.qemuFolder(use, libvirt.QEMUFolder(folder), asked[folder])
		}
	}
}

// qemuConf judges qemu.conf; without one the defaults hold. A machine without any
// QEMU folder and with a sound qemu.conf is not spoken of.
func (c *checker) qemuConf() (*conf.File, bool) {
	f := c.file(libvirt.QEMUConfPath(c.g.Path(c.g.Sysconfdir)))
	found, file := judge.InQEMUConf(judge.QEMUConf{File: f, Sysconfdir: c.g.Sysconfdir, Exists: c.exists})
	if len(found) > 0 {
		c.conclude("qemu", "libvirt's QEMU driver", f.Path, found)
	}
	return file, file != nil
}

// qemuFolder judges one folder; one that was asked for has to be there.
func (c *checker) qemuFolder(use libvirt.QEMUUse, layout libvirt.Layout, asked bool) {
	c.uses[layout.Base] = use.Name
	roles := []judge.Role{judge.Trust}
	if use.Server {
		roles = append(roles, judge.Server)
	}
	if use.Client {
		roles = append(roles, judge.Client)
	}
	p := c.place(judge.QEMUFolder, layout, roles...)
	p.Asked = p.Asked || asked
	p.Folders = append([]judge.Spot{inspect.Spot(c.g.Tree(), filepath.Dir(layout.Base))}, p.Folders...)
	strays(c.g.Tree(), &p, libvirt.MisplacedQEMU(layout.Base))
	if user, err := c.g.QEMUUser(); err == nil {
		p.QEMU = &user
	}
	p.LocalAppArmor = c.g.Path(libvirt.AppArmorLocal)
	p.AppArmor = string(c.file(c.g.Path(libvirt.AppArmorQEMU)).Data)
	if p.AppArmor != "" {
		p.AppArmor += "\n" + string(c.file(p.LocalAppArmor).Data)
	}
	found := judge.InPlace(p)
	qemu, _ := keypair.ReadCertsIfThere(c.g.Tree(), layout.Path(libvirt.CACert)) // what is wrong with the files is said elsewhere
	system, _ := keypair.ReadCertsIfThere(c.g.Tree(), c.g.System().Path(libvirt.CACert))
	found = append(found, judge.InQEMUTrust(layout.Base, qemu, system)...)
	found = append(found, c.caFile(layout, "qemu", *c.qemu)...)
	for _, role := range roles[1:] {
		found = append(found, c.pair(c.set(role, "qemu", layout), *c.qemu)...)
	}
	c.conclude("qemu", layout.Base, layout.Base, found)
}
