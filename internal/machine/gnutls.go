package machine

import (
	"path"
	"strings"

	"virtpki/internal/gnutls"
)

// The libraries of a system lie in one of these directories, or in one below multiarch that has
// the name of an architecture (Debian's multiarch, such as x86_64-linux-gnu).
var libraryDirs = []string{"/usr/lib64", "/lib64", "/usr/lib", "/usr/local/lib"}

const (
	multiarch     = "/usr/lib"
	gnutlsLibrary = "libgnutls.so.30" // the name that every GnuTLS since 3.6 has
	maxLibrary    = 32 << 20          // bytes: Debian's have some 2 MB
)

// GnuTLS returns the GnuTLS that the programs of this machine load; the zero value if it is not
// found. It reads the library's file, so that it needs no package manager.
func (m *Machine) GnuTLS() gnutls.Library {
	for _, dir := range m.libraryDirs() {
		data, err := m.Tree().ReadFile(m.Path(path.Join(dir, gnutlsLibrary)), maxLibrary)
		if l := gnutls.ReadLibrary(data); err == nil && l.Version != "" {
			return l
		}
	}
	return gnutls.Library{}
}

func (m *Machine) libraryDirs() []string {
	dirs := libraryDirs
	entries, err := m.Tree().ReadDir(m.Path(multiarch))
	if err != nil {
		return dirs
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), "-linux-") {
			dirs = append(dirs[:len(dirs):len(dirs)], path.Join(multiarch, entry.Name()))
		}
	}
	return dirs
}
