package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

func newRolloverFinish(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	var force bool
	cmd := &cobra.Command{
		Use:     "finish",
		Short:   "Drop the old generation",
		Long:    help("Drop the old CA from cacert.pem and cacrl.pem, and keep its key as\nprivate/retired-ID.pem. Refused while a certificate of it is installed here, or\nlives without a successor that the new CA has signed.", exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki ca rollover finish",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.rolloverFinish(cmd.Context(), g, o, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "drop the old CA even if certificates of it still live elsewhere")
	o.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func newRolloverAbort(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	cmd := &cobra.Command{
		Use:     "abort",
		Short:   "Take the start of a rollover back",
		Long:    help("Drop the new CA again. Refused when it has signed a certificate that lives.", exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki ca rollover abort",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.rolloverAbort(cmd.Context(), g, o)
		},
	}
	o.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

// underWay reads the CA and wants a rollover.
func underWay(m *machine.Machine) (*authority, error) {
	a, _, err := readCA(m)
	if err == nil && a.rollover == nil {
		err = hint.With(errNoRollover, "begin one with: virtpki %sca rollover start", m.Flags())
	}
	return a, err
}

// errNoRollover says that a CA has one generation.
var errNoRollover = errors.New("no rollover is under way")

func (e *env) rolloverFinish(ctx context.Context, g *globals, o *reloadOptions, force bool) error {
	keys := e.newKeyring(g)
	return e.changeAndReload(ctx, g, o, func(j *change.Job) error {
		a, err := underWay(g.Machine)
		if err != nil {
			return err
		}
		if e.here.Now().Before(a.rollover.Switch) {
			return hint.With(fmt.Errorf("the old CA signs until %s", termtext.Instant(a.rollover.Switch)), "a rollover that should not be is ended by abort")
		}
		if err := nothingNeedsOld(g.Machine, a, force); err != nil {
			return err
		}
		if err := a.open(keys); err != nil {
			return err
		}
		return planFinish(j, g.Machine, a)
	})
}

// nothingNeedsOld is the error for an old CA that is still needed. What is
// installed here cannot be forced: libvirtd would not start.
func nothingNeedsOld(m *machine.Machine, a *authority, force bool) error {
	needs, err := needOld(m, a)
	if err != nil || len(needs) == 0 {
		return err
	}
	installed, err := installedCerts(m)
	if err != nil {
		return err
	}
	old := a.byKeyID(a.rollover.Old)
	here := slices.ContainsFunc(installed, func(p change.Placed) bool { return !p.Cert.IsCA && p.Cert.CheckSignatureFrom(old) == nil })
	if force && !here {
		return nil
	}
	return hint.With(fmt.Errorf("the old CA is still needed, by %s and the like (%s)", needs[0], termtext.Count(len(needs), "certificate", "certificates")),
		"see virtpki ca rollover status; virtpki renew makes what is installed here anew")
}

// planFinish makes the new generation the only one. The order is that in which a
// kill leaves a CA that works: first the key, then what is trusted.
func planFinish(j *change.Job, m *machine.Machine, a *authority) error {
	old := a.byKeyID(a.rollover.Old)
	newKey, err := machine.ReadIfThere(m.Tree(), a.layout.Path(libvirt.CANextKey))
	if err != nil {
		return err
	}
	if newKey != nil { // else a run that was killed has been here
		if err := a.planKey(j, a.rollover.Old, newKey); err != nil {
			return err
		}
	}
	return hint.First(planWithout(j, m, a, old), a.dropRollover(j))
}

// planWithout takes one generation out of what is trusted here, and its list.
func planWithout(j *change.Job, m *machine.Machine, a *authority, gone *x509.Certificate) error {
	if gone == nil {
		return nil
	}
	bundle := slices.DeleteFunc(slices.Clone(a.bundle), gone.Equal)
	// Its list is kept before it goes: a kill in between must not lose it.
	if err := hint.First(a.planRetired(j, gone), planTrust(j, m, a, bundle)); err != nil {
		return err
	}
	places, err := a.crlPlaces(m, "", nil)
	if err != nil {
		return err
	}
	for _, path := range places {
		if err := a.planCRLWithout(j, path, gone); err != nil {
			return err
		}
	}
	j.Did("%s is no longer trusted here", subject.Of(gone))
	j.Note("give %s and %s to every host and client", a.layout.Path(libvirt.CACert), a.layout.Path(libvirt.CACRL))
	return nil
}

// planCRLWithout plans a file of lists without those of one issuer.
func (a *authority) planCRLWithout(j *change.Job, path string, gone *x509.Certificate) error {
	crls, err := keypair.ReadCRLs(j.Plan.Tree(), path)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(crls, func(crl *pki.CRL) bool { return string(crl.RawIssuer) == string(gone.RawSubject) })
	if len(left) == 0 {
		return nil // an empty file would keep libvirtd from starting
	}
	return j.Plan.Keep(path, pki.EncodeCRL(left...), crlMode, machine.Owner())
}

func (e *env) rolloverAbort(ctx context.Context, g *globals, o *reloadOptions) error {
	return e.changeAndReload(ctx, g, o, func(j *change.Job) error {
		a, err := underWay(g.Machine)
		if errors.Is(err, errNoRollover) && a.leftByRollover() {
			return a.dropRollover(j)
		}
		if err != nil {
			return err
		}
		next, old := a.byKeyID(a.rollover.New), a.byKeyID(a.rollover.Old)
		if old == nil {
			return errors.New("the old CA has expired and is gone: only forward is left, with finish")
		}
		if err := hasSignedNothing(g.Machine, a, next); err != nil {
			return err
		}
		return hint.First(planWithout(j, g.Machine, a, next), a.dropRollover(j))
	})
}

// leftByRollover reports whether files of a rollover are there: without one, a start or
// an abort was cut short.
func (a *authority) leftByRollover() bool {
	return a.tree.Exists(a.layout.Path(libvirt.CANextKey)) || a.tree.Exists(a.layout.Path(libvirt.CARollover))
}

// dropRollover plans to remove the files of a rollover.
func (a *authority) dropRollover(j *change.Job) error {
	return hint.First(j.Plan.Remove(a.layout.Path(libvirt.CANextKey)), j.Plan.Remove(a.layout.Path(libvirt.CARollover)))
}

// hasSignedNothing is the error for a new CA whose certificates live.
func hasSignedNothing(m *machine.Machine, a *authority, next *x509.Certificate) error {
	records, err := recordedCerts(m)
	if err != nil || next == nil {
		return err
	}
	revoked, err := a.revoked()
	if err != nil {
		return err
	}
	for _, p := range records {
		if p.Cert.CheckSignatureFrom(next) == nil && m.Now().Before(p.Cert.NotAfter) && !revoked[p.Cert.SerialNumber.String()] {
			return hint.With(fmt.Errorf("the new CA has signed %s already", subject.Of(p.Cert)), "go on to finish, or revoke what it has signed")
		}
	}
	return nil
}
