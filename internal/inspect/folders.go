package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
)

// userFolder judges the user's own files: the CA and the CRL each fall back to the
// system's alone, certificate and key together (libvirt, src/rpc/virnettlsconfig.c).
func (c *inspector) userFolder(home string) {
	if c.libvirt == nil {
		return
	}
	user, system := libvirt.User(home), c.m.System()
	c.users = append(c.users, user.Base)
	p := c.places.of(judge.UserFolder, user, judge.Trust, judge.Client)
	strays(c.m.Tree(), &p, libvirt.MisplacedUser(home))
	found := judge.InPlace(p)
	set := c.files.set(judge.Client, "libvirt", user)
	set.More = c.files.identities(judge.Client, user)
	fallback := c.files.set(judge.Client, "libvirt", system)
	fallback.More = c.files.identities(judge.Client, system)
	if set.CA.Absent() {
		set.CA = fallback.CA
	}
	if set.CRL.Absent() {
		set.CRL = fallback.CRL
	}
	none := set.Cert.Absent() && set.Key.Absent() && len(set.More) == 0
	if none || (set.Cert.Absent() || set.Key.Absent()) && !c.libvirt.AtLeast(11, 10) {
		set.Cert, set.Key, set.More = fallback.Cert, fallback.Key, fallback.More
	}
	if set.Key.Path == fallback.Key.Path && errors.Is(set.Key.Err, fs.ErrPermission) {
		found = append(found, judge.NoOwnPair(set.Key.Path)...)
	}
	if set.CA.Absent() || set.Cert.Absent() && set.Key.Absent() && len(set.More) == 0 {
		rest := c.places.of(judge.SystemTree, system, judge.Trust, judge.Client)
		rest.Asked = true
		found = append(found, judge.InPlace(rest)...)
	}
	found = append(found, c.pairs.judge(set, *c.libvirt)...)
	c.gathered.conclude(party{role: "client", program: "virsh"}, user.Base, found)
}

// flatFolder judges a directory for ?pkipath=.
func (c *inspector) flatFolder(folder string) error {
	if c.libvirt == nil {
		return nil
	}
	if s := Spot(c.m.Tree(), folder); s.Err != nil {
		return fmt.Errorf("%s: %w", folder, s.Err)
	} else if !s.Mode.IsDir() {
		return fmt.Errorf("%s: not a directory", folder)
	}
	roles := c.flatRoles(folder)
	layout := libvirt.Flat(folder)
	p := c.places.of(judge.FlatFolder, layout, append([]judge.Role{judge.Trust}, roles...)...)
	strays(c.m.Tree(), &p, libvirt.MisplacedFlat(folder))
	for _, role := range roles {
		p.Numbered = p.Numbered || role == judge.Client && len(c.files.identities(role, layout)) > 0
	}
	found := judge.InPlace(p)
	for _, role := range roles {
		set := c.files.set(role, "libvirt", layout)
		set.More = c.files.identities(role, layout)
		c.gathered.conclude(party{role: string(role)}, folder, append(slices.Clone(found), c.pairs.judge(set, *c.libvirt)...))
	}
	if len(roles) == 0 {
		c.gathered.conclude(party{role: "ca"}, folder, append(found, c.pairs.ca(layout, "libvirt", *c.libvirt)...))
	}
	return nil
}

// flatRoles returns the roles that a directory is for: the client's, unless it contains the files
// of a server.
func (c *inspector) flatRoles(folder string) []judge.Role {
	switch {
	case len(c.r.Roles) > 0 && c.r.Roles[0] == judge.Trust:
		return nil
	case len(c.r.Roles) > 0:
		return c.r.Roles
	case c.m.Tree().Exists(filepath.Join(folder, "servercert.pem")) && !c.m.Tree().Exists(filepath.Join(folder, "clientcert.pem")):
		return []judge.Role{judge.Server}
	case c.m.Tree().Exists(filepath.Join(folder, "servercert.pem")):
		return []judge.Role{judge.Server, judge.Client}
	}
	return []judge.Role{judge.Client}
}
