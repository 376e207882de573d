package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// renewOptions are the flags of renew.
type renewOptions struct {
	reloadOptions
	withOptions
	before  string
	force   bool
	rekey   bool
	sameKey bool
	jitter  string
	metrics string

	via      string
	trustNew []string
	shapes   templateOptions
}

const renewHelp = `Renew what is due, have the daemon read it, and prove that it serves it. This is
the command for cron.

Everything installed here is looked at: the system's server and client pair,
QEMU's, as far as this CA has signed them, and the user's own. Due is what has
less than a third of its life left (--before says otherwise), has expired, does
not match its key or its CA any more, or lacks an address that this machine has
by now. It is made anew with the same
subject, names, shape, lifetime and key type, and a new key; key and certificate
change in one instant. The CRL is refreshed when a third of its life is left.

renew signs only names that this CA has granted before. A certificate of another CA
is an error. In ~/.pki/libvirt it takes this CA's signature, its record and the key
too, and a directory or file that another user can write is never renewed: a HOME that
sudo keeps does not lead root into it.

What is a copy of libvirt's pair stays one. --with fills folders of QEMU's that
lack a pair, and --qemu-ca renews what that CA has signed for QEMU, and nothing
else. Guests that run read the new files where they can: VNC does, and is asked
for its certificate; of the rest it is said until when a guest goes on with the
old ones. Migration and backup read them at the next job.

After a reload that failed, or a daemon that serves something else, the files of
before are put back. With nothing due nothing is written. What is revoked in a
user's folder stays revoked.

Where the CA's key is not on this machine, requests are made for what is due, with
keys that wait here. --via gives them to a command, which brings them to the CA
and prints its answer; that is installed and proven. It brings the CRL too, when
that is due. Without --via the requests are left in a file, and the exit status
is 3.`

