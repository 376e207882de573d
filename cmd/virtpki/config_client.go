package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"virtpki/internal/hint"
	"virtpki/internal/hostconf"
)

// configClientOptions are the flags of config client.
type configClientOptions struct {
	defaultURI string
	user       bool
	apply      bool
}

const configClientHelp = `Print the entries of libvirt.conf by which virsh and every other client reach a
host by a short name: with hail=hv1.example in it, virsh -c hail connects to
qemu+tls://hv1.example/system. After the = may stand a host or a whole URI.

--default is where a client goes that is told nothing: one of the names, a host,
or a URI. Aliases that are there already stay, unless they have the same name.

--apply edits the conf in place, /etc/libvirt/libvirt.conf, or with --user that in
~/.config/libvirt; clients read it each time. The old file is kept beside it, see
'virtpki config --help'.`

func newConfigClient(e *env, g *globals) *cobra.Command {
	o := &configClientOptions{}
	cmd := &cobra.Command{
		Use:     "client [NAME=HOST|URI]...",
		Short:   "The entries of libvirt.conf for short names of hosts",
		Long:    help(configClientHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki config client hail=hv1.example sleet=hv2.example --default hail --apply\n  virtpki config client 'mine=qemu+tls://hv1.example/system?pkipath=/home/alice/alice' --user --apply",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runConfigClient(cmd.Context(), e, g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.defaultURI, "default", "", "`where` a client goes that is told nothing: a name, a host or a URI")
	flags.BoolVar(&o.user, "user", false, "the conf in ~/.config/libvirt")
	flags.BoolVar(&o.apply, "apply", false, "edit the conf in place")
	g.addDryRun(cmd)
	return cmd
}

func runConfigClient(ctx context.Context, e *env, g *globals, o *configClientOptions, args []string) error {
	c := hostconf.Clients{Default: o.defaultURI}
	var err error
	if c.Aliases, err = hostconf.ParseAliases(args); err != nil {
		return hint.Usage(err)
	}
	if len(args) == 0 && o.defaultURI == "" {
		return hint.Usagef("nothing to say: give NAME=HOST, or --default")
	}
	if c.Path, err = g.ClientConfPath(o.user); err != nil {
		return err
	}
	if o.apply {
		return e.change(ctx, g, []string{filepath.Dir(c.Path)}, c.Plan)
	}
	settings, err := c.Settings(g.Tree())
	if err != nil {
		return err
	}
	return e.printResult(g, hostconf.Settings(settings))
}
