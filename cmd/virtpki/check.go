package main

import (
	"github.com/spf13/cobra"
)

func newCheck(e *env, g *globals) *cobra.Command {
	o := &connectOptions{}
	cmd := &cobra.Command{
		Use:     "check --connect URI",
		Short:   "Connect as a client of libvirt's does, and say what fails where",
		Long:    help(connectHelp, exitDone, exitError, exitUsage, exitRefused, exitInterrupted),
		Example: connectExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.checkConnect(cmd.Context(), g, o)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.pkipath, "pkipath", "", "`folder` of a client's files, as ?pkipath= has it")
	cmd.MarkFlagDirname("pkipath")
	cmd.MarkFlagRequired("connect")
	return cmd
}
