package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/batch"
	"virtpki/internal/change"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// fleetOptions are the flags of issue that are for many hosts.
type fleetOptions struct {
	hosts  string
	format string
	jobs   int
}

func (o *fleetOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.hosts, "hosts", "", "make a bundle for each line of `file` (- is standard input): name, then SANs")
	flags.StringVar(&o.format, "format", "folder", "`form` of what --out gets: folder or tar")
	flags.IntVarP(&o.jobs, "jobs", "j", 0, "how `many` to make at once (default one for each processor)")
	cmd.MarkFlagFilename("hosts")
	completeFrom(cmd, "format", "folder", "tar")
}

// many reports whether the bundles are made one after another, each final before
// the next ones begin, and not all or nothing.
func (o *fleetOptions) many() bool { return o.hosts != "" || o.format == "tar" }

func (o *fleetOptions) checkUse(names []string, out string) error {
	switch {
	case o.format != "folder" && o.format != "tar":
		return fmt.Errorf("unknown format %q (folder or tar)", o.format)
	case o.jobs < 0:
		return fmt.Errorf("bad number of jobs %d", o.jobs)
	case o.hosts == "" && len(names) == 0:
		return errors.New("no name: give one or more, or --hosts FILE")
	case o.hosts != "" && len(names) > 0:
		return errors.New("give names or --hosts FILE, not both")
	case o.format != "tar" && isArchive(out):
		return hint.With(fmt.Errorf("--out %s is one archive, and --format is %s", out, o.format), "add --format tar")
	case o.many() && out == "":
		return errors.New("--hosts and --format tar are for bundles: give --out DIRECTORY")
	}
	return nil
}

// fleet is one run that makes bundles for many hosts.
type fleet struct {
	*env
	g       *globals
	o       *issueOptions
	naming  provision.Naming
	roles   []pki.Role
	leaf    authority.Leaf
	ctx     context.Context
	workers int
	keys    *change.Keyring
	machine []string // the names of this machine
	shape   *fleetShape

	a     *authority.Authority
	twins []string       // what is to be said of the CA
	past  *grant.History // whom it has shut out; nil where that is not known
	// revokedOn tells when a certificate was revoked, empty when it was not. The list
	// is read when there is a bundle to look at.
	revokedOn func() (func(*x509.Certificate) string, error)
	holdsCA   bool   // the lock of the CA is held all the time
	stamp     string // of the CA's files when a was read
	// proven is set once a signature of the CA's key has been verified.
	proven atomic.Bool

	mu    sync.Mutex // for tally, which the workers write to
	tally fleetTally
}

func (e *env) issueFleet(ctx context.Context, g *globals, o *issueOptions, r *provision.Request) error {
	f, err := e.newFleet(ctx, g, o, r)
	if err != nil {
		return err
	}
	list, err := e.readHosts(o.hosts, r.Names)
	if err != nil {
		return err
	}
	if err := f.loadCA(); err != nil {
		return err
	}
	if err := f.check(list); err != nil {
		return err
	}
	if f.oneArchive() {
		return f.makeArchive(list)
	}
	return f.makeBundles(list)
}

func (e *env) newFleet(ctx context.Context, g *globals, o *issueOptions, r *provision.Request) (*fleet, error) {
	f := &fleet{env: e, g: g, o: o, naming: r.Naming, roles: r.Kind.Roles(), leaf: r.Leaf, ctx: ctx, workers: o.jobs, keys: e.newKeyring(g)}
	if f.workers == 0 {
		f.workers = runtime.GOMAXPROCS(0)
	}
	var err error
	if f.machine, err = g.Names(); err != nil && r.Kind != subject.Client {
		return nil, err
	}
	f.shape = newShape(g.Machine, o, r.ClientKeyMode, f.roles)
	return f, nil
}

// loadCA reads the CA and its key, and what everybody is to trust.
func (f *fleet) loadCA() error {
	f.stamp = f.caStamp()
	a, err := authority.Open(f.g.Machine)
	if err != nil {
		return err
	}
	if err := a.Unlock(f.keys); err != nil {
		return err
	}
	var j change.Job
	a.NoteTwins(&j)
	if f.past, err = a.ShutOuts(f.here.Now()); err != nil {
		j.Note("%s", authority.HistoryUnknown(err))
	}
	f.a, f.twins = a, j.Notes
	f.revokedOn = sync.OnceValues(func() (func(*x509.Certificate) string, error) { return authority.RevokedOn(f.g.Machine) })
	f.proven.Store(false)
	f.shape.share(a)
	return nil
}

