package judge

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"virtpki/dn"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// qemu checks the needs of QEMU in its own directories: it opens the files as its own user, and a
// directory for a single use counts as soon as it exists.
func (j *placeJudge) qemu() {
	if j.emptyFolder() {
		return
	}
	if j.QEMU != nil {
		j.readable()
	}
	j.appArmor()
}

// emptyFolder is about a directory without a CA: as soon as it exists, libvirt makes QEMU read it
// instead of the default one (libvirt, src/qemu/qemu_conf.c).
func (j *placeJudge) emptyFolder() bool {
	if !j.Files[libvirt.CACert].absent() || filepath.Base(j.Base) == "qemu" {
		return false
	}
	for i := range j.found {
		if j.found[i].ID == "no-ca" {
			j.found[i].ID = "qemu-empty"
			j.found[i].File = j.Base
			j.found[i].Text = "the directory exists but does not contain a CA: QEMU looks only here, so TLS for this use does not work"
			j.found[i].Fix = "rmdir " + termtext.ShellWord(j.Base)
		}
	}
	return true
}

// readable checks whether QEMU's user may read the files.
func (j *placeJudge) readable() {
	for _, folder := range j.Folders {
		if folder.Err == nil && !j.QEMU.MayEnter(folder.UID, folder.GID, folder.Mode) {
			j.say(Finding{ID: "qemu-unreadable", Level: Error, File: folder.Path, Fix: chmod(folder.Mode|0o055, folder.Path)}, "QEMU runs as user %s, who may not enter it", j.QEMU.User)
			return
		}
	}
	for _, file := range j.present() {
		spot := j.Files[file]
		if spot.Err != nil || !spot.Mode.IsRegular() || j.QEMU.MayRead(spot.UID, spot.GID, spot.Mode) {
			continue
		}
		fix := chmod(spot.Mode|0o044, spot.Path)
		if isKey(file) {
			fix = fmt.Sprintf("chgrp %s %s && chmod 0640 %s", j.group(), termtext.ShellWord(spot.Path), termtext.ShellWord(spot.Path))
		}
		j.say(Finding{ID: "qemu-unreadable", Level: Error, File: spot.Path, Fix: fix}, "QEMU runs as user %s, who may not read it (owner %d, group %d, mode %04o)", j.QEMU.User, spot.UID, spot.GID, spot.Mode.Perm())
	}
}

// group returns QEMU's group, by number in a tree that is for another machine.
func (j *placeJudge) group() string {
	if j.Seen != j.Base {
		return strconv.Itoa(j.QEMU.GID)
	}
	return termtext.ShellWord(j.QEMU.Group)
}

// appArmor checks whether libvirt's profile for QEMU names the directory (libvirt,
// src/security/apparmor/libvirt-qemu.in).
func (j *placeJudge) appArmor() {
	if j.AppArmor == "" || slices.Contains(profilePaths(j.AppArmor), j.Seen+"/**") {
		return
	}
	dir := filepath.Dir(j.LocalAppArmor)
	fix := fmt.Sprintf("mkdir -p %s && echo %s >>%s", termtext.ShellWord(dir), termtext.ShellWord("  "+j.Seen+"/** r,"), termtext.ShellWord(j.LocalAppArmor))
	j.say(Finding{ID: "apparmor", Level: Warning, File: j.Base, Fix: fix}, "the AppArmor profile of QEMU does not list it: a confined guest may not read it")
}

// profilePaths lists the paths for which an AppArmor profile has rules, with
// {a,b} written out.
func profilePaths(profile string) []string {
	var paths []string
	for line := range strings.Lines(profile) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasPrefix(fields[0], "/") {
			paths = append(paths, expand(fields[0])...)
		}
	}
	return paths
}

// expand writes out the alternatives of a path. It leaves a path with very many braces unchanged.
func expand(path string) []string {
	before, rest, ok := strings.Cut(path, "{")
	inside, after, closed := strings.Cut(rest, "}")
	if !ok || !closed || strings.Count(path, "{") > 3 {
		return []string{path}
	}
	var paths []string
	for choice := range strings.SplitSeq(inside, ",") {
		paths = append(paths, expand(before+choice+after)...)
	}
	return paths
}

// InQEMUTrust compares the CAs that QEMU trusts in its directory base with those that libvirt
// trusts. Two hosts migrate no guest to each other if their QEMUs trust different CAs, and neither
// host can see the CAs of the other.
func InQEMUTrust(base string, qemu, libvirts []*x509.Certificate) []Finding {
	if len(qemu) == 0 || len(libvirts) == 0 || slices.ContainsFunc(qemu, func(ca *x509.Certificate) bool { return slices.ContainsFunc(libvirts, ca.Equal) }) {
		return nil
	}
	return []Finding{{ID: "qemu-other-ca", Level: Note, Stage: Places, File: base,
		Text: fmt.Sprintf("QEMU trusts another CA here, %q, than libvirt: a guest migrates only between hosts where QEMU trusts that CA", subjectText(qemu[0]))}}
}

// subjectText is a subject as libvirt prints it.
func subjectText(cert *x509.Certificate) string {
	text, err := dn.FromRDNSequence(cert.RawSubject)
	if err != nil {
		return cert.Subject.String()
	}
	return text
}
