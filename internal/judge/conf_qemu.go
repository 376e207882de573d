package judge

import (
	"errors"
	"strings"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

// QEMUConf is qemu.conf, with the facts needed to judge it.
type QEMUConf struct {
	File       File
	Sysconfdir string // libvirt's
	// Exists reports whether a file or directory exists at a path of the machine's.
	Exists func(path string) bool
}

// InQEMUConf returns the faults of the TLS settings in qemu.conf. The second result is the parsed
// file, or nil if libvirt's QEMU driver does not read it.
func InQEMUConf(q QEMUConf) ([]Finding, *conf.File) {
	j := confJudge{DaemonConf: DaemonConf{File: q.File}}
	if j.isFolder("libvirt's QEMU driver does not start") {
		return j.found, nil
	}
	if q.File.Err != nil && !q.File.Absent() {
		j.say("unseen", Warning, "", "virtpki could not read it, so it was not checked: %s", plainReason(q.File.Err))
		return j.found, nil
	}
	parsed, err := conf.Parse(q.File.Data)
	var confErr *conf.Error
	if errors.As(err, &confErr) {
		j.say("conf-refused", Error, j.correctLine(confErr), "line %d, column %d: %s: libvirt's QEMU driver does not start", confErr.Line, confErr.Column, confErr.Msg)
		return j.found, nil
	}
	j.conf = parsed
	for _, name := range j.conf.Names() {
		if v, _ := j.conf.Lookup(name); strings.HasSuffix(name, "_tls_x509_cert_dir") && v.Str() != "" && !q.Exists(v.Str()) {
			j.say("qemu-no-folder", Error, j.mute(name), "line %d: %s names %s, which does not exist: libvirt's QEMU driver does not start", j.conf.Line(name), name, v.Str())
		}
	}
	for _, use := range libvirt.QEMUUses() {
		j.qemuUse(use, q)
	}
	j.sayUnknown(true)
	return j.found, j.conf
}

// qemuUse checks one use that the configuration file turns on, or opens to everybody.
func (j *confJudge) qemuUse(use libvirt.QEMUUse, q QEMUConf) {
	if on, _ := j.number(use.Switch); use.Switch != "" && on == 1 {
		if folder := use.FolderIn(j.conf, q.Sysconfdir, q.Exists); !q.Exists(folder) && q.Exists(q.Sysconfdir) {
			j.say("qemu-tls-nowhere", Warning, "virtpki bootstrap --with "+use.Name, "line %d: %s = 1, and %s does not exist: no guest that uses it starts", j.conf.Line(use.Switch), use.Switch, folder)
		}
	}
	verify := use.Name + "_tls_x509_verify"
	if on, set := j.number(verify); set && on == 0 && use.Verify == 1 {
		j.say("qemu-no-verify", Warning, j.mute(verify), "line %d: %s = 0: QEMU accepts every client, even without a certificate", j.conf.Line(verify), verify)
	}
}
