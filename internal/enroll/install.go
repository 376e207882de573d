package enroll

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/pki"
)

// Response is a response of a CA, with the way to install it.
type Response struct {
	*pki.Answer
	To     keypair.Dest
	System bool // the daemons' own directories, not a user's or QEMU's
	// Minded are certificates at paths that the configuration of a daemon names. Such a daemon
	// is restarted when it serves another one than is on disk.
	Minded []string

	TrustNew     Fingerprints // of CAs that may be trusted though they are new here
	BelowTrusted bool         // the response came straight from its CA: a CA that a trusted one has signed needs no fingerprint
	ExactCAs     bool         // trust only the CAs of the response
	Force        bool         // replace a newer CRL or certificate with an older one, and a DN that a list here refuses
	// KeepSubject refuses a certificate with another DN than the one that it replaces.
	KeepSubject bool

	Given []Given  // key pairs that somebody else made, in place of certificates for keys that are here
	Names []string // by which peers know this machine: a given server's certificate must be for one of them; nil for any

	QEMU   *provision.QEMU // directories to fill with libvirt's next files; nil is none
	Reload reload.Options
}

// installer is one run of Install.
type installer struct {
	Response
	m       *machine.Machine
	keys    *change.Keyring
	options change.Options
	list    *inventory.List // the users of TLS here

	release libvirt.Release // of the program that will read the files
	known   bool            // false: no release is known

	qemu      libvirt.Release // of QEMU, for its copies of given key pairs
	qemuKnown bool
	copies    bool // QEMU's directories get copies

	cas     []*x509.Certificate // that are trusted afterwards
	lists   []*pki.CRL          // that count afterwards
	dropped []*x509.Certificate // CAs that are not trusted any more
	placed  bool                // a pair comes
	swapped bool                // a pair takes the place of another
	// until is the expiry of the previous certificate in each of QEMU's directories that
	// changes.
	until map[string]time.Time
}

// Install checks a response against the files here, puts it in place, has the daemons reload
// and verifies the certificates that they serve. If that fails, it rolls back. Without a job
// nothing has changed.
func Install(ctx context.Context, m *machine.Machine, r Response, keys *change.Keyring, o change.Options) (*change.Job, error) {
	if err := m.CheckClock(); err != nil {
		return nil, err
	}
	o.Lock = []string{m.LockOf(r.To.Layout)}
	in := &installer{Response: r, m: m, keys: keys, options: o, list: inventory.Of(ctx, m)}
	in.release, in.known = m.InstalledRelease(ctx, in.product())
	if len(r.Given) > 0 {
		in.qemu, in.qemuKnown = m.InstalledRelease(ctx, "qemu")
	}
	before, err := in.beside()
	if err != nil {
		return nil, err
	}
	j, err := change.Run(ctx, m, o, in.decide)
	if err != nil {
		return nil, err
	}
	if o.DryRun {
		return j, nil
	}
	return j, in.finish(ctx, j, before)
}

// finish has daemons and guests use the new files, and tidies up.
func (in *installer) finish(ctx context.Context, j *change.Job, before map[libvirt.File][]byte) (err error) {
	if in.System || in.To.Layout.Foreign() {
		err = in.prove(ctx, j, before)
	}
	if err = errors.Join(err, in.refreshGuests(ctx, j)); err != nil {
		return err
	}
	if err := in.tidy(ctx); err != nil {
		j.Note("the next run removes the files of the finished request: %v", err)
	}
	return nil
}

// prove makes the daemon read the changed files. If nothing has changed, a run before may have
// been killed ahead of that, or its restart may have failed.
func (in *installer) prove(ctx context.Context, j *change.Job, before map[libvirt.File][]byte) error {
	r := reload.New(in.m, in.Reload, j)
	for _, cert := range in.Minded {
		r.Mind(cert)
	}
	if len(j.Plan.Changes()) == 0 {
		return r.Settle(ctx)
	}
	if in.placed && !in.swapped {
		before = nil // there is nothing to go back to
	}
	back := reload.Back{Beside: before}
	if in.swapped {
		back.Pairs = []libvirt.Layout{in.To.Layout}
	}
	return r.ProveOrRollBack(ctx, back)
}

// tidy removes the keys that do not wait any longer. It comes last: until the pair is verified,
// a rollback must leave its certificate installable.
func (in *installer) tidy(ctx context.Context) error {
	_, err := change.Run(ctx, in.m, in.options, func(j *change.Job) error {
		return keypair.DropPending(&j.Plan, in.To.Layout)
	})
	return err
}

// decide checks the response against the files here, and plans the changes.
func (in *installer) decide(j *change.Job) error {
	in.placed, in.swapped, in.copies, in.until = false, false, false, make(map[string]time.Time)
	for _, role := range in.To.Layout.Roles() {
		if err := keypair.Together(&j.Plan, in.To.Layout, pki.Role(role)); err != nil {
			return err
		}
	}
	if err := in.decideCAs(j); err != nil {
		return err
	}
	if err := in.decideCRLs(j); err != nil {
		return err
	}
	return in.decidePairs(j)
}

// beside returns the files that a rollback of the pairs does not restore: the CA file and the
// CRL as they are. Those of another program stay in its place.
func (in *installer) beside() (map[libvirt.File][]byte, error) {
	if in.To.Layout.Foreign() {
		return nil, nil
	}
	files := make(map[libvirt.File][]byte)
	for _, file := range []libvirt.File{libvirt.CACert, libvirt.CACRL} {
		data, err := machine.ReadIfThere(in.m.Tree(), in.To.Layout.Path(file))
		if err != nil {
			return nil, err
		}
		files[file] = data
	}
	return files, nil
}
