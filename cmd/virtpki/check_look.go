package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// file reads a file once.
func (c *checker) file(path string) judge.File {
	if path == "" {
		return judge.File{Err: fs.ErrNotExist}
	}
	if f, ok := c.files[path]; ok {
		return f
	}
	f := inspect.File(c.g.Tree(), path)
	c.files[path] = f
	return f
}

// spotOf looks at one of the files of a place, and whether it can be read.
func (c *checker) spotOf(path string) judge.Spot {
	s := inspect.Spot(c.g.Tree(), path)
	if s.Err == nil && s.Mode.IsRegular() {
		s.Unread = c.file(path).Err
	}
	return s
}

// place looks at everything of a layout that counts for the roles.
func (c *checker) place(kind judge.Kind, layout libvirt.Layout, roles ...judge.Role) judge.Place {
	p := judge.Place{Kind: kind, Base: layout.Base, Seen: c.seen(layout.Base), Roles: roles, Asked: len(c.o.roles) > 0, Target: c.target(),
		Files: make(map[libvirt.File]judge.Spot), Want: make(map[string]fs.FileMode)}
	p.UID, p.GID = c.owner(kind, layout)
	seen := make(map[string]bool)
	for _, entry := range layout.Files() {
		if !counts(entry.File, roles) {
			continue
		}
		p.Files[entry.File] = c.spotOf(entry.Path)
		p.Want[entry.Path] = entry.Mode
		for _, folder := range layout.FoldersFor(entry.Path) {
			p.Want[folder.Path] = folder.Mode
			if !seen[folder.Path] {
				seen[folder.Path] = true
				p.Folders = append(p.Folders, inspect.Spot(c.g.Tree(), folder.Path))
			}
		}
	}
	return p
}

// counts reports whether a file belongs to one of the roles. Of what a rollover
// keeps, nothing does.
func counts(file libvirt.File, roles []judge.Role) bool {
	for _, role := range roles {
		switch role {
		case judge.Trust:
			if file == libvirt.CACert || file == libvirt.CACRL || file == libvirt.CAKey {
				return true
			}
		default:
			if file == libvirt.CertFile(string(role)) || file == libvirt.KeyFile(string(role)) {
				return true
			}
		}
	}
	return false
}

// owner is whose the files of a place have to be: root's in the system's tree, but
// for a tree that somebody else makes for another machine. One that is root's already
// stays that, whoever looks at it.
func (c *checker) owner(kind judge.Kind, layout libvirt.Layout) (uid, gid int) {
	top := layout.Base
	if kind == judge.SystemTree {
		top = filepath.Join(top, "pki")
	}
	if s := inspect.Spot(c.g.Tree(), top); kind != judge.UserFolder && kind != judge.FlatFolder && s.Err == nil && s.UID == 0 {
		return 0, 0
	}
	if s := inspect.Spot(c.g.Tree(), top); kind == judge.FlatFolder && s.Err == nil && os.Geteuid() == 0 && c.o.like == "" {
		return s.UID, s.GID // it is a user's, and for that user's programs
	}
	if kind != judge.UserFolder && kind != judge.FlatFolder && (os.Geteuid() == 0 || c.g.Live()) {
		return 0, 0
	}
	return os.Geteuid(), os.Getegid()
}

// seen is a path below --root as the machine will see it.
func (c *checker) seen(path string) string {
	rel, err := filepath.Rel(c.g.Root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return path
	}
	return filepath.Join("/", rel)
}

// strays looks for files that lie where nobody reads them.
func strays(t store.Tree, p *judge.Place, mistakes []libvirt.Misplaced) {
	for _, m := range mistakes {
		if info, err := t.Stat(m.Path); err == nil && info.Mode().IsRegular() {
			p.Strays = append(p.Strays, judge.Stray{Path: m.Path, File: m.File})
		}
	}
}

// maxListed is how many names of a folder are looked at.
const maxListed = 1000

// crlsBeside finds the CRLs that lie in the folder of a CA under other names.
func (c *checker) crlsBeside(p *judge.Place, path string) {
	p.CRL = c.namedCRL(path)
	folder, err := c.g.Tree().Open(filepath.Dir(path))
	if err != nil {
		return
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(maxListed)
	for _, name := range names {
		other := filepath.Join(filepath.Dir(path), name)
		if other == path || !strings.Contains(strings.ToLower(name), "crl") {
			continue
		}
		if crl := c.namedCRL(other); !crl.Made.IsZero() {
			p.CRLs = append(p.CRLs, crl)
		}
	}
}

func (c *checker) namedCRL(path string) judge.NamedCRL {
	named := judge.NamedCRL{File: c.file(path)}
	lists, err := pki.ParseCRLs(named.Data)
	if err != nil {
		return named
	}
	for _, list := range lists {
		if list.ThisUpdate.After(named.Made) {
			named.Made = list.ThisUpdate
		}
	}
	return named
}
