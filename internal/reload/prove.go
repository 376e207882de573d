package reload

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"virtpki/dn"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// prove connects to a daemon and requires that it serves the certificate on disk. With the
// system's client certificate and key it also requires the byte by which libvirt admits a
// client.
func (r *Reloader) prove(ctx context.Context, d running.Daemon) error {
	if d.Address == "" {
		r.j.Note("%s does not listen for TLS: there is nothing to verify", d.Daemon.Name)
		return nil
	}
	state := Served(ctx, d)
	if err := state.Err(); err != nil {
		return err
	}
	r.j.Did("%s serves %s, until %s", d.Daemon.Name, d.Files.Cert, termtext.Day(state.OnDisk.NotAfter))
	return r.proveClient(ctx, d, systemClient(r.m))
}

// proveClient connects as this host's own client.
func (r *Reloader) proveClient(ctx context.Context, d running.Daemon, client *keypair.Pair) error {
	if client == nil || client.Cert == nil || client.Key == nil || client.Mismatch() != nil {
		return nil
	}
	name := subject.Of(client.Cert)
	in, err := Admits(ctx, d, client.TLS())
	switch {
	case err != nil:
		return fmt.Errorf("it does not admit %s: %w", name, err)
	case in:
		r.j.Did("%s admits %s", d.Daemon.Name, name)
	case listRefuses(d.Conf, name):
		r.j.Note("%s: its %s does not admit %s", d.Daemon.Name, libvirt.AllowedDNs, name)
	default:
		return fmt.Errorf("it does not admit %s: %w", name, rpc.ErrClientRefused)
	}
	return nil
}

// Admits connects to a daemon as a client and reports whether the daemon admits it. It returns
// an error if it cannot tell.
func Admits(ctx context.Context, d running.Daemon, client *tls.Certificate) (bool, error) {
	_, err := rpc.Probe(ctx, rpc.ProbeRequest{Address: d.Address, Client: client})
	if errors.Is(err, rpc.ErrClientRefused) {
		return false, nil
	}
	return err == nil, err
}

// listRefuses reports whether a daemon's list refuses a client.
func listRefuses(file *conf.File, name string) bool {
	list, ok := file.Lookup(libvirt.AllowedDNs)
	if !ok {
		return false
	}
	_, in := dn.Compile(list.List(), dn.Glob).Match(name)
	return !in
}

// systemClient returns the client certificate and key that are installed for the system, or nil
// if they cannot be loaded.
func systemClient(m *machine.Machine) *keypair.Pair {
	p, err := keypair.Load(m.Tree(), m.System(), pki.Client)
	if err != nil {
		return nil
	}
	return p
}
