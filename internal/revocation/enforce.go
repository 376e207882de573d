package revocation

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/reload"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// enforcement makes the daemons of this machine use a new CRL.
type enforcement struct {
	*publication
	r *reload.Reloader
	j *change.Job
	// layouts are the places where a key pair may be installed.
	layouts []libvirt.Layout
}

// enforce makes the daemons of this machine use a new CRL, and verifies that they do. The error
// names the daemons that do not.
func (p *publication) enforce(ctx context.Context, r *reload.Reloader, j *change.Job) error {
	n := enforcement{p, r, j, p.m.Layouts()}
	concerned := slices.DeleteFunc(slices.Clone(p.daemons), func(d running.Daemon) bool { return !n.trusted(d) })
	j.Next("on other hosts: copy %s to the same place there, then run virtpki reload", p.a.Layout.Path(libvirt.CACRL))
	if len(concerned) == 0 {
		why := "no daemon that trusts this CA runs here"
		if p.Reload.Leave {
			why = "the daemons here were not reloaded"
		}
		j.Note("%s: nothing was reloaded", why)
		return nil
	}
	var errs []error
	for _, d := range concerned {
		if err := n.at(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.Daemon.Name, err))
		}
	}
	return errors.Join(errs...)
}

// trusted reports whether a daemon trusts the CA.
func (n enforcement) trusted(d running.Daemon) bool {
	certs, err := keypair.ReadCerts(store.At(d.Root), filepath.Join(d.Root, d.Files.CA))
	return err == nil && slices.ContainsFunc(certs, n.a.CA.Certificate.Equal)
}

// at enforces the CRL at one daemon.
func (n enforcement) at(ctx context.Context, d running.Daemon) error {
	if d.Files.CRL == "" {
		return hint.With(fmt.Errorf("it reads no CRL: %s", d.Files.CRLNote), "set all four entries, then restart it: virtpki config %s --apply", d.Daemon.Name)
	}
	if d.Files.Custom && d.Root != "/" {
		return hint.With(fmt.Errorf("it reads %s in its own file system, which virtpki does not write to", d.Files.CRL),
			"copy %s there, and restart it", n.a.Layout.Path(libvirt.CACRL))
	}
	d, err := n.r.Refresh(ctx, d)
	if err != nil {
		return err
	}
	if d.Files.CRLNote != "" {
		n.j.Note("%s: %s", d.Daemon.Name, d.Files.CRLNote)
	}
	if err := n.disconnect(ctx, d); err != nil {
		return err
	}
	return n.prove(ctx, d)
}

// clients returns the revoked certificates of clients, by DN.
func (n enforcement) clients() map[string]entry {
	byDN := make(map[string]entry)
	for _, c := range n.out {
		if c.cert != nil && slices.Contains(pki.RolesOf(c.cert), pki.Client) {
			byDN[subject.Of(c.cert)] = c
		}
	}
	return byDN
}

// goneTimeout is how long a connection may take to end.
const goneTimeout = 10 * time.Second

// disconnect ends the live connections of the revoked clients: libvirt checks the CRL only when
// a client connects.
func (n enforcement) disconnect(ctx context.Context, d running.Daemon) error {
	byDN := n.clients()
	if len(byDN) == 0 {
		return nil
	}
	admin, err := rpc.DialAdmin(ctx, d.AdminSocket)
	if err != nil {
		return err
	}
	defer admin.Close()
	ended := make(map[uint64]bool)
	for deadline := time.Now().Add(goneTimeout); ; {
		left, err := n.endAll(ctx, admin, d, byDN, ended)
		if err != nil || left == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d connections of revoked clients have not ended", left)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// endAll ends the connections of the revoked clients and counts those that are left.
func (n enforcement) endAll(ctx context.Context, admin *rpc.Admin, d running.Daemon, byDN map[string]entry, ended map[uint64]bool) (left int, err error) {
	clients, err := admin.Clients(ctx, d.Daemon.Name)
	if err != nil {
		return 0, err
	}
	for _, client := range clients {
		if _, revoked := byDN[client.DN]; !revoked || client.Transport != rpc.TransportTLS {
			continue
		}
		left++
		if ended[client.ID] {
			continue
		}
		if err := admin.Disconnect(ctx, d.Daemon.Name, client.ID); err != nil {
			continue // it may have ended by itself; the next look tells
		}
		ended[client.ID] = true
		n.j.Did("ended the connection of %s from %s", client.DN, client.Address)
	}
	return left, nil
}

// prove connects as each revoked client with an available key, and requires that the daemon
// refuses it.
func (n enforcement) prove(ctx context.Context, d running.Daemon) error {
	for name, c := range n.clients() {
		key := n.keyOf(c)
		switch {
		case !n.a.HasSigned(c.cert):
			n.j.Did("%s is refused: the CA that signed it is no longer trusted", name)
			continue
		case key == nil:
			n.j.Did("%s is refused: %s reports that it uses the new CRL (no handshake was tried, the client's key is not here)", name, d.Daemon.Name)
			continue
		case d.Address == "":
			n.j.Note("%s does not listen for TLS: no handshake was tried", d.Daemon.Name)
			continue
		}
		in, err := reload.Admits(ctx, d, key)
		if err != nil {
			return fmt.Errorf("whether %s is refused could not be verified: %w", name, err)
		}
		if in {
			return fmt.Errorf("it still admits %s", name)
		}
		n.j.Did("%s is refused: tried with a handshake at %s", name, d.Address)
	}
	return nil
}

// keyOf finds the key of a revoked certificate: beside its file, or installed.
func (n enforcement) keyOf(c entry) *tls.Certificate {
	folder := filepath.Dir(c.path)
	layouts := append([]libvirt.Layout{libvirt.Flat(folder)}, n.layouts...)
	if filepath.Base(folder) == "libvirt" {
		layouts = append(layouts, libvirt.System(filepath.Dir(filepath.Dir(folder))))
	}
	for _, layout := range layouts {
		p, err := keypair.Load(n.m.Tree(), layout, pki.Client)
		if err == nil && p.Cert != nil && p.Key != nil && p.Cert.Equal(c.cert) {
			return p.TLS()
		}
	}
	return nil
}
