package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/store"
)

// settle has the daemons of this machine go by what is on disk now. A run that was
// killed before it came here is finished by the next one: a daemon that serves
// another certificate, or whose conf is newer than its process, is not in order
// though nothing has changed.
func (e *env) settle(ctx context.Context, g *globals, o *reloadOptions, j *change.Job) error {
	if g.dryRun || !g.Live() {
		return nil
	}
	daemons, err := o.find(ctx, g.Machine)
	if err != nil {
		return err
	}
	r := reloader{e, g.Machine, *o, j}
	changed := len(j.Plan.Changes()) > 0
	var errs []error
	for _, d := range daemons {
		if err := r.settleOne(ctx, d, changed); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.Daemon.Name, err))
		}
	}
	return errors.Join(errs...)
}

// settleOne leaves a daemon that is in order alone.
func (r reloader) settleOne(ctx context.Context, d running.Daemon, changed bool) error {
	switch {
	case d.ConfChanged && r.restart == "":
		if !changed {
			r.j.Note("restart %s: its conf has changed since it was started", d.Daemon.Name)
		}
		return nil
	case !d.ConfChanged && (d.Address == "" || !changed && r.serves(ctx, d)):
		return nil
	}
	return change.Locked(ctx, r.m, r.m.System(), func() error { return r.catchUp(ctx, d) })
}

// catchUp has a daemon go by what is on disk, and proves it, under a lock that the
// caller holds.
func (r reloader) catchUp(ctx context.Context, d running.Daemon) (err error) {
	if d.ConfChanged {
		d, err = r.restartOne(ctx, d)
	} else {
		d, err = r.refreshLocked(ctx, d)
	}
	if err != nil {
		return err
	}
	return r.prove(ctx, d, systemClient(r.m))
}

// serves reports whether a daemon serves the certificate that is on disk.
func (r reloader) serves(ctx context.Context, d running.Daemon) bool {
	certs, err := keypair.ReadCerts(store.At(d.Root), filepath.Join(d.Root, d.Files.Cert))
	if err != nil {
		return true // nothing that it could be made to serve
	}
	ctx, cancel := context.WithTimeout(ctx, servedTimeout)
	defer cancel()
	result, _ := rpc.Probe(ctx, rpc.ProbeRequest{Address: d.Address})
	return result.Leaf() != nil && result.Leaf().Equal(certs[0])
}
