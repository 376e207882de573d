package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/internal/generate"
	"virtpki/internal/hint"
)

const generateAnsibleHelp = `Write an Ansible project that gives a fleet its certificates, and keeps them:
each host makes its keys and a request, the CA's machine signs, the host installs
and proves. No private key leaves its host.

  site.yml       pairs, CA, CRL and conf entries for every host; renews what is due
  trust.yml      the CA's certificate and CRL alone
  revoke.yml     revokes at the CA, and brings the CRL to every host
  roles/virtpki  the role; its defaults/main.yml lists what can be set
  inventory.yml  the hosts named here, and the CA's machine

Each playbook changes nothing when run again, tells with --check what it would do,
and goes through the fleet in batches. The role is written anew by a newer virtpki;
all else is written once, and yours. Ansible 2.14 (ansible-core) or newer is
needed, and no collection. --ca is the CA's folder on its machine.`

const generateAnsibleExample = `  virtpki generate ansible hv1.lab.example hv2.lab.example --out fleet --copy /usr/bin/virtpki
  cd fleet
  ansible-playbook site.yml --check
  ansible-playbook site.yml

  # the CA's key is on another machine than the one that runs Ansible
  virtpki generate ansible hv1.lab.example --ca-host ca.lab.example --out fleet`

func newGenerateAnsible(e *env, g *globals) *cobra.Command {
	o := &generate.Ansible{}
	cmd := &cobra.Command{
		Use:     "ansible NAME...",
		Short:   "A role and playbooks for a fleet: request, sign, install",
		Long:    help(generateAnsibleHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: generateAnsibleExample,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			o.Hosts, o.CA = names, g.CADir
			return runGenerateAnsible(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.CAHost, "ca-host", "localhost", "`name` of the machine with the CA's key, as Ansible reaches it")
	flags.StringVar(&o.Copy, "copy", "", "`path` of virtpki on the machine that runs Ansible, to be copied to the hosts")
	flags.StringVarP(&o.Out, "out", "o", "", "write into `directory` (wanted)")
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
	if o.Copy != "" && !g.Tree().Exists(o.Copy) && !g.quiet {
		e.warn("there is no %s: Ansible needs it where it runs", o.Copy)
	}
	return e.change(ctx, g, nil, o.Plan)
}
