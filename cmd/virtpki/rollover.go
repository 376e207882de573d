package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

const rolloverHelp = `Change the CA to a new generation, in phases, so that nobody is refused at any
time. The new CA has a name of its own, because libvirt keeps one CRL for each.

  start   makes the new CA and publishes it beside the old one, in cacert.pem and
          cacrl.pem. Give both files to every host and client now. For --wait
          the old one goes on signing.
  renew   after that, renewal makes everything installed anew under the new CA;
          issue signs with it as well.
  finish  drops the old CA, once nothing needs it any more.
  abort   takes start back, as long as the new CA has signed nothing that lives.
  status  tells where things stand and what is left to do.`

func newRollover(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollover",
		Short: "Change the CA to a new generation, in phases",
		Long:  help(rolloverHelp, exitDone, exitError, exitUsage, exitRefused, exitInterrupted),
		Args:  cobra.NoArgs,
		RunE:  needsSubcommand,
	}
	cmd.AddCommand(newRolloverStart(e, g), newRolloverStatus(e, g), newRolloverFinish(e, g), newRolloverAbort(e, g))
	return cmd
}

// startOptions are the flags of rollover start.
type startOptions struct {
	reloadOptions
	wait, keyType, validity string
}

const startHelp = `Make a new generation of the CA and publish it beside the old one, which goes on
signing for --wait. The new one has the same organisation, key type and limits,
unless told. Give the new cacert.pem and cacrl.pem to every host and client
within that time; what is issued or bundled from now on holds both.

A CA that has expired already is replaced at once: libvirtd does not start while
one stands in cacert.pem.`

func newRolloverStart(e *env, g *globals) *cobra.Command {
	o := &startOptions{}
	cmd := &cobra.Command{
		Use:     "start",
		Short:   "Make the new generation and publish both",
		Long:    help(startHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki ca rollover start\n  virtpki ca rollover start --wait 30d --validity 20y",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.rolloverStart(cmd.Context(), g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.wait, "wait", "7d", "how long the old CA goes on signing, a `duration`")
	flags.StringVar(&o.keyType, "key-type", "", "`type` of the new key (default that of the old one): "+keyTypeList())
	flags.StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultCAValidity), "how long the new CA lives, a `duration`")
	o.reloadOptions.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	completeKeyTypes(cmd)
	return cmd
}

func (e *env) rolloverStart(ctx context.Context, g *globals, o *startOptions) error {
	wait, err1 := pki.ParseValidity(o.wait)
	validity, err2 := pki.ParseValidity(o.validity)
	if err := hint.First(err1, err2); err != nil {
		return hint.Usage(err)
	}
	if err := g.CheckClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	return e.changeAndReload(ctx, g, &o.reloadOptions, func(j *change.Job) error {
		a, _, err := readCA(g.Machine)
		if err != nil {
			return err
		}
		if a.rollover != nil {
			return hint.With(errors.New("a rollover is under way already"), "see virtpki %sca rollover status", g.Flags())
		}
		if err := a.open(keys); err != nil {
			return err
		}
		keyType, err := o.newKeyType(a)
		if err != nil {
			return err
		}
		next, err := e.nextGeneration(keys, a, keyType, validity)
		if err != nil {
			return err
		}
		return planStart(j, g.Machine, a, next, keys, wait)
	})
}

func (o *startOptions) newKeyType(a *authority) (pki.KeyType, error) {
	if o.keyType != "" {
		t, err := pki.ParseKeyType(o.keyType)
		return t, hint.Usage(err)
	}
	if t, known := pki.KeyTypeOf(a.ca.Certificate.PublicKey); known {
		return t, nil
	}
	return pki.DefaultKeyType, nil
}

// nextGeneration makes the new CA.
func (e *env) nextGeneration(keys *change.Keyring, a *authority, t pki.KeyType, validity time.Duration) (*generation, error) {
	signer, err := keys.Key(caSlot, t)
	if err != nil {
		return nil, err
	}
	subject, err := subject.ForCA(organizationOf(a.ca.Certificate))
	if err != nil {
		return nil, err
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: subject, Signer: signer, Now: e.here.Now(), Validity: validity, Permit: pki.PermitOf(a.ca.Certificate)})
	if err != nil {
		return nil, err
	}
	return &generation{ca: *ca}, nil
}

func organizationOf(cert *x509.Certificate) string {
	if len(cert.Subject.Organization) > 0 {
		return cert.Subject.Organization[0]
	}
	return cert.Subject.CommonName
}

