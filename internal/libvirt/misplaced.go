package libvirt

import "path/filepath"

// Misplaced is a path at which people put a file and at which libvirt does not
// look for it.
type Misplaced struct {
	Path string
	File File
}

// misplacedSystem, misplacedFlat and misplacedQEMU are the mistakes of each layout. The
// system's tree has a directory for keys and flat ones have none. QEMU's names have a hyphen
// and libvirt's have none. libvirt's own page on certificates names a ~/.pki/cacert.pem that is
// never read (libvirt, docs/kbase/tlscerts.rst; src/rpc/virnettlsconfig.c).
var (
	misplacedSystem = []Misplaced{
		{"pki/cacert.pem", CACert},
		{"pki/libvirt/cacert.pem", CACert},
		{"pki/CA/ca-cert.pem", CACert},
		{"pki/CA/cacert.crt", CACert},
		{"pki/libvirt/serverkey.pem", ServerKey},
		{"pki/libvirt/clientkey.pem", ClientKey},
		{"pki/libvirt/private/servercert.pem", ServerCert},
		{"pki/libvirt/private/clientcert.pem", ClientCert},
	}
	misplacedFlat = []Misplaced{
		{"CA/cacert.pem", CACert},
		{"ca-cert.pem", CACert},
		{"private/clientkey.pem", ClientKey},
		{"private/clientcert.pem", ClientCert},
		{"client-key.pem", ClientKey},
		{"client-cert.pem", ClientCert},
		{"libvirt/private/clientkey.pem", ClientKey},
		{"libvirt/clientcert.pem", ClientCert},
	}
	misplacedUser = []Misplaced{
		{"../cacert.pem", CACert},
		{"../clientcert.pem", ClientCert},
		{"../clientkey.pem", ClientKey},
	}
	misplacedQEMU = []Misplaced{
		{"cacert.pem", CACert},
		{"cacrl.pem", CACRL},
		{"servercert.pem", ServerCert},
		{"serverkey.pem", ServerKey},
		{"private/server-key.pem", ServerKey},
		{"clientcert.pem", ClientCert},
		{"clientkey.pem", ClientKey},
		{"private/client-key.pem", ClientKey},
	}
)

// MisplacedSystem lists the mistakes below a SYSCONFDIR.
func MisplacedSystem(sysconfdir string) []Misplaced { return below(sysconfdir, misplacedSystem) }

// MisplacedFlat lists the mistakes in a directory for ?pkipath=.
func MisplacedFlat(folder string) []Misplaced { return below(folder, misplacedFlat) }

// MisplacedUser lists the mistakes in a user's home.
func MisplacedUser(home string) []Misplaced {
	folder := User(home).Base
	return append(below(folder, misplacedUser), below(folder, misplacedFlat)...)
}

// MisplacedQEMU lists the mistakes in a directory of QEMU's.
func MisplacedQEMU(folder string) []Misplaced { return below(folder, misplacedQEMU) }

func below(base string, mistakes []Misplaced) []Misplaced {
	list := make([]Misplaced, len(mistakes))
	for i, m := range mistakes {
		list[i] = Misplaced{filepath.Join(base, m.Path), m.File}
	}
	return list
}
