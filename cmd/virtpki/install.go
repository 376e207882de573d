package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// installOptions are the flags of install.
type installOptions struct {
	reloadOptions
	withOptions
	user          bool
	trustNew      []string
	exactCAs      bool
	force         bool
	clientKeyMode string
}

const installHelp = `Take what sign has answered: check everything, put key and certificate in place
in one instant, the CRL and the CA beside them, have the daemon read it, and prove
that it serves it. What the daemon does not take is rolled back.

The certificate must be for the key that waits here (see request) or the live
one, signed by a CA that this host trusts, for the right role and names, valid
now, not revoked, and not older than the one that is installed. The answer to
another host, or one that was installed before, changes nothing.

On a host that trusts no CA yet that of the answer is trusted from now on, and
its fingerprint is said. Afterwards another CA is taken with --trust-new-ca alone:
whoever can tamper with an answer could else bring a CA of his own.

Copies of the pair in QEMU's folders follow, with the CA and the CRL; --with fills
folders that are not there yet, see virtpki bootstrap.

An answer may hold only a CRL or the CA: that is how both reach a fleet. A CRL
never takes the place of a newer one.`

const installExample = `  virtpki install hv1.pem
  ssh ca cat /etc/pki/CA/cacrl.pem | virtpki install -
  virtpki install new-generation.pem --trust-new-ca 2F7A...`

