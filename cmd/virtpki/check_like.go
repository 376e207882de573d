package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// likeValidate is the program whose demands --like takes over.
const likeValidate = "virt-pki-validate"

// validateScopes are its names of the roles.
var validateScopes = map[judge.Role]string{judge.Trust: "TRUST", judge.Server: "SERVER", judge.Client: "CLIENT"}

// validate is check --like virt-pki-validate.
func (c *checker) validate() error {
	v, layout, err := c.validation()
	if err != nil {
		return err
	}
	v.Set = func(role judge.Role) judge.Set { return c.set(role, "libvirt", layout) }
	var lines []judge.Line
	for _, role := range []judge.Role{judge.Trust, judge.Server, judge.Client} {
		if c.o.wants(role) {
			lines = append(lines, judge.Validate(v, role)...)
		}
	}
	return c.tellLines(v.Place.Base, lines)
}

// validation is what it is asked about: the system's places, the user's or a folder.
func (c *checker) validation() (judge.Validation, libvirt.Layout, error) {
	v := judge.Validation{Target: *c.libvirt, Now: c.here.Now()}
	if names := c.machine.Names; len(names) > 0 {
		v.Name = names[len(names)-1]
	}
	kind, layout := judge.SystemTree, c.g.System()
	switch {
	case c.o.pkipath != "":
		kind, layout = judge.FlatFolder, libvirt.Flat(filepath.Clean(c.o.pkipath))
	case c.o.user:
		home, err := os.UserHomeDir()
		if err != nil {
			return v, layout, err
		}
		kind, layout = judge.UserFolder, libvirt.User(c.g.Path(home))
	}
	v.Place = c.place(kind, layout, judge.Trust, judge.Server, judge.Client)
	if kind == judge.SystemTree {
		v.Place.Base = filepath.Join(layout.Base, "pki")
	}
	return v, layout, nil
}

// tellLines prints the lines as the program does, and exits 1 where it should.
func (c *checker) tellLines(place string, lines []judge.Line) error {
	found := &area{title: place}
	for _, line := range lines {
		found.found = append(found.found, line.Found...)
	}
	switch {
	case c.g.json:
		c.areas = []*area{found}
		if err := c.tellJSON(c.merged()); err != nil {
			return err
		}
	case !c.g.quiet:
		for _, line := range lines {
			c.tellLine(line)
		}
	}
	if len(found.found) > 0 {
		return hint.ErrFailed
	}
	return nil
}

func (c *checker) tellLine(line judge.Line) {
	result := "PASS"
	var why []string
	for _, f := range line.Found {
		text := fmt.Sprintf("%s: %s", f.File, f.Text)
		if fix := c.fix(f); fix != "" {
			text += "; run: " + fix
		}
		why = append(why, text)
	}
	if len(why) > 0 {
		result = "FAIL (" + strings.Join(why, "; ") + ")"
	}
	termtext.Fprintf(c.stdout, "%6s: Checking %-40s: %s\n", validateScopes[line.Role], line.What, termtext.Quote(result))
}
