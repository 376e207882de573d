package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/reload"
)

func newRollback(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	var user bool
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Restore the keys and certificates from before the last renewal",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := reload.Rollback(cmd.Context(), g.Machine, reload.RollbackRequest{Options: o.request(e), User: user, DryRun: g.dryRun})
			return e.tellWith(g, j, err)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&user, "user", false, "restore the certificate and key in ~/.pki/libvirt")
	g.addDryRun(cmd)
	return cmd
}