// planStart publishes both generations.
func planStart(j *change.Job, m *machine.Machine, a *authority, next *generation, keys *change.Keyring, wait time.Duration) error {
	keyPEM, err := keys.EncodeLike(next.ca.Signer, a.layout.Path(libvirt.CAKey))
	if err != nil {
		return err
	}
	crl, err := next.nextCRL(m.Now(), nil, nil, pki.DefaultCRLValidity)
	if err != nil {
		return err
	}
	j.Made = append(j.Made, change.Placed{Cert: next.ca.Certificate, Path: a.layout.Path(libvirt.CACert)})
	if !m.Now().Before(a.ca.Certificate.NotAfter) {
		return planReplace(j, m, a, next, crl, keyPEM)
	}
	state := rollover{Old: keyID(a.ca.Certificate), New: keyID(next.ca.Certificate), Started: m.Now().UTC(), Switch: m.Now().Add(wait).UTC()}
	if err := hint.First(
		keypair.Dest{Layout: a.layout, Owner: machine.Owner()}.Write(&j.Plan, libvirt.CANextKey, keyPEM),
		planState(j, a, state),
		planTrust(j, m, a, append(slices.Clone(a.bundle), next.ca.Certificate)),
		a.planCRLsHere(j, m, []*pki.CRL{crl}),
	); err != nil {
		return err
	}
	j.Note("give %s and %s to every host and client before %s, when renewal and issue go over to the new CA",
		a.layout.Path(libvirt.CACert), a.layout.Path(libvirt.CACRL), termtext.Instant(state.Switch))
	return nil
}

// planReplace puts the new generation in the place of one that has expired:
// nothing that it has signed is accepted any more, so there is nothing to wait
// for.
func planReplace(j *change.Job, m *machine.Machine, a *authority, next *generation, crl *pki.CRL, keyPEM []byte) error {
	expired := func(cert *x509.Certificate) bool { return !m.Now().Before(cert.NotAfter) }
	bundle := slices.DeleteFunc(slices.Clone(a.bundle), expired)
	gone := slices.DeleteFunc(slices.Clone(a.bundle), func(cert *x509.Certificate) bool { return !expired(cert) })
	j.Note("%s has expired: the new CA takes its place at once, and virtpki renew makes what is installed here anew", subject.Of(a.ca.Certificate))
	j.Note("give %s and %s to every host and client", a.layout.Path(libvirt.CACert), a.layout.Path(libvirt.CACRL))
	return hint.First(
		a.planRetired(j, gone...),
		a.planKey(j, keyID(a.ca.Certificate), keyPEM),
		planTrust(j, m, a, append(bundle, next.ca.Certificate)),
		a.planCRLsHere(j, m, []*pki.CRL{crl}),
	)
}

// planKey makes a new key the CA's and keeps the old one as retired.
func (a *authority) planKey(j *change.Job, oldID string, keyPEM []byte) error {
	path, mode := a.layout.Place(libvirt.CAKey)
	old, err := j.Plan.Tree().ReadFile(path, store.MaxPEM)
	if err != nil || bytes.Equal(old, keyPEM) {
		return err // when they are equal, a run that was killed has been here
	}
	return hint.First(
		j.Plan.File(filepath.Join(filepath.Dir(path), "retired-"+oldID+".pem"), old, mode, machine.Owner()),
		j.Plan.File(path, keyPEM, mode, machine.Owner()),
	)
}

// planState plans the state of a rollover.
func planState(j *change.Job, a *authority, state rollover) error {
	data, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	return keypair.Dest{Layout: a.layout, Owner: machine.Owner()}.Write(&j.Plan, libvirt.CARollover, append(data, '\n'))
}

// planTrust plans a new bundle for each place here that trusts the CA.
func planTrust(j *change.Job, m *machine.Machine, a *authority, bundle []*x509.Certificate) error {
	data := pki.EncodeCertificates(bundle...)
	if err := judge.CheckCAs(data, m.Now()); err != nil {
		return fmt.Errorf("the new %s: %w", a.layout.Path(libvirt.CACert), err)
	}
	if err := (keypair.Dest{Layout: a.layout, Owner: machine.Owner()}).Write(&j.Plan, libvirt.CACert, data); err != nil {
		return err
	}
	for _, layout := range m.AllLayouts() {
		path := layout.Path(libvirt.CACert)
		certs, err := keypair.ReadCerts(m.Tree(), path)
		if machine.Unread(err) {
			return err // it may trust the CA, and would be left behind
		}
		if err != nil || path == a.layout.Path(libvirt.CACert) || !slices.ContainsFunc(certs, a.ca.Certificate.Equal) {
			continue
		}
		if err := j.Plan.Keep(path, data, recordMode, machine.Owner()); err != nil {
			return err
		}
	}
	return nil
}

// changeAndReload is change for what the daemons here serve or trust.
func (e *env) changeAndReload(ctx context.Context, g *globals, o *reloadOptions, decide func(*change.Job) error) error {
	j, err := e.carryOut(ctx, g, []string{g.CAPath(), g.System().Top()}, decide)
	if err != nil {
		return err
	}
	var proven error
	if !g.dryRun && len(j.Plan.Changes()) > 0 {
		proven = e.reloadSystem(ctx, g.Machine, o, j)
	}
	return errors.Join(e.tell(g, j), proven)
}
