package judge

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// folder checks one directory. virt-pki-validate requires those of the system's tree to belong to
// root with mode 0755, and a user's own to have mode 0700.
func (j *placeJudge) folder(spot Spot) {
	switch {
	case spot.absent():
		return // another check reports the files that are missing in it
	case spot.hidden():
		j.say(Finding{ID: "unseen", Level: Warning, File: spot.Path}, "you may not read it, so its contents were not checked")
		return
	case spot.Err != nil:
		j.say(Finding{ID: "unseen", Level: Warning, File: spot.Path}, "virtpki could not examine it: %s", plainReason(spot.Err))
		return
	case !spot.Mode.IsDir():
		j.say(Finding{ID: "not-a-folder", Level: Error, File: spot.Path}, "%s is in the place of a directory", fileOr(spot.Mode))
		return
	}
	want, judged := j.Want[spot.Path]
	if !judged {
		return
	}
	if j.Kind == QEMUFolder {
		j.stranger(spot)
	} else {
		j.owner(spot)
	}
	j.folderMode(spot, want)
}

// stranger checks the owner of one of QEMU's directories: root, or QEMU's user. virt-pki-validate
// does not look at it, and its group is the one that gives QEMU access.
func (j *placeJudge) stranger(spot Spot) {
	if spot.UID == j.UID || j.QEMU != nil && spot.UID == j.QEMU.UID {
		return
	}
	fix := fmt.Sprintf("chown %d %s", j.UID, termtext.ShellWord(spot.Path))
	if j.QEMU != nil && !j.QEMU.MayEnter(j.UID, spot.GID, spot.Mode) {
		fix += fmt.Sprintf(" && chgrp %s %s && chmod g+rx %s", j.group(), termtext.ShellWord(spot.Path), termtext.ShellWord(spot.Path))
	}
	j.say(Finding{ID: "owner", Level: Warning, File: spot.Path, Fix: fix}, "it belongs to user %d, who may replace the files in it", spot.UID)
}

// chmodKey gives a key a mode, and gives the key to QEMU's group if QEMU could not read it
// otherwise.
func (j *placeJudge) chmodKey(mode fs.FileMode, spot Spot) string {
	if j.Kind != QEMUFolder || j.QEMU == nil || j.QEMU.MayRead(spot.UID, spot.GID, mode) {
		return chmod(mode, spot.Path)
	}
	path := termtext.ShellWord(spot.Path)
	return fmt.Sprintf("chgrp %s %s && chmod 0640 %s", j.group(), path, path)
}

func (j *placeJudge) folderMode(spot Spot, want fs.FileMode) {
	mode, fix := spot.Mode.Perm(), chmod(want, spot.Path)
	switch {
	case mode == want:
	case mode&0o022 != 0 && spot.Mode&fs.ModeSticky == 0:
		j.say(Finding{ID: "writable", Level: Warning, File: spot.Path, Fix: fix}, "mode %04o: others may replace the files in it", mode)
	case j.Kind == QEMUFolder: // only QEMU's access matters here
	case want == 0o755 && mode&0o055 != 0o055:
		j.say(Finding{ID: "closed", Level: Warning, File: spot.Path, Fix: fix}, "mode %04o: only root can use the files in it; a user's virsh behaves as if they did not exist", mode)
	case want == 0o700 && mode&0o077 != 0:
		j.say(Finding{ID: "mode", Level: Warning, File: spot.Path, Fix: fix}, "mode %04o: others can look into it; %s %04o", mode, j.wants(spot.Path), want)
	default:
		j.say(Finding{ID: "mode", Level: Note, File: spot.Path, Fix: fix}, "mode %04o; %s %04o", mode, j.wants(spot.Path), want)
	}
}

// wants names the origin of a demand: virt-pki-validate does not look at a CA's key.
func (j *placeJudge) wants(path string) string {
	key := j.Files[libvirt.CAKey].Path
	if key != "" && (path == key || path == filepath.Dir(key)) {
		return "it should be"
	}
	return "virt-pki-validate wants"
}

