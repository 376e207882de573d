package inspect

import (
	"os"

	"virtpki/internal/inventory"
	"virtpki/internal/libvirt"
)

// onlyUsers judges a workstation: no daemon listens for TLS, the system's tree is empty, and users
// have files of their own. It reports whether the machine is one.
func (c *inspector) onlyUsers() bool {
	if len(c.r.Roles) > 0 || c.list == nil || c.list.Server().Listening == inventory.Listens || c.anySystem() {
		return false
	}
	home, err := os.UserHomeDir()
	if err == nil && os.Geteuid() != 0 && c.m.Tree().Exists(libvirt.User(c.m.Path(home)).Path(libvirt.CACert)) {
		c.userFolder(c.m.Path(home))
		return true
	}
	if os.Geteuid() != 0 {
		return false
	}
	for _, folder := range c.list.Clients {
		base := c.m.Path(folder.Layout.Base)
		if folder.User != "" && folder.User != "root" && c.m.Tree().Exists(libvirt.Flat(base).Path(libvirt.ClientCert)) {
			c.gathered.decide(Verdict{Role: "client", Works: true, Clean: true, Says: folder.User + " has files in " + base + ", and nothing needs the system's"})
			return true
		}
	}
	return false
}

// anySystem reports whether any file of libvirt's exists in the system's tree.
func (c *inspector) anySystem() bool {
	for _, place := range c.m.System().Files() {
		if c.m.Tree().Exists(place.Path) {
			return true
		}
	}
	return false
}