// caStamp differs when the CA's certificates, its CRL or its generation differ.
func (f *fleet) caStamp() string {
	layout := libvirt.CA(f.g.CAPath())
	var stamp strings.Builder
	for _, file := range []libvirt.File{libvirt.CACert, libvirt.CACRL, libvirt.CARollover} {
		data, err := machine.ReadIfThere(f.g.Tree(), layout.Path(file))
		fmt.Fprintln(&stamp, len(data), err)
		stamp.Write(data)
	}
	return stamp.String()
}

// check looks at every line before anything is made.
func (f *fleet) check(list *hostList) error {
	if err := list.checkTwins(); err != nil {
		return err
	}
	permit := pki.PermitOf(f.a.CA.Certificate)
	var first error
	bad := 0
	for _, h := range list.hosts {
		if err := f.checkLine(h, permit); err != nil {
			bad++
			first = hint.First(first, list.at(h, err))
		}
	}
	if bad > 1 {
		return moreBad(first, bad-1)
	}
	return first
}

// moreBad tells that there are others, and keeps the hint of the first.
func moreBad(err error, others int) error {
	return fmt.Errorf("%w (and %s)", err, termtext.Count(others, "other bad line", "other bad lines"))
}

func (f *fleet) checkLine(h hostLine, permit pki.Permit) error {
	ids, err := f.identitiesOf(h)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := id.Subject(f.a.CA.Certificate); err != nil {
			return err
		}
		kept, _ := id.Within(permit)
		if name := kept.Outside(permit); name != "" {
			return fmt.Errorf("the CA may not sign for %s, only for %s", name, permit)
		}
	}
	return nil
}

// identitiesOf are the certificates that a host gets.
func (f *fleet) identitiesOf(h hostLine) ([]subject.Identity, error) {
	name, sans := h.fields()
	if f.naming.Kind == subject.Client && len(sans) > 0 {
		return nil, fmt.Errorf("client %s has SANs, and libvirt looks at no SAN of a client", termtext.QuoteShort(name))
	}
	naming := f.naming
	naming.SANs = slices.Concat(f.naming.SANs, sans)
	return naming.IdentitiesBeside(f.g.Machine, name, f.machine)
}

// pathOf is where the bundle of a name is to lie.
func (f *fleet) pathOf(name string) string { return filepath.Join(f.o.out, f.fileOf(name)) }

func (f *fleet) fileOf(name string) string {
	if f.o.format == "tar" {
		return name + tarSuffix
	}
	return name
}

// made is a bundle with the records of its certificates.
type made struct {
	bundle  batch.Bundle
	records []batch.Record
}

// makeHost makes the keys and certificates of a host.
func (f *fleet) makeHost(h hostLine) (made, error) {
	ids, err := f.identitiesOf(h)
	if err != nil {
		return made{}, err
	}
	var m made
	var pairs []batch.Piece
	for _, id := range ids {
		key, err := pki.GenerateKey(f.leaf.KeyType)
		if err != nil {
			return made{}, fmt.Errorf("making the key: %w", err)
		}
		cert, dropped, err := f.a.Sign(authority.Order{Leaf: f.leaf, Identity: id, PublicKey: key.Public(), Now: f.here.Now(), Quick: f.proven.Load()})
		if err != nil {
			return made{}, err
		}
		f.proven.Store(true)
		record := recordOf(cert)
		pair, err := f.shape.pair(id.Role, key, record.Data)
		if err != nil {
			return made{}, err
		}
		pairs, m.records = append(pairs, pair...), append(m.records, record)
		f.count(cert, id, dropped)
	}
	m.bundle = f.shape.bundle(ids[0].Name, pairs)
	return m, nil
}

// countOther notes a bundle that is there and has another shape than asked for.
func (f *fleet) countOther(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tally.other == nil {
		f.tally.other = make(map[string]bool)
	}
	f.tally.other[name] = true
}

// count notes what people should know of a certificate.
func (f *fleet) count(cert *x509.Certificate, id subject.Identity, dropped []string) {
	unbound := f.leaf.Unbound(id.Role, cert)
	var again string
	var err error
	if f.past != nil {
		again, err = authority.LetIn(f.past, cert, id.Name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally.addLetIn(again, err)
	f.tally.unbound = cmp.Or(f.tally.unbound, unbound)
	f.tally.add(cert, f.a.CA.Certificate, id.Name, dropped)
}
