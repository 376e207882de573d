// Package reload has daemons go by the files on disk, and proves that they do.
//
// It changes no file. What a daemon reads is found in libvirt/running.
package reload

import (
	"crypto/x509"
	"fmt"
	"path/filepath"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/store"
	"virtpki/internal/subject"
)

// Served returns the certificate that a daemon of this machine has on disk, and an error
// unless it is the one that it has served.
func Served(d running.Daemon, served *rpc.ProbeResult) (*x509.Certificate, error) {
	certs, err := keypair.ReadCerts(store.At(d.Root), filepath.Join(d.Root, d.Files.Cert))
	if err != nil {
		return nil, err
	}
	if want := libvirt.Fingerprint(certs[0]); served.Fingerprint() != want {
		return nil, fmt.Errorf("it serves %s (sha256 %s), not what is in %s (sha256 %s)", subject.Of(served.Leaf()), served.Fingerprint(), d.Files.Cert, want)
	}
	return certs[0], nil
}
