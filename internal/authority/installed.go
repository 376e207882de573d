package authority

import (
	"errors"
	"io/fs"

	"virtpki/internal/change"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
)

// certFiles are the files that hold certificates, in the order in which they are listed.
var certFiles = []libvirt.File{libvirt.CACert, libvirt.ServerCert, libvirt.ClientCert}

// Installed reads the certificates that programs of m find: those of the CA's directory, of the
// system and its QEMU, and of the user, and those that daemons and QEMU read from paths of their
// own, in this order. The error names files that could not be read; the other certificates are
// returned all the same.
func Installed(m *machine.Machine) ([]change.Placed, error) {
	layouts := append([]libvirt.Layout{libvirt.CA(m.CAPath())}, m.AllLayouts()...)
	var paths []string
	var errs []error
	for _, layout := range layouts {
		for _, file := range certFiles {
			paths = append(paths, layout.Path(file))
		}
	}
	pairs, err := inventory.Here(m).OwnPairs()
	if err != nil {
		errs = append(errs, err)
	}
	for _, own := range pairs {
		paths = append(paths, m.Path(own.CA), m.Path(own.Cert))
	}
	var found []change.Placed
	for _, path := range paths {
		if path == "" {
			continue
		}
		certs, err := keypair.ReadCerts(m.Tree(), path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		for _, cert := range certs {
			found = append(found, change.Placed{Cert: cert, Path: path})
		}
	}
	return found, errors.Join(errs...)
}
