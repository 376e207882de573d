package machine

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// Flags returns the flags with which another run of virtpki works on the same files. It ends
// with a space unless it is empty.
func (m *Machine) Flags() string {
	var flags []string
	if !m.Live() {
		flags = append(flags, "--root", termtext.ShellWord(m.Root))
	}
	if m.Sysconfdir != DefaultSysconfdir() {
		flags = append(flags, "--sysconfdir", termtext.ShellWord(m.Sysconfdir))
	}
	if m.CADir != "" {
		flags = append(flags, "--ca", termtext.ShellWord(m.CADir))
	}
	return strings.TrimPrefix(strings.Join(append(flags, ""), " "), " ")
}

// Layouts returns the places in which libvirt's programs look for a certificate and its
// key: the system's tree and the user's directory.
func (m *Machine) Layouts() []libvirt.Layout {
	layouts := []libvirt.Layout{m.System()}
	if home, err := os.UserHomeDir(); err == nil {
		layouts = append(layouts, libvirt.User(m.Path(home)))
	}
	return layouts
}

// AllLayouts returns the layouts, with those of QEMU that exist.
func (m *Machine) AllLayouts() []libvirt.Layout {
	layouts := m.Layouts()
	for _, layout := range libvirt.QEMU(m.Path(m.Sysconfdir)) {
		if m.Tree().Exists(layout.Base) {
			layouts = append(layouts, layout)
		}
	}
	return layouts
}

// InstallLayout returns the layout in which a certificate and its key are installed.
func (m *Machine) InstallLayout(user bool) (libvirt.Layout, error) {
	if !user {
		return m.System(), nil
	}
	home, err := os.UserHomeDir()
	return libvirt.User(m.Path(home)), err
}

// LockOf returns the directory whose lock keeps two runs in a layout apart. The lock of the
// system's layout is also that of QEMU's files.
func (m *Machine) LockOf(layout libvirt.Layout) string {
	top := m.System().Top()
	if rel, err := filepath.Rel(top, layout.Top()); layout.Foreign() || err == nil && filepath.IsLocal(rel) {
		return top
	}
	return layout.Top()
}

// DefaultSysconfdir returns the directory in which the system's packages keep their
// configuration.
func DefaultSysconfdir() string {
	return sysconfdirOf(runtime.GOOS, func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// sysconfdirOf returns the directory in which the packages of an operating system keep their
// configuration. On macOS that is Homebrew's: /opt/homebrew on Apple silicon, /usr/local on
// Intel, and both where programs for Intel were carried over. The one that has libvirt counts,
// then the one that has brew.
func sysconfdirOf(system string, exists func(path string) bool) string {
	switch system {
	case "freebsd":
		return "/usr/local/etc"
	case "darwin":
		for _, sign := range []string{"etc/libvirt", "bin/brew"} {
			for _, prefix := range []string{"/opt/homebrew", "/usr/local"} {
				if exists(filepath.Join(prefix, sign)) {
					return prefix + "/etc"
				}
			}
		}
		return "/usr/local/etc"
	}
	return "/etc"
}

// Path returns the path below Root of a path of the machine: one of virtpki's own, or one that a
// file of the image names. Dots at its beginning do not lead above Root. Path is not for a path
// that the user types: that is taken as it is.
func (m *Machine) Path(name string) string {
	return filepath.Join(m.Root, filepath.Clean("/"+name))
}

// Tree returns the file system that holds the paths of [Machine.Path]: those below Root
// never lead out of it.
func (m *Machine) Tree() store.Tree { return store.At(m.Root) }

// System returns libvirt's default tree, as this process sees it.
func (m *Machine) System() libvirt.Layout {
	return libvirt.System(m.Path(m.Sysconfdir))
}

// CAPath returns the directory of the CA, as this process sees it.
func (m *Machine) CAPath() string {
	if m.CADir != "" {
		return filepath.Clean(m.CADir)
	}
	return libvirt.CAFolder(m.Path(m.Sysconfdir))
}

// Live reports whether it is the running machine.
func (m *Machine) Live() bool { return filepath.Clean(m.Root) == "/" }
