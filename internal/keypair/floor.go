package keypair

import (
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// RaiseFloor raises the floor to the latest beginning of a certificate in a layout. It skips a
// file that cannot be read: the command reports that when it needs the file.
func RaiseFloor(f *machine.Floor, t store.Tree, layout libvirt.Layout) {
	for _, file := range []libvirt.File{libvirt.CACert, libvirt.ServerCert, libvirt.ClientCert} {
		path := layout.Path(file)
		certs, _ := ReadCerts(t, path)
		for _, cert := range certs {
			f.Raise(cert, path)
		}
	}
}
