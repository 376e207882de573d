package inspect

import (
	"os"
	"path/filepath"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
)

// Validation holds the findings of a correct virt-pki-validate.
type Validation struct {
	Lines   []judge.Line // as the program prints them, with the findings that it would report
	*Report              // the same findings in order
}

// Validate judges the parts that the request names as a correct virt-pki-validate would.
func Validate(m *machine.Machine, r Request) (*Validation, error) {
	r.Validate = true
	c, err := newInspector(m, r)
	if err != nil {
		return nil, err
	}
	v, layout, err := c.validation()
	if err != nil {
		return nil, err
	}
	v.Set = func(role judge.Role) judge.Set { return c.files.set(role, "libvirt", layout) }
	var lines []judge.Line
	for _, role := range []judge.Role{judge.Trust, judge.Server, judge.Client} {
		if c.r.wants(role) {
			lines = append(lines, judge.Validate(v, role)...)
		}
	}
	var found []judge.Finding
	for _, line := range lines {
		found = append(found, line.Found...)
	}
	c.gathered.say(v.Place.Base, found)
	fix := c.fixer().fix
	report := c.gathered.report(fix)
	for _, line := range lines {
		for i := range line.Found {
			line.Found[i].Fix = fix(line.Found[i])
		}
	}
	return &Validation{lines, report}, nil
}

// validation returns the place to validate: the system's, the user's or a directory.
func (c *inspector) validation() (judge.Validation, libvirt.Layout, error) {
	v := judge.Validation{Release: c.r.target(), Now: c.m.Now()}
	if names := c.machine.Names; len(names) > 0 {
		v.Name = names[len(names)-1]
	}
	kind, layout := judge.SystemTree, c.m.System()
	switch {
	case c.r.PKIPath != "":
		kind, layout = judge.FlatFolder, libvirt.Flat(filepath.Clean(c.r.PKIPath))
	case c.r.User:
		home, err := os.UserHomeDir()
		if err != nil {
			return v, layout, err
		}
		kind, layout = judge.UserFolder, libvirt.User(c.m.Path(home))
	}
	v.Place = c.places.of(kind, layout, judge.Trust, judge.Server, judge.Client)
	if kind == judge.SystemTree {
		v.Place.Base = filepath.Join(layout.Base, "pki")
	}
	return v, layout, nil
}
