package judge

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"

	"virtpki/internal/libvirt"
)

// Spot describes the file at one path, with links followed, as the caller saw it.
type Spot struct {
	Path string
	// Err is the reason why the path could not be inspected: fs.ErrNotExist, fs.ErrPermission,
	// syscall.ELOOP.
	Err error
	// Target is the target of a link at the path.
	Target   string
	Link     bool        // whether a link stands at the path
	Mode     fs.FileMode // type and permission bits
	UID, GID int
	// Unread is the reason why the bytes of a regular file could not be read.
	Unread error
	Label  string // its SELinux type; empty if there is none
}

func (s Spot) absent() bool { return leadsNowhere(s.Err) }
func (s Spot) hidden() bool {
	return errors.Is(s.Err, fs.ErrPermission) || errors.Is(s.Unread, fs.ErrPermission)
}

// Kind is the kind of a place. It decides which rules apply there.
type Kind int

// The kinds of places.
const (
	SystemTree Kind = iota // SYSCONFDIR/pki
	UserFolder             // ~/.pki/libvirt
	FlatFolder             // a directory for ?pkipath=
	NamedFiles             // the files that a daemon's configuration file names
	QEMUFolder             // /etc/pki/qemu and the like
)

// Trust is the role of the CA's file and its CRL, beside [Server] and [Client].
const Trust Role = "ca"

// Place holds the files of one place as the caller saw them.
type Place struct {
	Kind  Kind
	Base  string // the directory that contains everything of the place
	Roles []Role // the roles that count
	// Asked reports whether the caller named the roles: a missing file is an error then.
	Asked bool
	// Numbered reports whether numbered pairs exist, such as clientcert0.pem and its key.
	Numbered bool
	// Serves reports whether a daemon is set up to listen on this machine.
	Serves  bool
	Release libvirt.Release
	// UID and GID are the required owner of the files: root in the system's tree.
	UID, GID int
	Files    map[libvirt.File]Spot
	Folders  []Spot                 // outermost first, with their required modes in Want
	Want     map[string]fs.FileMode // by path
	Strays   []Stray                // files in places that no program reads
	CRLs     []NamedCRL             // files beside cacrl.pem that hold a CRL
	CRL      NamedCRL               // cacrl.pem
	// OtherPrefix is another tree of the same kind, such as /usr/local/etc/pki.
	OtherPrefix string
	// Seen is Base as the daemons see it, without a --root before it.
	Seen string
	// QEMU is the user that QEMU runs as, for its directories; nil if it is not known.
	QEMU *libvirt.QEMUUser
	// AppArmor is the text of the rules for QEMU and of the local addition to them; empty if there
	// is none. LocalAppArmor is the path of the addition.
	AppArmor, LocalAppArmor string
}

// placeJudge collects findings on one place.
type placeJudge struct {
	Place
	found []Finding
}

// InPlace returns the faults in the places, owners and permissions of files: in the order of the
// files, directories first.
func InPlace(p Place) []Finding {
	j := &placeJudge{Place: p}
	for _, folder := range p.Folders {
		j.folder(folder)
	}
	for _, role := range p.Roles {
		j.presence(role)
	}
	for _, file := range j.present() {
		before := len(j.found)
		j.file(file, p.Files[file])
		j.neverOpened(file, j.found[before:])
	}
	j.names()
	if p.Kind == QEMUFolder {
		j.qemu()
	}
	return j.found
}

func (j *placeJudge) say(f Finding, format string, args ...any) {
	if strings.HasPrefix(f.Fix, "ch") && j.link(f.File) { // chmod and the like change the target of a link
		f.Fix = "replace the link with the file itself, or fix the link's target, which others may use"
	}
	f.Stage, f.Text = Places, fmt.Sprintf(format, args...)
	j.found = append(j.found, f)
}

// link reports whether a path of the place is a link.
func (j *placeJudge) link(path string) bool {
	is := func(s Spot) bool { return s.Path == path && s.Link }
	return slices.ContainsFunc(j.Folders, is) || slices.ContainsFunc(slices.Collect(maps.Values(j.Files)), is)
}

// later moves the last finding to the stage in which it takes effect: the other side refuses a
// client that connects without a pair.
func (j *placeJudge) later(stage Stage) { j.found[len(j.found)-1].Stage = stage }

// present lists the existing files that count.
func (j *placeJudge) present() []libvirt.File {
	var files []libvirt.File
	for _, file := range []libvirt.File{libvirt.CACert, libvirt.CACRL, libvirt.CAKey, libvirt.ServerCert, libvirt.ServerKey, libvirt.ClientCert, libvirt.ClientKey} {
		spot, ok := j.Files[file]
		if ok && !spot.absent() && slices.Contains(j.Roles, roleOf(file)) {
			files = append(files, file)
		}
	}
	return files
}

