package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/internal/generate"
	"virtpki/internal/hint"
)

func newGenerateAnsible(e *env, g *globals) *cobra.Command {
	o := &generate.Ansible{}
	cmd := &cobra.Command{
		Use:   "ansible NAME...",
		Short: "A role and playbooks for a fleet: request, sign, install",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			o.Hosts, o.CA = names, g.CADir
			return runGenerateAnsible(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.CAHost, "ca-host", "localhost", "`name` of the machine with the CA's key, as Ansible reaches it")
	flags.StringVar(&o.Copy, "copy", "", "`path` of virtpki on the machine that runs Ansible, to be copied to the hosts")
	flags.StringVarP(&o.Out, "out", "o", "", "write into `directory` (required)")
	addIssuer(cmd, &o.Issuer)
	cmd.MarkFlagsMutuallyExclusive("issuer", "ca-host")
	addForce(flags, &o.Force)
	cmd.MarkFlagRequired("out")
	cmd.MarkFlagDirname("out")
	cmd.MarkFlagFilename("copy")
	g.addDryRun(cmd)
	return cmd
}

func runGenerateAnsible(ctx context.Context, e *env, g *globals, o *generate.Ansible) error {
	if err := o.Check(g.Machine); err != nil {
		return hint.Usage(err)
	}
	return e.change(ctx, g, nil, o.Plan)
}
