package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/reload"
	"virtpki/pki"
)

func newRollover(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollover",
		Short: "Replace the CA step by step",
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
	key                     keyPlace
	inFile                  bool
}

func newRolloverStart(e *env, g *globals) *cobra.Command {
	o := &startOptions{}
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Make the new CA and publish both",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRolloverStart(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.wait, "wait", "7d", "time for which the old CA continues to sign, a `duration`")
	flags.StringVar(&o.keyType, "key-type", "", "`type` of the new key (default that of the old one): "+keyTypeList())
	flags.StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultCAValidity), "lifetime of the new CA, a `duration`")
	o.key.addFlags(flags)
	flags.BoolVar(&o.inFile, "in-file", false, "keep the new key in a file, though the old one is in a device")
	cmd.MarkFlagsMutuallyExclusive("key-uri", "in-file")
	o.key.addTPM(cmd)
	cmd.MarkFlagsMutuallyExclusive("tpm", "in-file")
	o.reloadOptions.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	completeKeyTypes(cmd)
	return cmd
}

// request turns the flags into a request, or reports the error in them.
func (o *startOptions) request() (r authority.Start, err error) {
	var err1, err2, err3, err4 error
	r.Wait, err1 = pki.ParseValidity(o.wait)
	r.Validity, err2 = pki.ParseValidity(o.validity)
	if o.keyType != "" {
		r.KeyType, err3 = pki.ParseKeyType(o.keyType)
	}
	o.key.anyType, r.InFile = o.keyType == "", o.inFile
	r.Key, err4 = o.key.order()
	return r, hint.Usage(hint.First(err1, err2, err3, err4))
}

func runRolloverStart(ctx context.Context, e *env, g *globals, o *startOptions) error {
	r, err := o.request()
	if err != nil {
		return err
	}
	if err := g.CheckClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	return e.changeAndReload(ctx, g, &o.reloadOptions, func(j *change.Job) error { return authority.PlanStart(j, g.Machine, keys, r) })
}

// changeAndReload is change for files that the daemons here serve or trust.
func (e *env) changeAndReload(ctx context.Context, g *globals, o *reloadOptions, decide func(*change.Job) error) error {
	j, err := e.carryOut(ctx, g, []string{g.CAPath(), g.System().Top()}, decide)
	if err != nil {
		return err
	}
	var proven error
	if !g.dryRun && len(j.Plan.Changes()) > 0 {
		proven = reload.New(g.Machine, o.request(e), j).Reload(ctx)
	}
	return errors.Join(e.tell(g, j), proven)
}

func newRolloverFinish(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	var force bool
	cmd := &cobra.Command{
		Use:   "finish",
		Short: "Remove the old CA",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys := e.newKeyring(g)
			return e.changeAndReload(cmd.Context(), g, o, func(j *change.Job) error {
				return authority.PlanFinish(j, g.Machine, keys, force)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "remove the old CA even if its certificates are still valid elsewhere")
	o.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func newRolloverAbort(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	cmd := &cobra.Command{
		Use:   "abort",
		Short: "Remove the new CA again",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.changeAndReload(cmd.Context(), g, o, func(j *change.Job) error { return authority.PlanAbort(j, g.Machine) })
		},
	}
	o.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func newRolloverStatus(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show where the rollover stands",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runRolloverStatus(e, g)
		},
	}
}

func runRolloverStatus(e *env, g *globals) error {
	info, err := authority.RolloverStatus(g.Machine)
	if err != nil {
		return err
	}
	if err = e.printResult(g, info); err == nil && len(info.Needs) > 0 {
		err = hint.ErrRefused
	}
	return err
}
