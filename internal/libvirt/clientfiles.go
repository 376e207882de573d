package libvirt

import (
	"path/filepath"
	"strings"
)

// ClientFiles are the files that a client of libvirt's reads before it connects.
type ClientFiles struct {
	CA, CRL   string // a CRL that does not exist is not read
	Cert, Key string
	// Half is Cert or Key if only that one exists, else empty. libvirt up to 11.3 then goes on
	// without a certificate; 12.8 does not.
	Half string
}

// FindClientFiles returns the files that a client reads (libvirt, src/rpc/virnettlscontext.c).
// For root they are those of the system. Everybody else has CA and CRL of ~/.pki/libvirt, each
// if it exists, and certificate and key of that directory if both exist. user is nil for root.
// exists reports whether a file exists, links followed.
func FindClientFiles(system Layout, user *Layout, exists func(path string) bool) ClientFiles {
	files := inLayout(system)
	if user == nil {
		return files.halved(exists)
	}
	own := inLayout(*user)
	if exists(own.CA) {
		files.CA = own.CA
	}
	if exists(own.CRL) {
		files.CRL = own.CRL
	}
	if own = own.halved(exists); own.Half == "" && exists(own.Cert) {
		files.Cert, files.Key = own.Cert, own.Key
	}
	files = files.halved(exists)
	if files.Half == "" {
		files.Half = own.Half
	}
	return files
}

// PKIPathFiles returns the files of ?pkipath=DIR, which has no fallback.
func PKIPathFiles(folder string, exists func(path string) bool) ClientFiles {
	return inLayout(Flat(folder)).halved(exists)
}

func inLayout(layout Layout) ClientFiles {
	return ClientFiles{CA: layout.Path(CACert), CRL: layout.Path(CACRL), Cert: layout.Path(ClientCert), Key: layout.Path(ClientKey)}
}

// halved notes whether the certificate or the key exists without the other.
func (f ClientFiles) halved(exists func(path string) bool) ClientFiles {
	switch cert, key := exists(f.Cert), exists(f.Key); {
	case cert && !key:
		f.Half = f.Cert
	case key && !cert:
		f.Half = f.Key
	}
	return f
}

// ClientConfPath returns the path of libvirt.conf, the configuration file of clients. It lies
// below a SYSCONFDIR for root, and below the user's own configuration directory, mostly
// ~/.config, for everybody else (libvirt, src/util/virconf.c).
func ClientConfPath(folder string) string { return filepath.Join(folder, "libvirt", "libvirt.conf") }

// FindAlias returns the URI that a name stands for in uri_aliases, a list of "NAME=URI" in a
// client's configuration file, or "" (libvirt, src/libvirt.c).
func FindAlias(aliases []string, name string) string {
	for _, entry := range aliases {
		if alias, uri, ok := strings.Cut(entry, "="); ok && alias == name {
			return uri
		}
	}
	return ""
}

// QEMUClientFiles are the files that QEMU reads of a directory as a client (QEMU,
// docs/system/tls.rst).
func QEMUClientFiles(folder string, exists func(path string) bool) ClientFiles {
	return inLayout(QEMUFolder(folder)).halved(exists)
}
