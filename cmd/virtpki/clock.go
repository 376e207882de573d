package main

import (
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// raiseBy lifts the floor to what a layout's certificates say. What cannot be read
// is told when it is needed.
func raiseBy(f *machine.Floor, t store.Tree, layout libvirt.Layout) {
	for _, file := range []libvirt.File{libvirt.CACert, libvirt.ServerCert, libvirt.ClientCert} {
		path := layout.Path(file)
		certs, _ := keypair.ReadCerts(t, path)
		for _, cert := range certs {
			f.Raise(cert, path)
		}
	}
}

// defaultClockWait is how long --wait-clock without a value waits.
const defaultClockWait = "10m"
