package systemd

import (
	"cmp"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/store"
)

// searchPath is where the system's manager looks for units and drop-ins, the more important
// directories first (systemd.unit(5); systemd, src/basic/path-lookup.c).
var searchPath = []string{
	"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/run/systemd/generator.early",
	"/etc/systemd/system", "/etc/systemd/system.attached", "/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/generator",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator.late",
}

// maxUnit is the size that a unit or an environment file may have, in bytes.
const maxUnit = 1 << 20

// Machine is the machine, or the image below Root, that the units are read from.
type Machine struct {
	Tree store.Tree
	Root string // stands before every path of the machine's

	path []string // those of searchPath that are there; nil before anybody has looked
}

// Look finds out where the machine has units: most lack some of the places, and most
// images all.
func Look(t store.Tree, root string) Machine {
	m := Machine{Tree: t, Root: root, path: []string{}}
	for _, folder := range searchPath {
		if t.Exists(m.seen(folder)) {
			m.path = append(m.path, folder)
		}
	}
	return m
}

// places are the directories in which units are looked for.
func (m Machine) places() []string {
	if m.path == nil {
		return searchPath
	}
	return m.path
}

func (m Machine) seen(path string) string { return filepath.Join(m.Root, path) }

// Managed reports whether the machine has a place for units of its own: systemd starts
// its daemons.
func (m Machine) Managed() bool { return m.Tree.Exists(m.seen("/etc/systemd/system")) }

// Has reports whether the machine has a unit, masked or not.
func (m Machine) Has(name string) bool { return m.fragment(name) != "" }

// Masked reports whether a unit is masked: its file is empty, or a link to /dev/null, so
// that nothing starts it.
func (m Machine) Masked(name string) bool {
	path := m.fragment(name)
	return path != "" && m.empty(path)
}

// fragment returns the unit file that counts, as the machine sees it; empty if the unit has
// none.
func (m Machine) fragment(name string) string {
	for _, folder := range m.places() {
		path := filepath.Join(folder, name)
		if m.Tree.Exists(m.seen(path)) {
			return path
		}
	}
	return ""
}

// empty reports whether a unit file or a drop-in is a link to /dev/null or has no
// contents.
func (m Machine) empty(path string) bool {
	if target, err := m.Tree.Readlink(m.seen(path)); err == nil && filepath.Clean(target) == "/dev/null" {
		return true
	}
	info, err := m.Tree.Stat(m.seen(path))
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}

// dropIns returns the drop-ins of a unit in the order in which they are read: by their file
// names, over all directories. Of two with one name the one in the more important directory
// counts.
func (m Machine) dropIns(name string) []string {
	byName := make(map[string]string)
	for _, folder := range dropInFolders(name) {
		entries, _ := m.Tree.ReadDir(m.seen(folder))
		for _, entry := range entries {
			if base := entry.Name(); strings.HasSuffix(base, ".conf") && !strings.HasPrefix(base, ".") {
				byName[base] = cmp.Or(byName[base], filepath.Join(folder, base))
			}
		}
	}
	var paths []string
	for _, base := range slices.Sorted(maps.Keys(byName)) {
		paths = append(paths, byName[base])
	}
	return paths
}

// dropInFolders lists the directories with drop-ins for a unit: those of its name, of
// each beginning of it that ends with a dash, and of its type (systemd,
// src/shared/dropin.c).
func dropInFolders(name string) []string {
	dot := strings.LastIndexByte(name, '.')
	suffix := name[dot:]
	names := []string{name}
	for stem := strings.TrimRight(name[:dot], "-"); ; {
		dash := strings.LastIndexByte(stem, '-')
		if dash <= 0 {
			break
		}
		names = append(names, stem[:dash+1]+suffix)
		stem = strings.TrimRight(stem[:dash], "-")
	}
	var folders []string
	for _, path := range searchPath {
		for _, n := range names {
			folders = append(folders, filepath.Join(path, n+".d"))
		}
	}
	for _, path := range searchPath {
		folders = append(folders, filepath.Join(path, suffix[1:]+".d"))
	}
	return folders
}

// WantedBy returns the link that makes one of the units start name, as the machine sees it;
// empty if none does.
func (m Machine) WantedBy(name string, units ...string) string {
	for _, folder := range m.places() {
		for _, unit := range units {
			for _, how := range []string{".wants", ".requires", ".upholds"} {
				if link := filepath.Join(folder, unit+how, name); m.Tree.Exists(m.seen(link)) {
					return link
				}
			}
		}
	}
	return ""
}

// line is an assignment with the file that it stands in.
type line struct {
	assignment
	file string
}

// lines returns the assignments of a unit, its drop-ins' after its own. It returns an error
// when the unit does not exist, cannot be read, or is too large.
func (m Machine) lines(name string) ([]line, error) {
	path := m.fragment(name)
	if path == "" {
		return nil, &fs.PathError{Op: "find", Path: name, Err: fs.ErrNotExist}
	}
	if m.Masked(name) { // its drop-ins start nothing either
		return nil, nil
	}
	var all []line
	var q quota
	for i, file := range append([]string{path}, m.dropIns(name)...) {
		data, err := m.Tree.ReadFile(m.seen(file), maxUnit)
		if err := q.take(len(data)); err != nil {
			return nil, err
		}
		if err != nil && i == 0 && !m.empty(file) {
			return nil, err
		}
		assignments, err := parseUnit(data)
		if err != nil && i == 0 {
			return nil, err
		}
		for _, a := range assignments {
			all = append(all, line{a, file})
		}
	}
	return all, nil
}
