package machine

import (
	"fmt"
	"os"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/store"
)

// ClientConf returns the configuration that a client of libvirt's reads here if the current user
// runs it. libvirt stops at a file that it cannot read, and so does ClientConf.
func (m *Machine) ClientConf() (*conf.File, error) {
	path, err := m.ClientConfPath(os.Geteuid() != 0)
	if err != nil || !m.Tree().Exists(path) {
		return conf.Parse(nil) // no home, or a directory that may not be read: libvirt continues without
	}
	return conf.Read(path, m.Tree().ReadFile)
}

// ClientConfPath returns the path of the clients' configuration file. For every user except
// root, libvirt reads only the user's own.
func (m *Machine) ClientConfPath(user bool) (string, error) {
	if !user {
		return libvirt.ClientConfPath(m.Path(m.Sysconfdir)), nil
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return libvirt.ClientConfPath(m.Path(folder)), nil
}

// QEMUUser returns the user that QEMU runs as on this machine.
func (m *Machine) QEMUUser() (libvirt.QEMUUser, error) {
	file, err := m.QEMUConf()
	if err != nil {
		return libvirt.QEMUUser{}, err
	}
	passwd, err1 := ReadIfThere(m.Tree(), m.Path("/etc/passwd"))
	groups, err2 := ReadIfThere(m.Tree(), m.Path("/etc/group"))
	if err := hint.First(err1, err2); err != nil {
		return libvirt.QEMUUser{}, err
	}
	u, err := libvirt.FindQEMUUser(file, passwd, groups)
	if err != nil {
		err = fmt.Errorf("%s: %w", libvirt.QEMUConfPath(m.Path(m.Sysconfdir)), err)
	}
	return u, err
}

// QEMUOwner returns the owner for QEMU's keys if there are none yet, and nil if it is not known.
func (m *Machine) QEMUOwner() *store.Owner {
	if Owner() == nil {
		return nil
	}
	u, err := m.QEMUUser()
	if err != nil {
		return nil
	}
	return &store.Owner{GID: u.GID}
}

// QEMUConf returns the contents of qemu.conf.
func (m *Machine) QEMUConf() (*conf.File, error) {
	return conf.Read(libvirt.QEMUConfPath(m.Path(m.Sysconfdir)), m.Tree().ReadFile)
}
