package inspect

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
)

// places looks at where files lie: their directories, modes and owners, and the files beside them.
type places struct {
	files *reader
	r     Request
}

// of describes all files of a layout that count for the roles.
func (p *places) of(kind judge.Kind, layout libvirt.Layout, roles ...judge.Role) judge.Place {
	place := judge.Place{Kind: kind, Base: layout.Base, Seen: p.seen(layout.Base), Roles: roles, Asked: len(p.r.Roles) > 0, Release: p.r.target(),
		Files: make(map[libvirt.File]judge.Spot), Want: make(map[string]fs.FileMode)}
	place.UID, place.GID = p.owner(kind, layout)
	seen := make(map[string]bool)
	for _, entry := range layout.Files() {
		if !counts(entry.File, roles) {
			continue
		}
		place.Files[entry.File] = p.files.spot(entry.Path)
		place.Want[entry.Path] = entry.Mode
		for _, folder := range layout.FoldersFor(entry.Path) {
			place.Want[folder.Path] = folder.Mode
			if !seen[folder.Path] {
				seen[folder.Path] = true
				place.Folders = append(place.Folders, Spot(p.files.m.Tree(), folder.Path))
			}
		}
	}
	return place
}

// counts reports whether a file belongs to one of the roles. The files that a rollover keeps belong
// to none.
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

// owner returns the required owner of the files of a place: root in the system's tree, except for a
// tree that another user makes for another machine. A tree that root owns already stays root's,
// whichever user runs virtpki.
func (p *places) owner(kind judge.Kind, layout libvirt.Layout) (uid, gid int) {
	top := layout.Base
	if kind == judge.SystemTree {
		top = filepath.Join(top, "pki")
	}
	if s := Spot(p.files.m.Tree(), top); kind != judge.UserFolder && kind != judge.FlatFolder && s.Err == nil && s.UID == 0 {
		return 0, 0
	}
	if s := Spot(p.files.m.Tree(), top); kind == judge.FlatFolder && s.Err == nil && os.Geteuid() == 0 && !p.r.Validate {
		return s.UID, s.GID // the directory belongs to a user, and is for that user's programs
	}
	if kind != judge.UserFolder && kind != judge.FlatFolder && (os.Geteuid() == 0 || p.files.m.Live()) {
		return 0, 0
	}
	return os.Geteuid(), os.Getegid()
}

// seen returns a path below --root as the machine will see it.
func (p *places) seen(path string) string {
	rel, err := filepath.Rel(p.files.m.Root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return path
	}
	return filepath.Join("/", rel)
}

// system returns the system's tree, with the files that lie in wrong places of it.
func (p *places) system(layout libvirt.Layout, roles ...judge.Role) judge.Place {
	place := p.of(judge.SystemTree, layout, roles...)
	place.Base = filepath.Join(layout.Base, "pki")
	strays(p.files.m.Tree(), &place, libvirt.MisplacedSystem(layout.Base))
	p.crlsBeside(&place, layout.Path(libvirt.CACRL))
	for _, other := range []string{"/etc", "/usr/local/etc"} {
		folder := p.files.m.Path(filepath.Join(other, "pki", "libvirt"))
		if filepath.Clean(p.files.m.Sysconfdir) != other && p.files.m.Tree().Exists(folder) {
			place.OtherPrefix = folder
		}
	}
	return place
}

// strays looks for files in places that no program reads.
func strays(t store.Tree, p *judge.Place, mistakes []libvirt.Misplaced) {
	for _, m := range mistakes {
		if info, err := t.Stat(m.Path); err == nil && info.Mode().IsRegular() {
			p.Strays = append(p.Strays, judge.Stray{Path: m.Path, File: m.File})
		}
	}
}

// maxListed is how many names of a directory are inspected.
const maxListed = 1000

// crlsBeside finds the CRLs that lie in the directory of a CA under other names.
func (p *places) crlsBeside(place *judge.Place, path string) {
	place.CRL = p.files.crl(path)
	folder, err := p.files.m.Tree().Open(filepath.Dir(path))
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
		if crl := p.files.crl(other); !crl.Made.IsZero() {
			place.CRLs = append(place.CRLs, crl)
		}
	}
}
