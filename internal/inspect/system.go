package inspect

import (
	"os"
	"path/filepath"

	"virtpki/internal/inventory"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
)

// trust judges the CA on this machine: the trusted certificates, and the key that signs.
func (c *inspector) trust() {
	layout := c.m.System()
	place := c.places.system(layout, judge.Trust)
	found := judge.InPlace(place)
	own := libvirt.CA(c.m.CAPath())
	if c.m.CADir != "" {
		found = append(found, judge.InPlace(c.places.of(judge.SystemTree, own, judge.Trust))...)
	}
	found = append(found, c.pairs.ca(layout, "libvirt", *c.libvirt)...)
	found = c.inDevice(append(found, c.caKey()...))
	if c.unused() {
		c.gathered.say(filepath.Join(layout.Base, "pki"), judge.Unserved(settled(found), true))
		return
	}
	c.gathered.conclude(party{role: "ca"}, layout.Base, found)
}

// unused reports whether no program uses the system's files: no daemon listens for TLS, and there
// is neither a client certificate nor its key.
func (c *inspector) unused() bool {
	layout := c.m.System()
	return len(c.r.Roles) == 0 && c.list != nil && c.list.Server().Listening == inventory.Silent &&
		!c.m.Tree().Exists(layout.Path(libvirt.ClientCert)) && !c.m.Tree().Exists(layout.Path(libvirt.ClientKey))
}

// caKey returns the findings on the key that signs here.
func (c *inspector) caKey() []judge.Finding {
	own := libvirt.CA(c.m.CAPath())
	cas, key := own.Path(libvirt.CACert), own.Path(libvirt.CAKey)
	return append(judge.CAKeyOnHost(c.files.read(cas), c.files.read(key)), c.otherTPMKey(cas, key)...)
}

// systemClient judges the files that virsh on this machine reads when the current user runs it.
func (c *inspector) systemClient(serves bool) {
	if os.Geteuid() != 0 {
		if home, err := os.UserHomeDir(); err == nil && c.m.Tree().Exists(libvirt.User(c.m.Path(home)).Base) {
			c.userFolder(c.m.Path(home))
			return
		}
	}
	layout := c.m.System()
	p := c.places.system(layout, judge.Trust, judge.Client)
	p.Serves = serves
	set := c.files.set(judge.Client, "libvirt", layout)
	set.More = c.files.identities(judge.Client, layout)
	p.Numbered = len(set.More) > 0
	found := append(judge.InPlace(p), c.pairs.judge(set, *c.libvirt)...)
	if c.unused() {
		found = judge.Unserved(settled(found), true)
	}
	c.gathered.conclude(party{role: "client", program: "virsh", cert: layout.Path(libvirt.ClientCert)}, layout.Base, found)
}

// rootHome warns root of a directory that only other users' programs read.
func (c *inspector) rootHome() {
	home, err := os.UserHomeDir()
	if err != nil || os.Geteuid() != 0 || !c.r.wants(judge.Client) {
		return
	}
	if user := libvirt.User(c.m.Path(home)); c.m.Tree().Exists(user.Base) {
		p := judge.Place{Kind: judge.UserFolder, Base: user.Base}
		c.gathered.say(user.Base, judge.InPlace(p))
	}
}

// swapped looks for files of the server and the client that have changed places.
func (c *inspector) swapped() {
	if len(c.r.Roles) > 0 {
		return
	}
	layout := c.m.System()
	found := judge.Swapped(c.files.set(judge.Server, "libvirt", layout), c.files.set(judge.Client, "libvirt", layout))
	if c.list != nil && c.list.Server().Listening == inventory.Silent {
		found = judge.Unserved(found, false) // the findings on the client report the client's faults
	}
	c.gathered.say(filepath.Join(layout.Base, "pki"), found)
}