// modes checks owner and mode of an existing file.
func (j *placeJudge) modes(file libvirt.File, spot Spot) {
	if j.Kind == QEMUFolder && !isKey(file) || j.Kind == NamedFiles {
		j.others(file, spot)
		return
	}
	if j.Kind != QEMUFolder {
		j.owner(spot)
	}
	want := j.Want[spot.Path]
	mode, fix := spot.Mode.Perm(), j.chmodKey(want, spot)
	switch {
	case mode == want || want == 0:
	case file == libvirt.ClientKey && j.Kind == SystemTree && mode == 0o644:
		j.say(Finding{ID: "shared-client-key", Level: Note, File: spot.Path, Fix: chmod(0o600, spot.Path)}, "mode 0644, as virt-pki-validate wants it: every local user can connect as this host")
	case mode&0o022 != 0 && !(j.Kind == QEMUFolder && mode&0o022 == 0o020):
		j.say(Finding{ID: "writable", Level: Warning, File: spot.Path, Fix: fix}, "mode %04o: others may change it", mode)
	case isKey(file) && mode&openBits(j.Kind) != 0:
		j.say(Finding{ID: "key-open", Level: Warning, File: spot.Path, Fix: fix}, "mode %04o: users other than its owner can read this private key", mode)
	case !isKey(file) && want == 0o644 && mode&0o044 != 0o044:
		j.say(Finding{ID: "closed", Level: Warning, File: spot.Path, Fix: fix}, "mode %04o: a user's virsh cannot read it", mode)
	case j.Kind == QEMUFolder:
	default:
		j.say(Finding{ID: "mode", Level: Note, File: spot.Path, Fix: fix}, "mode %04o; %s %04o", mode, j.wants(spot.Path), want)
	}
}

// others checks a file for which virt-pki-validate has no rule.
func (j *placeJudge) others(file libvirt.File, spot Spot) {
	mode := spot.Mode.Perm()
	switch {
	case isKey(file) && mode&0o007 != 0:
		j.say(Finding{ID: "key-open", Level: Warning, File: spot.Path, Fix: chmod(mode&^0o007, spot.Path)}, "mode %04o: everybody can read this private key", mode)
	case mode&0o022 != 0:
		j.say(Finding{ID: "writable", Level: Warning, File: spot.Path, Fix: chmod(mode&^0o022, spot.Path)}, "mode %04o: others may change it", mode)
	}
}

// openBits returns the permission bits that give access to a key to more users than necessary: in
// QEMU's directories the group has to read it.
func openBits(kind Kind) fs.FileMode {
	if kind == QEMUFolder {
		return 0o007
	}
	return 0o077
}

func isKey(file libvirt.File) bool {
	return file == libvirt.ServerKey || file == libvirt.ClientKey || file == libvirt.CAKey
}

// owner checks the owner and group of a file or directory.
func (j *placeJudge) owner(spot Spot) {
	if spot.UID == j.UID && spot.GID == j.GID {
		return
	}
	fix := chown(j.UID, j.GID, spot.Path)
	if spot.UID != j.UID {
		j.say(Finding{ID: "owner", Level: Warning, File: spot.Path, Fix: fix}, "it belongs to user %d, who may change it; virt-pki-validate wants %s", spot.UID, whose(j.UID, j.GID))
		return
	}
	j.say(Finding{ID: "owner", Level: Note, File: spot.Path, Fix: fix}, "it belongs to group %d; virt-pki-validate wants %s", spot.GID, whose(j.UID, j.GID))
}

func whose(uid, gid int) string {
	if uid == 0 && gid == 0 {
		return "root:root"
	}
	return fmt.Sprintf("%d:%d", uid, gid)
}

func fileOr(mode fs.FileMode) string {
	if mode.IsRegular() {
		return "a file"
	}
	return typeOf(mode)
}

func chmod(mode fs.FileMode, path string) string {
	return fmt.Sprintf("chmod %04o %s", mode.Perm(), termtext.ShellWord(path))
}

// chown gives a file to a user or a group. A user may exchange a file for a link before root types
// the command.
func chown(uid, gid int, path string) string {
	if uid != 0 {
		return fmt.Sprintf("chown -h %s %s", whose(uid, gid), termtext.ShellWord(path))
	}
	return fmt.Sprintf("chown %s %s", whose(uid, gid), termtext.ShellWord(path))
}
