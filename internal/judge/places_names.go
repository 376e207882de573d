package judge

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// Stray is a file in a place that no program reads.
type Stray struct {
	Path string
	File libvirt.File
}

// names looks for files that no program reads because of their name or directory.
func (j *placeJudge) names() {
	for _, stray := range j.Strays {
		j.stray(stray)
	}
	for _, crl := range j.CRLs {
		j.crlName(crl)
	}
	if j.OtherPrefix != "" {
		j.say(Finding{ID: "other-prefix", Level: Warning, File: j.OtherPrefix}, "there are files here too; this system's libvirt reads %s, one that was built by hand may read these", j.Base)
	}
	if j.Kind == UserFolder && j.UID == 0 {
		j.say(Finding{ID: "root-home", Level: Warning, File: j.Base}, "root's virsh never looks here: it uses the system's files, or those of ?pkipath=%s", j.Base)
	}
	j.labels()
}

func (j *placeJudge) stray(stray Stray) {
	right := j.Files[stray.File]
	switch {
	case right.Path == "":
	case right.absent() && right.Target == "":
		fix := fmt.Sprintf("mv %s %s", termtext.ShellWord(stray.Path), termtext.ShellWord(right.Path))
		j.say(Finding{ID: "misplaced", Level: Warning, File: stray.Path, Fix: fix}, "no program looks for it here; its place is %s", right.Path)
	default:
		j.say(Finding{ID: "misplaced", Level: Note, File: stray.Path}, "no program looks for it here; %s counts", right.Path)
	}
}

// NamedCRL is a file with CRLs, and the time at which the newest of them was made.
type NamedCRL struct {
	File
	Made time.Time
}

// crlName is about a CRL under a name that a daemon reads only if its configuration file says so.
// The example in libvirtd.conf is such a name.
func (j *placeJudge) crlName(crl NamedCRL) {
	right := j.Files[libvirt.CACRL].Path
	move := fmt.Sprintf("mv %s %s", termtext.ShellWord(crl.Path), termtext.ShellWord(right))
	switch {
	case strings.Contains(filepath.Base(crl.Path), ".pem.old") && !j.CRL.Absent() && !crl.Made.After(j.CRL.Made): // moved aside
	case j.CRL.Absent():
		j.say(Finding{ID: "crl-name", Level: Warning, File: crl.Path, Fix: move}, "libvirt does not read a CRL under this name; it reads %s", filepath.Base(right))
	case bytes.Equal(crl.Data, j.CRL.Data):
		j.say(Finding{ID: "crl-name", Level: Note, File: crl.Path}, "a copy of %s; libvirt does not read it under this name", filepath.Base(right))
	case crl.Made.After(j.CRL.Made):
		j.say(Finding{ID: "crl-name", Level: Warning, File: crl.Path, Fix: move}, "a CRL that is newer than %s, under a name that libvirt does not read: clients that it revokes are admitted", filepath.Base(right))
	default:
		j.say(Finding{ID: "crl-name", Level: Note, File: crl.Path}, "an older CRL than %s; libvirt does not read it under this name", filepath.Base(right))
	}
}

// certLabel is the SELinux type of everything below /etc/pki (fedora-selinux,
// policy/modules/system/miscfiles.fc). A file that was moved there from elsewhere keeps its
// previous type.
const certLabel = "cert_t"

func (j *placeJudge) labels() {
	if j.Kind != SystemTree && j.Kind != QEMUFolder {
		return
	}
	for _, file := range j.present() {
		if spot := j.Files[file]; spot.Label != "" && spot.Label != certLabel {
			j.say(Finding{ID: "label", Level: Warning, File: spot.Path, Fix: "restorecon " + termtext.ShellWord(spot.Path)}, "its SELinux type is %s, not %s: a daemon that SELinux confines may not read it", spot.Label, certLabel)
		}
	}
}
