package keypair

import (
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// RaiseFloor lifts the earliest time that can be now to what a layout's certificates say.
// What cannot be read is told when it is needed.
func RaiseFloor(f *machine.Floor, t store.Tree, layout libvirt.Layout) {
	for _, file := range []libvirt.File{libvirt.CACert, libvirt.ServerCert, libvirt.ClientCert} {
		path := layout.Path(file)
		certs, _ := ReadCerts(t, path)
		for _, cert := range certs {
			f.Raise(cert, path)
		}
	}
}
