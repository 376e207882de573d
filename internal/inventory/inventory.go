package inventory

import (
	"context"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
)

// host is the inspected machine, with its running daemons.
type host struct {
	*machine.Machine
	running []running.Daemon
	unread  *[]error // of files that could not be inspected
}

// note keeps the error of a file that exists, or may exist, and could not be inspected.
func (m host) note(err error) {
	if machine.Unread(err) {
		*m.unread = append(*m.unread, err)
	}
}

// List holds the programs that use TLS on a machine. All paths in it are as the machine sees them.
type List struct {
	Daemons []Daemon // those that are here, in libvirt's order
	QEMU    []QEMUFolder
	Clients []ClientFolder

	host host
	all  []Daemon // also those that are not here
}

// QEMUFolder is a directory that QEMU reads for one of its uses.
type QEMUFolder struct {
	Use    libvirt.QEMUUse
	Folder string
	Exists bool
}

// Look lists the programs that use TLS on a machine. daemons are the running ones: none for an
// image, or where the caller may not look for them.
func Look(on *machine.Machine, daemons []running.Daemon) *List {
	m := host{on, daemons, new([]error)}
	l := &List{host: m, QEMU: m.qemu(), Clients: m.clients()}
	for _, d := range libvirt.Daemons() {
		found := m.look(d)
		l.all = append(l.all, found)
		if found.here() {
			l.Daemons = append(l.Daemons, found)
		}
	}
	return l
}

// Of lists the programs that use TLS on a machine. For the running machine the list includes its
// running daemons.
func Of(ctx context.Context, m *machine.Machine) *List {
	if !m.Live() {
		return Look(m, nil)
	}
	return Look(m, m.Running(ctx))
}

// Here is [Of] for a caller without a context. The daemons have as long to respond as
// [machine.Machine.Running] gives them.
func Here(m *machine.Machine) *List { return Of(context.Background(), m) }

// Daemon describes one daemon, whether it is here or not.
func (l *List) Daemon(d libvirt.Daemon) Daemon {
	for _, found := range l.all {
		if found.Name == d.Name {
			return found
		}
	}
	return l.host.look(d)
}

func (m host) exists(path string) bool {
	_, err := m.Tree().Lstat(m.Path(path))
	m.note(err)
	return m.Tree().Exists(m.Path(path))
}

// readConf reads a configuration file; a missing file counts as empty.
func (m host) readConf(path string) (*conf.File, error) {
	file, err := conf.Read(m.Path(path), m.Tree().ReadFile)
	m.note(err)
	return file, err
}

// qemu lists the directories that libvirt passes to QEMU according to qemu.conf. A qemu.conf that
// cannot be read counts as empty.
func (m host) qemu() []QEMUFolder {
	file, err := m.readConf(libvirt.QEMUConfPath(m.Sysconfdir))
	if err != nil {
		file, _ = conf.Parse(nil)
	}
	var folders []QEMUFolder
	for _, use := range libvirt.QEMUUses() {
		folder := use.FolderIn(file, m.Sysconfdir, m.exists)
		folders = append(folders, QEMUFolder{Use: use, Folder: folder, Exists: m.exists(folder)})
	}
	return folders
}
