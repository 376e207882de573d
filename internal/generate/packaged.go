package generate

import (
	"path/filepath"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// adminUnits is the directory for the units of an administrator. A unit there replaces one of a
// package (systemd.unit(5)).
const adminUnits = "/etc/systemd/system"

// packageUnits are the directories for the units of packages, the more important first.
var packageUnits = []string{"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// unit holds the facts that decide whether a unit is written.
type unit struct {
	text     string // that would be written
	admin    bool   // a file of its name is in adminUnits, or a link
	packaged string // the text of the package's unit that systemd uses; empty if there is none
}

// needless reports whether the package's unit does the same. A copy of it in adminUnits would
// outlive the package, and would hide the unit of its next version.
func (u unit) needless() bool { return !u.admin && u.packaged == u.text }

// isPackaged reports whether a file is a unit that need not be written.
func isPackaged(t store.Tree, file File) (bool, error) {
	root, ok := strings.CutSuffix(filepath.Dir(file.Path), adminUnits)
	if !ok {
		return false, nil
	}
	_, err := t.Lstat(file.Path) // a mask is a link
	u := unit{text: file.Text, admin: err == nil}
	for _, folder := range packageUnits {
		data, err := machine.ReadIfThere(t, filepath.Join(root, folder, file.Name))
		if err != nil {
			return false, err
		}
		if data != nil {
			u.packaged = string(data)
			break
		}
	}
	return u.needless(), nil
}

// reloads is the beginning of a step after which systemd knows new units.
const reloads = "systemctl daemon-reload && "

// planStep adds the step that remains after files were planned. The package has some of them;
// written is whether the plan changes others.
func planStep(j *change.Job, files, packaged []File, step string, written bool) {
	if len(packaged) > 0 {
		var names []string
		for _, file := range packaged {
			names = append(names, file.Name)
		}
		j.Did("%s: the package has the same, so nothing is written to %s", termtext.Join(names), filepath.Dir(packaged[0].Path))
	}
	switch {
	case step == "":
	case written:
		j.Next("%s", step)
	case len(packaged) > 0 && !enabled(j.Plan.Tree(), files):
		j.Next("%s", strings.TrimPrefix(step, reloads))
	}
}

// enabled reports whether systemd starts one of the units at the boot.
func enabled(t store.Tree, files []File) bool {
	for _, file := range files {
		for _, target := range []string{"timers.target.wants", "multi-user.target.wants"} {
			if t.Exists(filepath.Join(filepath.Dir(file.Path), target, file.Name)) {
				return true
			}
		}
	}
	return false
}
