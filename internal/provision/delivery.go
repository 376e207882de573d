package provision

import (
	"context"
	"crypto/x509"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Request asks for keys and certificates of some names.
type Request struct {
	Naming
	Names         []string
	Leaf          authority.Leaf
	ClientKeyMode fs.FileMode
	Out           string // directory of bundles, one a name; empty to install here
	Flat          bool   // bundles as ?pkipath=DIR has them, in place of trees to be copied onto /
	User          bool   // into the user's directory, in place of the system's
	QEMU          *QEMU
}

// Delivery holds the identities of one name, and the destination of their files.
type Delivery struct {
	To         keypair.Dest
	Identities []subject.Identity
	// Portable is set for a directory that will be carried elsewhere: it must not
	// be there yet, and it holds the CA and the CRL too.
	Portable bool
}

// Issue makes the key pairs or bundles of a request, with the CA of m.
func Issue(ctx context.Context, m *machine.Machine, keys *change.Keyring, r *Request, o change.Options) (*change.Job, error) {
	deliveries, err := r.Deliveries(m)
	if err != nil {
		return nil, err
	}
	to := r.Out
	if to == "" {
		to = deliveries[0].To.Layout.Top()
	}
	o.Lock = append([]string{m.CAPath(), to}, r.QEMU.Locks()...)
	var a *authority.Authority
	j, err := change.Run(ctx, m, o, func(j *change.Job) (err error) {
		if a, err = authority.Open(m); err != nil {
			return err
		}
		if err := a.Unlock(keys); err != nil {
			return err
		}
		a.NoteTwins(j)
		ahead(keys, r.Leaf, deliveries)
		for _, d := range deliveries {
			if err := r.deliver(j, m, keys, a, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		NoteNew(ctx, j, a, m)
		r.nextOnClient(j, deliveries[0].Identities[0].Name)
	}
	return j, err
}

// NoteNew notes which of the certificates that a job made belong to somebody who has another one,
// and adds the steps that admit the new clients here, if the daemon's list refuses them. It is
// called after the run, which decides twice, because it looks at all records of the CA.
func NoteNew(ctx context.Context, j *change.Job, a *authority.Authority, m *machine.Machine) {
	var certs []*x509.Certificate
	var clients []string
	for _, made := range j.Made {
		certs = append(certs, made.Cert)
		if slices.Contains(pki.RolesOf(made.Cert), pki.Client) {
			clients = append(clients, subject.Of(made.Cert))
		}
	}
	authority.NoteBeside(a, j, certs, m.Now())
	j.Steps = append(j.Steps, inventory.Of(ctx, m).Refusing(clients)...)
}

// deliver plans the files of one name, with the directories of QEMU.
func (r *Request) deliver(j *change.Job, m *machine.Machine, keys *change.Keyring, a *authority.Authority, d Delivery) error {
	if d.Portable {
		j.Plan.Together(filepath.Join(r.Out, d.Identities[0].Name)) // if interrupted, nothing of it exists, and it can be made again
	}
	pairs, err := d.Fill(j, a, keys, authority.Order{Leaf: r.Leaf, Now: m.Now()})
	if err != nil {
		return err
	}
	f := &Folders{QEMU: r.QEMU, Machine: m, Keys: keys, Leaf: r.Leaf, Sysconfdir: d.To.Layout.Base, Portable: d.Portable, Identities: d.byRole(), Pairs: pairs}
	return f.Fill(j, a)
}

// nextOnClient tells where the files of a client's bundle belong: a tree is for the programs of
// root, and its files are not found in a user's directory.
func (r *Request) nextOnClient(j *change.Job, name string) {
	if r.Kind == subject.Client && r.Out != "" && !r.Flat {
		j.Next("on the client, as root: cp -r %s/. / (for ~/.pki/libvirt of a user, issue with --layout pkipath)", termtext.ShellWord(name))
	}
}

// ahead begins to make the keys of all deliveries.
func ahead(k *change.Keyring, leaf authority.Leaf, deliveries []Delivery) {
	for _, d := range deliveries {
		for _, id := range d.Identities {
			k.Ahead(leaf.KeyType, id.Slot())
		}
	}
}

// Deliveries checks the names and returns a delivery for each, before anything is made.
func (r *Request) Deliveries(m *machine.Machine) ([]Delivery, error) {
	var deliveries []Delivery
	seen := make(map[string]bool)
	for _, name := range r.Names {
		if seen[name] {
			return nil, hint.Usagef("name %s is given twice", termtext.QuoteShort(name))
		}
		seen[name] = true
		ids, err := r.Identities(m, name)
		if err != nil {
			return nil, err
		}
		layout, err := r.layoutFor(m, name)
		if err != nil {
			return nil, err
		}
		deliveries = append(deliveries, Delivery{To: keypair.Dest{Layout: layout, Owner: machine.Owner()}, Identities: ids, Portable: r.Out != ""})
	}
	return deliveries, nil
}

// layoutFor returns the layout for the files of a name.
func (r *Request) layoutFor(m *machine.Machine, name string) (libvirt.Layout, error) {
	switch {
	case r.Out != "" && r.Flat:
		return libvirt.Flat(filepath.Join(r.Out, name)), nil
	case r.Out != "":
		layout := libvirt.System(filepath.Join(r.Out, name, m.Sysconfdir))
		return layout.WithMode(libvirt.ClientKey, r.ClientKeyMode), nil
	case r.User:
		return m.InstallLayout(true)
	}
	return m.System().WithMode(libvirt.ClientKey, r.ClientKeyMode), nil
}

// Fill plans a delivery: records first, then keys and certificates, then the CA certificates
// and CRLs that their users must trust.
func (d Delivery) Fill(j *change.Job, a *authority.Authority, keys *change.Keyring, o authority.Order) (map[pki.Role]*keypair.Pair, error) {
	if d.Portable {
		if err := RefuseFolder(d.To.Layout.Base); err != nil {
			return nil, err
		}
	}
	pairs := make(map[pki.Role]*keypair.Pair)
	for _, id := range d.Identities {
		have, err := keypair.Load(j.Plan.Tree(), d.To.Layout, id.Role)
		if err != nil {
			return nil, err
		}
		if have.Cert != nil || have.Key != nil {
			return nil, hint.With(fmt.Errorf("there is a %s certificate or key already: %s", id.Role, have.Where()), "move it away first, or make a bundle with --out")
		}
		o.Identity = id
		if have.Cert, err = a.MakePair(j, keys, o, d.To, nil); err != nil {
			return nil, err
		}
		a.NoteLetIn(j, have.Cert, id.Name, o.Now)
		if have.Key, err = keys.Key(id.Slot(), o.KeyType); err != nil {
			return nil, err
		}
		pairs[id.Role] = have
	}
	return pairs, a.Trust(j, d.To)
}

// byRole returns the identities by role.
func (d Delivery) byRole() map[pki.Role]subject.Identity {
	ids := make(map[pki.Role]subject.Identity)
	for _, id := range d.Identities {
		ids[id.Role] = id
	}
	return ids
}

// RefuseFolder returns the error for a bundle that is there already.
func RefuseFolder(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return hint.With(fmt.Errorf("there is a bundle already: %s", path), "remove it, or choose another --out")
	}
	return nil
}