func newRenew(e *env, g *globals) *cobra.Command {
	o := &renewOptions{}
	cmd := &cobra.Command{
		Use:     "renew",
		Short:   "Renew what is due, reload, and prove it",
		Long:    help(renewHelp, exitDone, exitError, exitUsage, exitRefused, exitInterrupted),
		Example: "  virtpki renew\n  virtpki renew --before 30d --dry-run\n  virtpki renew --quiet --jitter 10m --metrics /var/lib/node_exporter/virtpki.prom\n  virtpki renew --via 'ssh ca virtpki sign - --yes'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.renew(cmd.Context(), g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.before, "before", "33%", "how long before its end something is due, a `duration` or a share of its life")
	flags.BoolVar(&o.force, "force", false, "renew everything, due or not, and replace a --metrics file that virtpki did not write")
	flags.BoolVar(&o.rekey, "rekey", false, "make new keys (the default)")
	flags.BoolVar(&o.sameKey, "same-key", false, "keep the keys")
	flags.StringVar(&o.jitter, "jitter", "", "where no terminal is there, wait a random part of `duration` first")
	flags.StringVar(&o.metrics, "metrics", "", "write a Prometheus text `file`")
	o.shapes.addFlags(flags)
	o.addVia(cmd)
	flags.StringArrayVar(&o.trustNew, "trust-new-ca", nil, "with --via, trust a CA that is new here, by its SHA-256 `fingerprint`")
	cmd.MarkFlagsMutuallyExclusive("rekey", "same-key")
	cmd.MarkFlagFilename("metrics", "prom")
	o.reloadOptions.addFlags(cmd)
	o.withOptions.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func (o *renewOptions) addVia(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.via, "via", "", "where the CA's key is not here: `command` that takes requests on stdin and prints the CA's answer")
}

// renewPlan is renewOptions with everything checked.
type renewPlan struct {
	*renewOptions
	window pki.Window
	jitter time.Duration
	shaped map[pki.Role]*pki.Template
	with   *provision.QEMU
}

func (o *renewOptions) check() (*renewPlan, error) {
	p := &renewPlan{renewOptions: o}
	var err error
	if p.with, err = o.checkRenew(); err != nil {
		return nil, err
	}
	if p.shaped, err = o.shapes.check(); err != nil {
		return nil, err
	}
	if o.before != "33%" {
		var err error
		if p.window, err = pki.ParseWindow(o.before); err != nil {
			return nil, hint.Usage(err)
		}
	}
	if o.jitter != "" {
		var err error
		if p.jitter, err = pki.ParseValidity(o.jitter); err != nil {
			return nil, hint.Usage(err)
		}
	}
	return p, nil
}

func (e *env) renew(ctx context.Context, g *globals, o *renewOptions) error {
	p, err := o.check()
	if err != nil {
		return err
	}
	if err := g.CheckClock(); err != nil {
		return err
	}
	if err := p.wait(ctx); err != nil {
		return err
	}
	r := &renewal{env: e, g: p.globals(g), renewPlan: p, keys: e.newKeyring(g)}
	err = r.run(ctx)
	if failed := r.writeMetrics(err); failed != nil {
		return errors.Join(err, failed)
	}
	return err // as it is: that of a check which says no is told by its status alone
}

// wait spreads the runs of many machines.
func (p *renewPlan) wait(ctx context.Context) error {
	if p.jitter == 0 || term.IsTerminal(int(os.Stderr.Fd())) || term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	select {
	case <-ctx.Done():
		return hint.ErrInterrupted
	case <-time.After(rand.N(p.jitter)):
		return nil
	}
}

// renewal is one run of renew.
type renewal struct {
	*env
	*renewPlan
	g    *globals
	keys *change.Keyring

	found   []*installation
	left    []string // what is not renewed, and why
	crl     dueCRL
	renewed []*installation
	caDue   bool // time for a rollover
	caEnd   time.Time
	// serving is set when something changes that a daemon serves.
	serving bool
}

func (r *renewal) run(ctx context.Context) error {
	if _, err := r.look(); err != nil {
		return err
	}
	if r.caDue && !r.g.quiet {
		r.warn("the CA ends on %s: begin its successor with virtpki ca rollover start", termtext.Day(r.caEnd))
	}
	r.tellLeft()
	if !r.anythingDue() {
		return r.nothingDue(ctx)
	}
	if r.keyAbsent() {
		return r.renewElsewhere(ctx)
	}
	locks := []string{r.g.CAPath(), r.g.System().Top()}
	j, err := r.carryOut(ctx, r.g, locks, r.decide)
	if err != nil {
		return err
	}
	var proven error
	if !r.g.dryRun && len(j.Plan.Changes()) > 0 {
		if r.serving && !r.serverFailed() {
			proven = r.reloader(j).ProveOrRollBack(ctx, reload.Back{Pairs: r.swapped()})
		}
		proven = errors.Join(proven, r.refreshGuests(ctx, j))
	}
	return r.tellWith(r.g, j, errors.Join(proven, r.failures()))
}

// keyAbsent reports whether the CA's key is on another machine.
func (r *renewal) keyAbsent() bool {
	_, err := r.g.Tree().Lstat(libvirt.CA(r.g.CAPath()).Path(libvirt.CAKey))
	return errors.Is(err, fs.ErrNotExist)
}

// decide looks again, under the lock, and plans what is due.
func (r *renewal) decide(j *change.Job) error {
	a, err := r.look()
	if err != nil {
		return err
	}
	if err := hint.First(a.Unlock(r.keys), a.LoadCRL()); err != nil {
		return err
	}
	r.renewed = nil
	for _, in := range r.found {
		if in.err != nil || len(in.reasons) == 0 || in.original != nil && in.original.err != nil {
			continue
		}
		if why, err := r.wouldUndo(a, in); err != nil {
			return err
		} else if why != "" {
			j.Note("%s: %s, and stays so (virtpki issue client, or request, makes a new pair)", in.pair.CertPath, why)
			continue
		}
		in.err = j.Attempt(func() error { return r.renewOne(j, a, in) })
		switch {
		case in.err == nil:
			r.renewed = append(r.renewed, in)
		case r.shaped[in.role] != nil:
			return in.err // what was asked for is wrong: all or nothing
		}
	}
	return hint.First(r.fillQEMU(j, a), r.renewCRL(j, a))
}

// renewOne plans a new certificate like the one that is there.
func (r *renewal) renewOne(j *change.Job, a *authority.Authority, in *installation) error {
	if in.sealed {
		return hint.With(fmt.Errorf("%s: %s, and its key has a passphrase", in.pair.CertPath, in.why()), "move the pair away, let renew --with make one, and give its key the passphrase")
	}
	if in.original != nil {
		return r.copyOne(j, a, in)
	}
	old := in.pair.Cert
	keyType, known := pki.KeyTypeOf(old.PublicKey)
	if !known {
		keyType = pki.DefaultKeyType
	}
	have := in.pair
	if !r.sameKey || have.Key == nil || have.Mismatch() != nil {
		have = nil
	}
	id := subject.Identity{Role: in.role, Name: in.layout.Path(libvirt.CertFile(string(in.role))), RawSubject: old.RawSubject}
	id.DNS = in.names()
	id.IPs = append(append(id.IPs, old.IPAddresses...), in.missing...)
	leaf := authority.Leaf{KeyType: keyType, Validity: a.LifeLike(old), Templates: r.shaped}
	if strictUsage(old) {
		leaf.Target = libvirt.StrictTarget()
	}
	to := r.targetOf(in)
	j.Plan.Together(in.layout.PairFolder())
	if err := a.Trust(j, to); err != nil {
		return err // before the pair: one of a CA that is not trusted there would keep libvirtd from starting
	}
	cert, err := a.MakePair(j, r.keys, authority.Order{Leaf: leaf, Identity: id, Now: r.here.Now()}, to, have)
	if err != nil {
		return fmt.Errorf("%s: %w", in.pair.CertPath, err)
	}
	key, err := r.keys.For(have, id.Slot(), keyType)
	if err != nil {
		return err
	}
	in.renewed = &keypair.Pair{Role: in.role, Cert: cert, Key: key}
	j.Did("%s: %s", in.pair.CertPath, in.why())
	r.serving = r.serving || in.system
	return nil
}

// targetOf is where a renewed pair goes: modes and owners stay as they are, unless
// a key can be read by everybody.
func (r *renewal) targetOf(in *installation) keypair.Dest {
	to := keypair.Dest{Layout: in.layout, Owner: machine.Owner(), Keep: !in.pair.TooOpen()}
	if in.qemu(r.g.Machine) {
		to.KeyOwner = r.g.QEMUOwner()
	}
	return to
}

// wouldUndo says how a renewal would let a person in again who was shut out; empty where
// it would not. The machine's own pairs are another matter: a new one is what their
// revocation was for.
func (r *renewal) wouldUndo(a *authority.Authority, in *installation) (string, error) {
	if in.system || in.qemu(r.g.Machine) {
		return "", nil
	}
	if _, revoked := a.FindRevoked(in.pair.Cert.SerialNumber); revoked {
		return subject.Of(in.pair.Cert) + " is revoked", nil
	}
	h, err := a.ShutOuts(r.here.Now())
	if err != nil {
		return "", err
	}
	out, err := h.ShutOut(in.pair.Cert)
	if err != nil || len(out) == 0 {
		return "", err
	}
	return authority.ShutOutText(out[0]), nil
}

// renewCRL plans a fresh CRL when the one here is due.
func (r *renewal) renewCRL(j *change.Job, a *authority.Authority) error {
	if r.crl.reason == "" {
		return nil
	}
	fresh := authority.CRLRequest{Validity: pki.DefaultCRLValidity}
	if a.Current != nil && !a.Current.NextUpdate.IsZero() {
		fresh.Validity = a.Current.NextUpdate.Sub(a.Current.ThisUpdate)
	}
	r.serving = r.serving || r.with.CA == ""
	j.Did("%s: %s", a.Layout.Path(libvirt.CACRL), r.crl.reason)
	return a.PlanCRL(j, r.g.Machine, fresh)
}

// serverFailed reports whether the server's certificate is one that could not be
// read or renewed. Then there is nothing that a daemon could be made to serve.
func (r *renewal) serverFailed() bool {
	return slices.ContainsFunc(r.found, func(in *installation) bool {
		return in.system && in.role == pki.Server && in.err != nil
	})
}

// failures are the installations that could not be renewed.
func (r *renewal) failures() error {
	var errs []error
	for _, in := range r.found {
		if in.err != nil {
			errs = append(errs, in.err)
		}
	}
	return errors.Join(errs...)
}
