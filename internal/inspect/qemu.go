package inspect

import (
	"path/filepath"

	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

// qemuFolders judges qemu.conf and each directory that QEMU reads, because qemu.conf names it or
// because it exists.
func (c *inspector) qemuFolders() {
	file, ok := c.qemuConf()
	if !ok {
		return
	}
	folderOf := func(use libvirt.QEMUUse) string {
		return c.m.Path(use.FolderIn(file, c.m.Sysconfdir, c.host.exists))
	}
	asked := make(map[string]bool)
	for _, use := range c.r.Uses {
		asked[folderOf(use)] = true
		c.asked[libvirt.QEMUFolder(folderOf(use)).Path(libvirt.CACert)] = use.Name
	}
	seen := make(map[string]bool)
	for _, use := range libvirt.QEMUUses() {
		folder := folderOf(use)
		if !seen[folder] && (asked[folder] || c.m.Tree().Exists(folder)) {
			seen[folder] = true
			c.qemuFolder(use, libvirt.QEMUFolder(folder), asked[folder])
		}
	}
}

// qemuConf judges qemu.conf; the defaults apply without one. A machine without any QEMU directory
// and with a sound qemu.conf gets no report on QEMU.
func (c *inspector) qemuConf() (*conf.File, bool) {
	f := c.files.read(libvirt.QEMUConfPath(c.m.Path(c.m.Sysconfdir)))
	found, file := judge.InQEMUConf(judge.QEMUConf{File: f, Sysconfdir: c.m.Sysconfdir, Exists: c.host.exists})
	if len(found) > 0 {
		c.gathered.conclude(party{role: "qemu", program: "libvirt's QEMU driver"}, f.Path, found)
	}
	return file, file != nil
}

// qemuFolder judges one directory. A directory that the caller asked for has to exist.
func (c *inspector) qemuFolder(use libvirt.QEMUUse, layout libvirt.Layout, asked bool) {
	c.uses[layout.Base] = use.Name
	roles := []judge.Role{judge.Trust}
	if use.Server {
		roles = append(roles, judge.Server)
	}
	if use.Client {
		roles = append(roles, judge.Client)
	}
	p := c.places.of(judge.QEMUFolder, layout, roles...)
	p.Asked = p.Asked || asked
	p.Folders = append([]judge.Spot{Spot(c.m.Tree(), filepath.Dir(layout.Base))}, p.Folders...)
	strays(c.m.Tree(), &p, libvirt.MisplacedQEMU(layout.Base))
	if user, err := c.m.QEMUUser(); err == nil {
		p.QEMU = &user
	}
	p.LocalAppArmor = c.m.Path(libvirt.AppArmorLocal)
	p.AppArmor = string(c.files.read(c.m.Path(libvirt.AppArmorQEMU)).Data)
	if p.AppArmor != "" {
		p.AppArmor += "\n" + string(c.files.read(p.LocalAppArmor).Data)
	}
	found := judge.InPlace(p)
	qemu, _ := keypair.ReadCertsIfThere(c.m.Tree(), layout.Path(libvirt.CACert)) // other checks report the faults of the files
	system, _ := keypair.ReadCertsIfThere(c.m.Tree(), c.m.System().Path(libvirt.CACert))
	found = append(found, judge.InQEMUTrust(layout.Base, qemu, system)...)
	found = append(found, c.pairs.ca(layout, "qemu", *c.qemu)...)
	for _, role := range roles[1:] {
		found = append(found, c.pairs.judge(c.files.set(role, "qemu", layout), *c.qemu)...)
	}
	c.gathered.conclude(party{role: "qemu", program: layout.Base}, layout.Base, found)
}
