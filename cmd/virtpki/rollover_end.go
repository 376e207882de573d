package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
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
			return runRolloverFinish(cmd.Context(), e, g, o, force)
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
			return runRolloverAbort(cmd.Context(), e, g, o)
		},
	}
	o.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func runRolloverFinish(ctx context.Context, e *env, g *globals, o *reloadOptions, force bool) error {
	keys := e.newKeyring(g)
	return e.changeAndReload(ctx, g, o, func(j *change.Job) error {
		return authority.PlanFinish(j, g.Machine, keys, force)
	})
}

func runRolloverAbort(ctx context.Context, e *env, g *globals, o *reloadOptions) error {
	return e.changeAndReload(ctx, g, o, func(j *change.Job) error { return authority.PlanAbort(j, g.Machine) })
}