func newInstall(e *env, g *globals) *cobra.Command {
	o := &installOptions{}
	cmd := &cobra.Command{
		Use:     "install FILE...",
		Short:   "Take the CA's answer: check, put in place, reload, prove",
		Long:    help(installHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: installExample,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.install(cmd.Context(), g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.user, "user", false, "into ~/.pki/libvirt")
	o.addTrust(cmd)
	flags.BoolVar(&o.exactCAs, "exact-cas", false, "trust the CAs of the answer and no other that was trusted before")
	flags.BoolVar(&o.force, "force", false, "take an older CRL or certificate over a newer one")
	flags.StringVar(&o.clientKeyMode, "client-key-mode", "0600", "`mode` of a client key that was not there before, see issue")
	completeFrom(cmd, "client-key-mode", "0600", "0640", "0644")
	o.reloadOptions.addFlags(cmd)
	o.withOptions.addFlags(cmd)
	g.addDryRun(cmd)
	return cmd
}

func (o *installOptions) addTrust(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&o.trustNew, "trust-new-ca", nil, "trust a CA that is new here, by its SHA-256 `fingerprint` (virtpki ca show); may be repeated")
}

// intake is one run of install: an answer, and what has to be so before it is
// taken.
type intake struct {
	*env
	g      *globals
	o      *installOptions
	answer *pki.Answer
	to     keypair.Dest
	system bool            // the daemon's tree, not a user's or QEMU's
	trust  map[string]bool // fingerprints of CAs that may be new
	with   *provision.QEMU // folders of QEMU's to fill; nil is none

	release libvirt.Target // of the program that will read the files
	known   bool           // false: no release is known

	cas     []*x509.Certificate // that are trusted afterwards
	lists   []*pki.CRL          // that count afterwards
	dropped []*x509.Certificate // CAs that are not trusted any more
	placed  bool                // a pair comes
	swapped bool                // a pair takes the place of another
	// until is the end of what was in QEMU's folders, by folder, for those that change.
	until map[string]time.Time
}

func (e *env) install(ctx context.Context, g *globals, o *installOptions, files []string) error {
	in, err := e.newIntake(g, o)
	if err != nil {
		return err
	}
	var all [][]byte
	for _, file := range files {
		data, err := e.readInput(file, store.MaxPEM)
		if err != nil {
			return err
		}
		if _, err = pki.ParseAnswer(data); err != nil { // an error has to name its file
			return fmt.Errorf("%s: %w", inputName(file), err)
		}
		all = append(all, data)
	}
	if in.answer, err = pki.ParseAnswer(bytes.Join(all, []byte("\n"))); err != nil {
		return err
	}
	j, err := in.run(ctx)
	if j == nil {
		return err
	}
	return in.tellWith(in.g, j, err)
}

// newIntake checks the options.
func (e *env) newIntake(g *globals, o *installOptions) (*intake, error) {
	mode, err := parseClientKeyMode(o.clientKeyMode)
	if err != nil {
		return nil, hint.Usage(err)
	}
	trust, err := parseFingerprints(o.trustNew)
	if err != nil {
		return nil, hint.Usage(err)
	}
	if err := g.CheckClock(); err != nil {
		return nil, err
	}
	with, err := o.withOptions.check()
	if err == nil && o.user && len(with.Uses) > 0 {
		err = hint.Usagef("--with is for the system's pairs, --user for one's own")
	}
	if err != nil {
		return nil, err
	}
	layout, err := g.InstallLayout(o.user)
	if err != nil {
		return nil, err
	}
	if !o.user {
		layout = layout.WithMode(libvirt.ClientKey, mode)
	}
	return &intake{env: e, g: g, o: o, trust: trust, with: with, system: !o.user, to: keypair.Dest{Layout: layout, Owner: machine.Owner(), Keep: true}}, nil
}

// run installs, proves, and tidies up. Without a job nothing has changed.
func (in *intake) run(ctx context.Context) (*change.Job, error) {
	in.release, in.known = in.g.InstalledTarget(ctx, in.product())
	before, err := in.beside()
	if err != nil {
		return nil, err
	}
	j, err := in.carryOut(ctx, in.g, []string{in.g.LockOf(in.to.Layout)}, in.decide)
	if err != nil {
		return nil, err
	}
	if in.g.dryRun {
		return j, nil
	}
	if in.system {
		err = in.prove(ctx, j, before)
	}
	err = errors.Join(err, in.refreshGuests(ctx, j))
	if err != nil {
		return j, err
	}
	if err := in.tidy(ctx); err != nil {
		j.Note("what waits no longer is left to the next run: %v", err)
	}
	return j, nil
}

// prove has the daemon read what has changed. Where nothing has, a run before may
// have been killed ahead of that.
func (in *intake) prove(ctx context.Context, j *change.Job, before map[libvirt.File][]byte) error {
	if len(j.Plan.Changes()) == 0 {
		return in.reloader(j).ReloadStale(ctx)
	}
	if in.placed && !in.swapped {
		before = nil // there is nothing to go back to
	}
	return in.reloader(j).ProveOrRollBack(ctx, reload.Back{Pairs: in.swapped, Beside: before})
}

// reloader deals with the daemons and guests here.
func (in *intake) reloader(j *change.Job) *reload.Reloader {
	return reload.New(in.g.Machine, in.o.reloadOptions.request(in.env), j)
}

// tidy removes the keys that wait no longer. It comes last: until the pair is
// proven, a rollback must leave the request answerable.
func (in *intake) tidy(ctx context.Context) error {
	_, err := in.carryOut(ctx, in.g, []string{in.g.LockOf(in.to.Layout)}, func(j *change.Job) error {
		return keypair.DropPending(&j.Plan, in.to.Layout)
	})
	return err
}

// decide checks the answer against what is here, and plans what changes.
func (in *intake) decide(j *change.Job) error {
	in.placed, in.swapped = false, false
	j.Plan.Together(in.to.Layout.PairFolder())
	if err := in.decideCAs(j); err != nil {
		return err
	}
	if err := in.decideCRLs(j); err != nil {
		return err
	}
	return in.decidePairs(j)
}

// slot is one place for a pair: what is live there, and the key that waits.
type slot struct {
	live  *keypair.Pair
	waits *keypair.Pending
}

// slots are the places of the layout.
func (in *intake) slots() ([]*slot, error) {
	var all []*slot
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		s := &slot{live: keypair.New(in.g.Tree(), in.to.Layout, role)}
		if err := hint.First(s.live.ReadCert(), s.live.ReadKey()); err != nil {
			return nil, err
		}
		var err error
		if s.waits, err = keypair.LoadPending(in.to.Layout, s.live); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// decidePairs finds the place of each certificate, and wants every place to be
// right afterwards. Certificates of other hosts may stand beside one's own.
func (in *intake) decidePairs(j *change.Job) error {
	slots, err := in.slots()
	if err != nil {
		return err
	}
	var others []*x509.Certificate
	taken := make(map[*slot]*x509.Certificate)
	for _, cert := range in.answer.Leafs {
		s, key := slotFor(slots, cert)
		if s == nil {
			others = append(others, cert)
			continue
		}
		if taken[s] != nil && !taken[s].Equal(cert) {
			return fmt.Errorf("the answer holds two certificates for the %s key here", s.live.Role)
		}
		taken[s] = cert
		if err := in.place(j, s, key, cert); err != nil {
			return fmt.Errorf("the %s certificate %s (serial %s): %w", s.live.Role, subject.Of(cert), store.SerialText(cert.SerialNumber), err)
		}
	}
	if len(others) > 0 && len(taken) == 0 {
		return in.refuseOthers(others)
	}
	for _, cert := range others {
		j.Note("%s is for a key that is not here: left alone", subject.Of(cert))
	}
	if err := hint.First(in.liveStillTrusted(slots), in.keepAsked(j, slots, taken)); err != nil {
		return err
	}
	return in.followQEMU(j, afterwards(slots, taken))
}

// keepAsked plans the requests of the certificates that are there afterwards, and
// of the keys that still wait: by them renew knows which names the CA left out, and
// does not ask for them every day.
func (in *intake) keepAsked(j *change.Job, slots []*slot, taken map[*slot]*x509.Certificate) error {
	if !in.placed {
		return nil
	}
	old, err := keypair.Requests(in.g.Tree(), in.to.Layout)
	if err != nil {
		return err
	}
	var kept []*pki.CSR
	for _, s := range slots {
		if s.waits != nil {
			kept = append(kept, s.waits.CSR)
		}
		cert := taken[s]
		if cert == nil {
			cert = s.live.Cert
		}
		if cert == nil || s.waits != nil && pki.SameKey(cert.PublicKey, s.waits.CSR.PublicKey) {
			continue
		}
		if csr := keypair.RequestFor(old, cert.PublicKey); csr != nil {
			kept = append(kept, csr)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return in.to.Write(&j.Plan, libvirt.Requests, pki.EncodeCSRs(kept...))
}

// slotFor finds the key that a certificate is for.
func slotFor(slots []*slot, cert *x509.Certificate) (*slot, crypto.Signer) {
	for _, s := range slots {
		if s.waits != nil && pki.KeyMatches(cert, s.waits.Key) {
			return s, s.waits.Key
		}
	}
	for _, s := range slots {
		if s.live.Key != nil && pki.KeyMatches(cert, s.live.Key) {
			return s, s.live.Key
		}
	}
	return nil, nil
}

// ownOf are the certificates that are for a key in the layout.
func (in *intake) ownOf(certs []*x509.Certificate) ([]*x509.Certificate, error) {
	slots, err := in.slots()
	var own []*x509.Certificate
	for _, cert := range certs {
		if s, _ := slotFor(slots, cert); s != nil {
			own = append(own, cert)
		}
	}
	return own, err
}

// refuseOthers is the error for an answer in which nothing is for this host.
func (in *intake) refuseOthers(certs []*x509.Certificate) error {
	if in.wasLive(certs[0]) {
		return hint.With(fmt.Errorf("the answer was installed before, and superseded since: %s", subject.Of(certs[0])), "make a new request, or go back with virtpki rollback")
	}
	return hint.With(fmt.Errorf("the answer is for another key than those here: %s", subject.Of(certs[0])), "a key that waits here is made by: virtpki request")
}

// place checks one certificate and plans it with its key.
func (in *intake) place(j *change.Job, s *slot, key crypto.Signer, cert *x509.Certificate) error {
	if s.live.Cert != nil && cert.Equal(s.live.Cert) && s.live.Key != nil && s.live.Mismatch() == nil {
		return nil // it is installed: a second run
	}
	if err := in.check(j, s, cert); err != nil {
		return err
	}
	if err := in.judge(j, s.live.Role, key, cert); err != nil {
		return err
	}
	to, have := in.to, s.live
	to.Keep = !have.TooOpen()
	if have.Key != nil && !pki.SameKey(have.Key.Public(), key.Public()) {
		have = nil
	}
	if err := j.WritePair(to, s.live.Role, key, cert, have); err != nil {
		return err
	}
	in.placed = true
	in.swapped = in.swapped || s.live.Cert != nil || s.live.Key != nil
	j.Made = append(j.Made, change.Placed{Cert: cert, Path: in.to.Layout.Path(libvirt.CertFile(string(s.live.Role)))})
	return nil
}

// beside is what a rollback of the pairs does not bring back: the CA and the CRL
// as they are.
func (in *intake) beside() (map[libvirt.File][]byte, error) {
	files := make(map[libvirt.File][]byte)
	for _, file := range []libvirt.File{libvirt.CACert, libvirt.CACRL} {
		data, err := machine.ReadIfThere(in.g.Tree(), in.to.Layout.Path(file))
		if err != nil {
			return nil, err
		}
		files[file] = data
	}
	return files, nil
}
