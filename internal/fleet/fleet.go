package fleet

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"virtpki/internal/authority"
	"virtpki/internal/batch"
	"virtpki/internal/cakey"
	"virtpki/internal/change"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Request describes the bundles that a run makes, with everything checked.
type Request struct {
	Hosts *Hosts
	Roles []pki.Role // of the certificates that each of them gets
	Leaf  authority.Leaf
	// Identities returns the certificates that a host gets, given its name and its SANs in
	// the list. It is called from several goroutines at once.
	Identities func(name string, sans []string) ([]subject.Identity, error)

	Out       string      // a directory for the bundles, or one archive; see [Request.OneArchive]
	Tar       bool        // bundles are archives
	Flat      bool        // a bundle is a single directory, and not in the form of the system
	ClientKey fs.FileMode // of a client's key, in the form of the system
	Workers   int         // how many are made at once; 0: one for each processor
	DryRun    bool

	Stdout   io.Writer       // gets the archive if Out is "-"
	Progress func(Count)     // is called each time that a bundle is made
	Track    *change.Tracker // of the program
}

// Count is the progress of a run.
type Count struct {
	Total int // bundles asked for
	There int // that were there when the run began
	Made  int
	// Device is set if the CA's key is in a device, which makes one signature at a time.
	Device bool
}

// Left returns how many are still to be made.
func (c Count) Left() int { return c.Total - c.There - c.Made }

// OneArchive reports whether all hosts go into one archive.
func (r *Request) OneArchive() bool { return r.Tar && IsArchive(r.Out) }

// ToStdout reports whether the archive is written to stdout.
func (r *Request) ToStdout() bool { return r.Tar && r.Out == "-" }

// IsArchive reports whether a path names an archive and not a directory.
func IsArchive(out string) bool { return out == "-" || strings.HasSuffix(out, tarSuffix) }

// pathOf returns the path at which the bundle of a name will be.
func (r *Request) pathOf(name string) string {
	if r.Tar {
		name += tarSuffix
	}
	return filepath.Join(r.Out, name)
}

// placeOf returns where the bundle of a name will be, in words for people.
func (r *Request) placeOf(name string) string {
	if r.OneArchive() {
		return name + " in " + r.Out
	}
	return r.pathOf(name)
}

// fleet is one run that makes bundles for many hosts.
type fleet struct {
	r     Request
	m     *machine.Machine
	keys  *change.Keyring
	shape *shape

	a     *authority.Authority
	twins []string       // notes about the CA
	past  *grant.History // the clients that it has shut out; nil where that is not known
	// revokedOn returns the day on which a certificate was revoked, empty for none. It reads
	// the CRL when there is a bundle to check.
	revokedOn func() (func(*x509.Certificate) string, error)
	holdsCA   bool   // the lock of the CA is held all the time
	stamp     string // of the CA's files when a was read
	// proven is set once a signature of the CA's key has been verified.
	proven atomic.Bool

	mu    sync.Mutex // for tally, which the workers write to
	tally tally
}

// Run makes the missing bundles. Each is whole and recorded before it has its name. After an
// error, or when ctx ends, the finished ones stay, and the same request resumes the run.
func Run(ctx context.Context, m *machine.Machine, r Request, keys *change.Keyring) (*Report, error) {
	f := newFleet(m, r, keys)
	if err := f.loadCA(); err != nil {
		return nil, err
	}
	if err := f.check(r.Hosts); err != nil {
		return nil, err
	}
	if r.OneArchive() {
		return f.makeArchive(ctx, r.Hosts)
	}
	return f.makeBundles(ctx, r.Hosts)
}

func newFleet(m *machine.Machine, r Request, keys *change.Keyring) *fleet {
	if r.Workers == 0 {
		r.Workers = runtime.GOMAXPROCS(0)
	}
	return &fleet{r: r, m: m, keys: keys, shape: newShape(m, r)}
}

// loadCA reads the CA and its key, and the CA certificates and CRLs that every host has to
// trust.
func (f *fleet) loadCA() error {
	f.stamp = f.caStamp()
	a, err := authority.Open(f.m)
	if err != nil {
		return err
	}
	if err := a.Unlock(f.keys); err != nil {
		return err
	}
	var j change.Job
	a.NoteTwins(&j)
	if f.past, err = a.ShutOuts(f.m.Now()); err != nil {
		j.Note("%s", authority.HistoryUnknown(err))
	}
	f.a, f.twins = a, j.Notes
	f.revokedOn = sync.OnceValues(func() (func(*x509.Certificate) string, error) { return authority.RevokedOn(f.m) })
	f.tally.Device = cakey.Keeps(a.CA.Signer)
	f.proven.Store(false)
	f.shape.share(a)
	return nil
}

// caStamp differs when the CA's certificates, its CRL or its generation differ.
func (f *fleet) caStamp() string {
	layout := libvirt.CA(f.m.CAPath())
	var stamp strings.Builder
	for _, file := range []libvirt.File{libvirt.CACert, libvirt.CACRL, libvirt.CARollover} {
		data, err := machine.ReadIfThere(f.m.Tree(), layout.Path(file))
		fmt.Fprintln(&stamp, len(data), err)
		stamp.Write(data)
	}
	return stamp.String()
}

// check looks at every line before anything is made.
func (f *fleet) check(list *Hosts) error {
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

// moreBad says that there are others, and keeps the hint of the first.
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
	return f.r.Identities(h.fields())
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
		key, err := pki.GenerateKey(f.r.Leaf.KeyType)
		if err != nil {
			return made{}, fmt.Errorf("making the key: %w", err)
		}
		cert, dropped, err := f.a.Sign(authority.Order{Leaf: f.r.Leaf, Identity: id, PublicKey: key.Public(), Now: f.m.Now(), Quick: f.proven.Load()})
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

// countOther counts an existing bundle with another key, lifetime or template than the request.
func (f *fleet) countOther(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tally.other == nil {
		f.tally.other = make(map[string]bool)
	}
	f.tally.other[name] = true
}

// count records the facts about a certificate that people should know.
func (f *fleet) count(cert *x509.Certificate, id subject.Identity, dropped []string) {
	unbound := f.r.Leaf.Unbound(id.Role, cert)
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
