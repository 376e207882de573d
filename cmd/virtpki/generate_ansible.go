package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/generate"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/templates"
)

// ansibleOptions are the flags of generate ansible.
type ansibleOptions struct {
	caHost string
	copy   string
	outOptions
}

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
	o := &ansibleOptions{}
	cmd := &cobra.Command{
		Use:     "ansible NAME...",
		Short:   "A role and playbooks for a fleet: request, sign, install",
		Long:    help(generateAnsibleHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: generateAnsibleExample,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return e.generateAnsible(cmd.Context(), g, o, names)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.caHost, "ca-host", "localhost", "`name` of the machine with the CA's key, as Ansible reaches it")
	flags.StringVar(&o.copy, "copy", "", "`path` of virtpki on the machine that runs Ansible, to be copied to the hosts")
	flags.StringVarP(&o.out, "out", "o", "", "write into `directory` (wanted)")
	addForce(flags, &o.force)
	cmd.MarkFlagRequired("out")
	cmd.MarkFlagDirname("out")
	cmd.MarkFlagFilename("copy")
	g.addDryRun(cmd)
	return cmd
}

func (e *env) generateAnsible(ctx context.Context, g *globals, o *ansibleOptions, names []string) error {
	if err := hint.First(o.check(names), checkAnsiblePaths(g.Machine)); err != nil {
		return hint.Usage(err)
	}
	if o.copy != "" && !g.Tree().Exists(o.copy) && !g.quiet {
		e.warn("there is no %s: Ansible needs it where it runs", o.copy)
	}
	project, err := generate.NewProject(o.out, templates.Fleet{Hosts: names, CA: o.caHost, Local: o.caHost == "localhost", CAFolder: g.CADir, Copy: o.copy})
	if err != nil {
		return err
	}
	return e.change(ctx, g, nil, func(j *change.Job) error { return project.Plan(j, o.force) })
}

// check refuses wrong use before anything is read.
func (o *ansibleOptions) check(names []string) error {
	for i, name := range names {
		if err := subject.CheckHost(name); err != nil {
			return err
		}
		same := func(before string) bool { return strings.EqualFold(before, name) }
		if slices.ContainsFunc(names[:i], same) {
			return hint.Usagef("name %s is given twice", termtext.QuoteShort(name))
		}
	}
	if _, err := netip.ParseAddr(o.caHost); err != nil {
		if err := subject.CheckDNS("--ca-host", o.caHost); err != nil {
			return err
		}
	}
	if o.out == "" {
		return hint.Usagef("--out is empty")
	}
	if info, err := os.Stat(o.copy); o.copy != "" && err == nil && info.IsDir() {
		return hint.Usagef("--copy %s is a directory, and no program", o.copy)
	}
	return generate.Absolute(&o.copy)
}

// checkAnsiblePaths looks at the flags that say where things are: the project is for
// other machines, whose paths but that of the CA are the role's matter.
func checkAnsiblePaths(m *machine.Machine) error {
	switch {
	case !m.Live():
		return errors.New("--root says nothing of the machines that Ansible reaches: leave it out")
	case m.Sysconfdir != machine.DefaultSysconfdir():
		return hint.With(errors.New("--sysconfdir is not for an Ansible project"), "--ca names the CA's folder")
	}
	return generate.Absolute(&m.CADir)
}
