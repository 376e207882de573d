package clientpack

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/batch"
	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// Request describes a run.
type Request struct {
	Spec
	Out string // directory of the packs
	Tar bool   // make archives in place of directories
}

// Issue has the CA of m sign a certificate for each name in the request what, and makes a pack
// of each.
func (r *Request) Issue(ctx context.Context, m *machine.Machine, keys *change.Keyring, what *provision.Request, o change.Options) (*change.Job, error) {
	deliveries, err := what.Deliveries(m)
	if err != nil {
		return nil, err
	}
	o.Lock = []string{m.CAPath(), r.Out}
	var a *authority.Authority
	j, err := change.Run(ctx, m, o, func(j *change.Job) (err error) {
		if a, err = authority.Open(m); err != nil {
			return err
		}
		if err := a.Unlock(keys); err != nil {
			return err
		}
		a.NoteTwins(j)
		for _, d := range deliveries {
			id := d.Identities[0]
			key, err := keys.Key(id.Slot(), what.Leaf.KeyType)
			if err != nil {
				return err
			}
			order := authority.Order{Leaf: what.Leaf, Identity: id, PublicKey: key.Public(), Now: m.Now()}
			cert, err := a.Certify(j, order, r.path(id.Name))
			if err != nil {
				return err
			}
			a.NoteLetIn(j, cert, id.Name, order.Now)
			if err := r.plan(j, &Client{Name: id.Name, CAs: a.Certificates, CRL: a.CRL, Cert: cert, Key: key}, m.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		provision.NoteNew(ctx, j, a, m)
	}
	return j, err
}

// Export makes a pack of the client's key pair in a layout, with the CA file and CRL that a
// client reads with it.
func (r *Request) Export(ctx context.Context, m *machine.Machine, from libvirt.Layout, o change.Options) (*change.Job, error) {
	o.Lock = []string{r.Out}
	return change.Run(ctx, m, o, func(j *change.Job) error {
		c, err := read(m, from)
		if err != nil {
			return err
		}
		if err := r.plan(j, c, m.Now()); err != nil {
			return err
		}
		j.Found = append(j.Found, change.Placed{Cert: c.Cert, Path: from.Path(libvirt.ClientCert)})
		return nil
	})
}

// read reads a client's files from a layout.
func read(m *machine.Machine, from libvirt.Layout) (*Client, error) {
	tree := m.Tree()
	pair, err := keypair.Load(tree, from, pki.Client)
	switch {
	case err != nil:
		return nil, err
	case pair.Cert == nil:
		return nil, hint.With(fmt.Errorf("%s does not exist", pair.CertPath), "--pkipath names another directory; virtpki issue client makes a certificate")
	case pair.Key == nil:
		return nil, fmt.Errorf("%s does not exist", pair.KeyPath)
	}
	caPath, crlPath := from.Path(libvirt.CACert), from.Path(libvirt.CACRL)
	if !tree.Exists(caPath) {
		caPath, crlPath = m.System().Path(libvirt.CACert), m.System().Path(libvirt.CACRL)
	}
	c := &Client{Name: pair.Cert.Subject.CommonName, Cert: pair.Cert, Key: pair.Key}
	if c.CAs, err = keypair.ReadCerts(tree, caPath); err != nil {
		return nil, err
	}
	if c.CRL, err = machine.ReadIfThere(tree, crlPath); err != nil {
		return nil, err
	}
	if err := subject.CheckClient(c.Name); err != nil {
		return nil, fmt.Errorf("%s: %w", pair.CertPath, err)
	}
	return c, nil
}

// path returns the path of the pack for a name.
func (r *Request) path(name string) string {
	path := filepath.Join(r.Out, name)
	if r.Tar {
		path += ".tar"
	}
	return path
}

// plan plans the pack of a client.
func (r *Request) plan(j *change.Job, c *Client, now time.Time) error {
	files, err := r.Files(c)
	if err != nil {
		return err
	}
	path, owner := r.path(c.Name), machine.Owner()
	if err := provision.RefuseFolder(path); err != nil {
		return err
	}
	if err := j.Plan.Parents(r.Out, 0o755, owner); err != nil {
		return err
	}
	if r.Tar {
		data, err := batch.TarBytes(c.Name, files, now)
		if err != nil {
			return err
		}
		return j.Plan.File(path, data, 0o600, owner)
	}
	j.Plan.Together(path) // an interrupted run leaves nothing, and can be repeated
	for _, f := range files {
		to := filepath.Join(path, f.Path)
		if f.Dir {
			err = j.Plan.Dir(to, f.Mode, owner)
		} else {
			err = j.Plan.File(to, f.Data, f.Mode, owner)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// HostSubject returns the subject of the live server certificate that this CA has signed for a
// host, the latest of several; empty if it has signed none.
func HostSubject(m *machine.Machine, host string) (string, error) {
	all, err := authority.Known(m)
	var latest certinfo.Info
	for _, info := range all {
		if slices.Contains(info.Roles, string(pki.Server)) && !info.Expired && info.Revoked == "" && isFor(info, host) && info.NotAfter.After(latest.NotAfter) {
			latest = info
		}
	}
	return latest.DN, err
}

func isFor(info certinfo.Info, host string) bool {
	return strings.EqualFold(info.Name, host) || slices.Contains(info.IPs, host) ||
		slices.ContainsFunc(info.DNS, func(name string) bool { return strings.EqualFold(name, host) })
}
