package hostconf

import (
	"fmt"
	"regexp"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// QEMU holds the values that decide the entries of qemu.conf.
type QEMU struct {
	libvirt.QEMUConfig
	look folderLook
}

// uuidForm is the form in which libvirt writes a UUID. libvirt reads other forms too.
var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// CheckQEMU returns an error if the secret of a configuration is not a UUID.
func CheckQEMU(c libvirt.QEMUConfig) error {
	if c.Secret != "" && !uuidForm.MatchString(c.Secret) {
		return fmt.Errorf("bad UUID %s (one like 6f0d8c3a-..., as virsh secret-list prints it)", termtext.QuoteShort(c.Secret))
	}
	return nil
}

// LookQEMU returns the values that decide the entries, read from a machine in its present state. If
// the caller names no use, the uses that have a directory get TLS. A use without any files is an
// error.
func LookQEMU(m *machine.Machine, c libvirt.QEMUConfig) (*QEMU, error) {
	q := &QEMU{QEMUConfig: c, look: folderLook{m: m}}
	if len(q.Uses) == 0 {
		q.Uses = q.look.uses()
	}
	missing := missingFolder(q.QEMUConfig, m, q.look.exists)
	return q, hint.First(q.look.err, missing)
}

// Path returns the file of QEMU's configuration.
func (q *QEMU) Path() string { return libvirt.QEMUConfPath(q.look.m.Path(q.look.m.Sysconfdir)) }

// Settings returns the entries.
func (q *QEMU) Settings() []libvirt.Setting {
	return q.QEMUConfig.Settings(q.look.m.Sysconfdir, q.look.exists)
}

// Plan plans the edit of qemu.conf.
func (q *QEMU) Plan(j *change.Job) error {
	edited, err := editConf(j, q.Path(), q.Settings())
	if err := hint.First(q.look.err, err); err != nil || !edited {
		return err
	}
	j.Next("restart libvirtd, or virtqemud where that runs the guests: it reads qemu.conf only when it starts; guests keep running")
	if switched(q.QEMUConfig) {
		j.Note("running guests keep their VNC, SPICE, character devices and disks as they are until they restart; migration and backup use the new settings at once")
	}
	return nil
}

// folderLook looks for directories, and keeps the first error: a directory that cannot be inspected
// is not missing.
type folderLook struct {
	m   *machine.Machine
	err error
}

func (l *folderLook) exists(path string) bool {
	_, err := l.m.Tree().Lstat(l.m.Path(path))
	if machine.Unread(err) {
		l.err = hint.First(l.err, err)
	}
	return err == nil
}

// uses returns the uses that have a directory.
func (l *folderLook) uses() []libvirt.QEMUUse {
	var uses []libvirt.QEMUUse
	for _, use := range libvirt.QEMUUses() {
		if l.exists(use.Layout(l.m.Sysconfdir).Base) {
			uses = append(uses, use)
		}
	}
	return uses
}

// missingFolder returns an error for a use that would find no files: a guest with TLS would not
// start.
func missingFolder(c libvirt.QEMUConfig, m *machine.Machine, exists func(string) bool) error {
	qemu, err := libvirt.FindQEMUUse(libvirt.DefaultQEMU)
	if err != nil || exists(qemu.Layout(m.Sysconfdir).Base) {
		return err
	}
	for _, use := range c.Uses {
		if folder := use.Layout(m.Sysconfdir).Base; !exists(folder) {
			return hint.With(fmt.Errorf("no files for %s: %s is missing, and %s too", use.Name, m.Path(folder), m.Path(qemu.Layout(m.Sysconfdir).Base)),
				"fill it first: virtpki %sbootstrap --with %s", m.Flags(), use.Name)
		}
	}
	if len(c.Uses) == 0 {
		return hint.With(fmt.Errorf("QEMU has no files: %s is missing", m.Path(qemu.Layout(m.Sysconfdir).Base)), "fill it first: virtpki %sbootstrap --with %s", m.Flags(), qemu.Name)
	}
	return nil
}

// switched reports whether any setting for guests is turned on.
func switched(c libvirt.QEMUConfig) bool {
	for _, use := range c.Uses {
		if use.Switch != "" {
			return true
		}
	}
	return false
}