func roleOf(file libvirt.File) Role {
	switch file {
	case libvirt.ServerCert, libvirt.ServerKey:
		return Server
	case libvirt.ClientCert, libvirt.ClientKey:
		return Client
	}
	return Trust
}

// presence looks for the missing files of a role.
func (j *placeJudge) presence(role Role) {
	switch role {
	case Trust:
		j.trustPresence()
	case Server:
		j.pairPresence(role, libvirt.ServerCert, libvirt.ServerKey)
	case Client:
		j.pairPresence(role, libvirt.ClientCert, libvirt.ClientKey)
	}
}

func (j *placeJudge) trustPresence() {
	ca, crl := j.Files[libvirt.CACert], j.Files[libvirt.CACRL]
	switch {
	case ca.absent() && ca.Target != "" && j.Kind == UserFolder:
		j.nowhere(ca, Warning, Places, "virsh silently uses the system's CA")
	case ca.absent() && ca.Target != "":
		j.nowhere(ca, Error, Places, j.without())
	case ca.absent() && j.Kind == UserFolder: // the system's is taken
	case ca.absent():
		j.say(Finding{ID: "no-ca", Level: Error, File: ca.Path}, "there is no CA certificate: %s", j.without())
	}
	switch {
	case crl.absent() && crl.Target != "" && j.Kind == QEMUFolder && errors.Is(crl.Err, syscall.ELOOP):
		j.nowhere(crl, Error, Places, j.without())
	case crl.absent() && crl.Target != "":
		j.nowhere(crl, Warning, Places, "no CRL is read, without a warning")
	case crl.absent() && crl.Path != "" && j.Kind == SystemTree && !ca.absent():
		j.say(Finding{ID: "no-crl", Level: Note, File: crl.Path}, "there is no CRL: revoked clients are admitted")
	}
}

// without describes the effect of a missing CA.
func (j *placeJudge) without() string {
	switch j.Kind {
	case QEMUFolder:
		return "QEMU does not start with TLS from this directory"
	case FlatFolder:
		return "no client connects with this directory"
	}
	return "a daemon that listens for TLS does not start, and no client connects"
}

// file checks one file of a place.
func (j *placeJudge) file(file libvirt.File, spot Spot) {
	switch {
	case spot.hidden():
		j.unseen(file, spot)
	case spot.Err != nil:
		j.say(Finding{ID: "unseen", Level: Warning, File: spot.Path}, "virtpki could not examine it: %s", plainReason(spot.Err))
	case !spot.Mode.IsRegular():
		j.say(Finding{ID: "not-a-file", Level: Error, File: spot.Path}, "%s is in the place of a file", typeOf(spot.Mode))
	case spot.Unread != nil:
		j.say(Finding{ID: "too-large", Level: Error, File: spot.Path}, "%s", plainReason(spot.Unread))
	}
	if spot.Err == nil && spot.Mode.IsRegular() {
		j.modes(file, spot)
		j.behindLink(file, spot)
	}
}

// behindLink reports a link in the place of a file that virtpki would replace one day.
func (j *placeJudge) behindLink(file libvirt.File, spot Spot) {
	if spot.Link && file != libvirt.CACert && (j.Kind == SystemTree || j.Kind == UserFolder || j.Kind == QEMUFolder) {
		j.say(Finding{ID: "link", Level: Note, File: spot.Path}, "a link to %q: virtpki renew leaves it to the program that made the link, unless you give --replace-links", spot.Target)
	}
}

// unseen is about a file that the current user may not read. If it is one of a client's own files,
// this user's virsh fails in the same way.
func (j *placeJudge) unseen(file libvirt.File, spot Spot) {
	role := roleOf(file)
	switch {
	case j.Kind == QEMUFolder || role == Server || file == libvirt.CAKey:
		level := Note
		if j.Asked {
			level = Warning
		}
		j.say(Finding{ID: "unseen", Level: level, File: spot.Path}, "you may not read it, so it was not checked; root may")
	case role == Client && j.Kind == SystemTree:
		j.found = append(j.found, NoOwnPair(spot.Path)...)
	default:
		j.say(Finding{ID: "not-readable", Level: Error, File: spot.Path}, "you may not read it, and neither may your virsh")
	}
}

// NoOwnPair returns the finding for a user who has no certificate and may not read the system's
// key, which virsh would use instead.
func NoOwnPair(key string) []Finding {
	j := &placeJudge{}
	j.say(Finding{ID: "not-readable", Level: Error, File: key}, "you have no certificate of your own, and may not read this key, so your virsh does not connect; a certificate and key of your own belong in ~/.pki/libvirt")
	return j.found
}

// typeOf names the type of anything that is not a regular file.
func typeOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// plainReason returns the text of an error without the path and the name of the system call.
func plainReason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	_, after, ok := strings.Cut(err.Error(), ": ")
	if !ok {
		return err.Error()
	}
	return after
}

// Missing reports whether nothing stands at the path.
func (s Spot) Missing() bool { return s.absent() && s.Target == "" }
