package reload

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/store"
	"virtpki/internal/subject"
)

// State holds the certificate that a daemon has on disk and the one that it serves.
type State struct {
	File   string            // the file, as the daemon sees it
	OnDisk *x509.Certificate // nil if the file cannot be read
	Served *x509.Certificate // nil if the daemon serves none

	readErr, probeErr error
}

// Served connects to a daemon and returns the certificate that it serves, beside the one on
// disk. Without a file to compare with, it does not connect.
func Served(ctx context.Context, d running.Daemon) State {
	s := onDisk(d)
	if s.OnDisk != nil {
		result, err := rpc.Probe(ctx, rpc.ProbeRequest{Address: d.Address})
		s.Served, s.probeErr = result.Leaf(), err
	}
	return s
}

// StateOf is Served with the result of an earlier connection.
func StateOf(d running.Daemon, result *rpc.ProbeResult) State {
	s := onDisk(d)
	s.Served = result.Leaf()
	return s
}

// onDisk returns the state of a daemon before any connection.
func onDisk(d running.Daemon) State {
	s := State{File: d.Files.Cert}
	certs, err := keypair.ReadCerts(store.At(d.Root), filepath.Join(d.Root, d.Files.Cert))
	if s.readErr = err; err == nil {
		s.OnDisk = certs[0]
	}
	return s
}

// Stale reports whether the daemon has to reload its files: it serves another certificate than
// the one on disk, or none. Without a certificate on disk, there is none that it could be made
// to serve.
func (s State) Stale() bool { return s.OnDisk != nil && s.Err() != nil }

// Err returns why the daemon does not serve the certificate on disk; nil if it does.
func (s State) Err() error {
	switch {
	case s.readErr != nil:
		return s.readErr
	case s.Served == nil && s.probeErr != nil:
		return fmt.Errorf("it serves no certificate: %w", s.probeErr)
	case s.Served == nil:
		return errors.New("it serves no certificate")
	case !s.Served.Equal(s.OnDisk):
		return fmt.Errorf("it serves %s (sha256 %s), not the certificate in %s (sha256 %s)", subject.Of(s.Served), libvirt.Fingerprint(s.Served), s.File, libvirt.Fingerprint(s.OnDisk))
	}
	return nil
}
