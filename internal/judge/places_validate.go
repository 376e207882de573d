package judge

import (
	"io/fs"
	"path/filepath"
	"time"

	"virtpki/internal/libvirt"
)

// Line is one check of virt-pki-validate; without findings it prints PASS.
type Line struct {
	Role  Role
	What  string // in its own words
	Found []Finding
}

// Validation holds the files and facts that Validate checks.
type Validation struct {
	Place   Place
	Set     func(Role) Set
	Release libvirt.Release
	Now     time.Time
	Name    string // the host's name, in full if it is known; an empty name is not compared
}

// validator makes the checks of one role. A missing file ends them.
type validator struct {
	Validation
	role  Role
	lines []Line
	ended bool
}

// Validate checks a role as virt-pki-validate of libvirt 10.5 and later does (libvirt,
// tools/virt-pki-validate.c): the same files, in its order, with its exact demands of owner and
// mode. Releases from 11.10 on have errors in their check of the certificate; Validate does not
// repeat them.
func Validate(v Validation, role Role) []Line {
	w := &validator{Validation: v, role: role}
	system := v.Place.Kind == SystemTree
	names := map[Kind]string{UserFolder: "user PKI base dir", FlatFolder: "custom PKI base dir"}
	switch {
	case role == Trust && system:
		w.folder("system PKI dir", v.Place.Base)
		w.folder("system CA dir", filepath.Join(v.Place.Base, "CA"))
	case role == Trust:
		w.folder(names[v.Place.Kind], v.Place.Base)
	case system:
		w.folder("system cert dir", filepath.Join(v.Place.Base, "libvirt"))
		w.folder("system key dir", filepath.Join(v.Place.Base, "libvirt", "private"))
	}
	if role == Trust {
		w.file("CA cert", libvirt.CACert)
		return w.lines
	}
	w.file("key", libvirt.KeyFile(string(role)))
	w.file("cert", libvirt.CertFile(string(role)))
	if !w.ended {
		w.properties()
	}
	return w.lines
}

func (w *validator) line(what string, found ...Finding) {
	w.lines = append(w.lines, Line{w.role, what, found})
}

func (w *validator) folder(what, path string) {
	for _, spot := range w.Place.Folders {
		if spot.Path == path {
			w.spot("if "+what+" exists", what+" access", spot, w.Place.Want[path])
		}
	}
}

func (w *validator) file(what string, file libvirt.File) {
	spot := w.Place.Files[file]
	want := w.Place.Want[spot.Path]
	if file == libvirt.ClientKey && w.Place.Kind == SystemTree {
		want = 0o644
	}
	w.spot("if "+what+" exists", what+" access", spot, want)
}

// spot checks one path: that it exists, and has the right owner and mode.
func (w *validator) spot(exists, access string, spot Spot, want fs.FileMode) {
	if w.ended {
		return
	}
	if spot.Err != nil {
		w.ended = true
		w.line(exists, Finding{ID: "validate-missing", Level: Error, Stage: Places, File: spot.Path, Text: "it is not there: " + plainReason(spot.Err)})
		return
	}
	w.line(exists)
	if spot.UID == w.Place.UID && spot.GID == w.Place.GID && spot.Mode.Perm() == want {
		w.line(access)
		return
	}
	j := placeJudge{Place: w.Place}
	fix := chown(j.UID, j.GID, spot.Path) + " && " + chmod(want, spot.Path)
	if spot.Path == w.Place.Files[libvirt.ClientKey].Path {
		fix = "" // following virt-pki-validate would make a private key readable to all: virtpki does not propose it
	}
	j.say(Finding{ID: "validate-access", Level: Error, File: spot.Path, Fix: fix}, "owner %d:%d, mode %04o; virt-pki-validate wants %s and %04o", spot.UID, spot.GID, spot.Mode.Perm(), whose(j.UID, j.GID), want)
	w.line(access, j.found...)
}

// properties makes libvirt's own check of the certificate, and compares the host's name.
func (w *validator) properties() {
	set := w.Set(w.role)
	if set.CA.Absent() {
		return // which has a line of its own
	}
	var refused []Finding
	for _, f := range append(OwnFiles(set, w.Release, w.Now), InSession(set, Peer{}, w.Release, w.Now)...) {
		if f.Level == Error {
			refused = append(refused, f)
		}
	}
	w.line("cert properties", refused...)
	if w.role != Server || w.Name == "" {
		return
	}
	if ok, why := HostName(set.Cert, w.Name); !ok {
		w.line("cert hostname match", Finding{ID: "validate-name", Level: Error, Stage: Host, File: set.Cert.Path, Fix: "virtpki renew" + asSANs([]string{w.Name}), Text: "it is not for " + w.Name + inBrackets(why)})
		return
	}
	w.line("cert hostname match")
}
