package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/reload"
)

const rollbackHelp = `Put the generation of keys and certificates before the last renewal back, in one
instant, have the daemon read it, and prove it. Done twice, it is as before;
--dry-run tells between which certificates.

The system's pairs are meant, QEMU's too, with --user the user's own. CA and CRL
stay as they are: what was revoked stays so.`

func newRollback(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	var user bool
	cmd := &cobra.Command{
		Use:     "rollback",
		Short:   "Put the generation before the last renewal back",
		Long:    help(rollbackHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki rollback\n  virtpki rollback --dry-run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := reload.Rollback(cmd.Context(), g.Machine, reload.RollbackRequest{Options: o.request(e), User: user, DryRun: g.dryRun})
			return e.tellWith(g, j, err)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&user, "user", false, "roll the pairs in ~/.pki/libvirt back")
	g.addDryRun(cmd)
	return cmd
}
