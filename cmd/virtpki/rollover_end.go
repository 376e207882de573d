package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
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

func (e *env) rolloverFinish(ctx context.Context, g *globals, o *reloadOptions, force bool) error {
	keys := e.newKeyring(g)
	return e.changeAndReload(ctx, g, o, func(j *change.Job) error {
		a, err := authority.UnderWay(g.Machine)
		if err != nil {
			return err
		}
		if e.here.Now().Before(a.Rollover.Switch) {
			return hint.With(fmt.Errorf("the old CA signs until %s", termtext.Instant(a.Rollover.Switch)), "a rollover that should not be is ended by abort")
		}
		if err := nothingNeedsOld(g.Machine, a, force); err != nil {
			return err
		}
		if err := a.Unlock(keys); err != nil {
			return err
		}
		return a.PlanFinish(j, g.Machine)
	})
}

// nothingNeedsOld is the error for an old CA that is still needed. What is
// installed here cannot be forced: libvirtd would not start.
func nothingNeedsOld(m *machine.Machine, a *authority.Authority, force bool) error {
	needs, err := needOld(m, a)
	if err != nil || len(needs) == 0 {
		return err
	}
	installed, err := installedCerts(m)
	if err != nil {
		return err
	}
	old := a.ByKeyID(a.Rollover.Old)
	here := slices.ContainsFunc(installed, func(p change.Placed) bool { return !p.Cert.IsCA && p.Cert.CheckSignatureFrom(old) == nil })
	if force && !here {
		return nil
	}
	return hint.With(fmt.Errorf("the old CA is still needed, by %s and the like (%s)", needs[0], termtext.Count(len(needs), "certificate", "certificates")),
		"see virtpki ca rollover status; virtpki renew makes what is installed here anew")
}

func (e *env) rolloverAbort(ctx context.Context, g *globals, o *reloadOptions) error {
	return e.changeAndReload(ctx, g, o, func(j *change.Job) error {
		a, err := authority.UnderWay(g.Machine)
		if errors.Is(err, authority.ErrNoRollover) && a.LeftByRollover() {
			return a.DropRollover(j)
		}
		if err != nil {
			return err
		}
		next, old := a.ByKeyID(a.Rollover.New), a.ByKeyID(a.Rollover.Old)
		if old == nil {
			return errors.New("the old CA has expired and is gone: only forward is left, with finish")
		}
		if err := a.HasSignedNothing(g.Machine, next); err != nil {
			return err
		}
		return hint.First(a.PlanWithout(j, g.Machine, next), a.DropRollover(j))
	})
}
