package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/hostconf"
	"virtpki/internal/inventory"
	"virtpki/internal/libvirt"
)

// configOptions are the flags of config. bootstrap has the same flags.
type configOptions struct {
	allow       []string
	allowIssued bool
	apply       bool
	force       bool
}

func (o *configOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&o.allow, "allow-dn", nil, "admit only clients with a DN that matches `pattern`; may be repeated")
	flags.BoolVar(&o.allowIssued, "allow-issued", false, "admit every client with a certificate of the CA here, each by its exact DN")
	flags.BoolVar(&o.force, "force", false, "write the list even if it refuses the client installed here, or has a pattern that admits nobody")
}

func newConfig(e *env, g *globals) *cobra.Command {
	o := &configOptions{}
	cmd := &cobra.Command{
		Use:       "config libvirtd|virtproxyd|qemu|client",
		Short:     "Print or apply matching entries of libvirtd.conf, qemu.conf or libvirt.conf",
		Args:      cobra.ExactArgs(1),
		ValidArgs: libvirt.DaemonNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			daemon, err := libvirt.FindDaemon(args[0])
			if err != nil {
				return hint.Usage(fmt.Errorf("unknown daemon %q (one of %s, qemu, client)", args[0], strings.Join(libvirt.DaemonNames(), ", ")))
			}
			return runConfig(cmd.Context(), e, g, o, daemon)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.apply, "apply", false, "edit the configuration file in place")
	g.addDryRun(cmd)
	cmd.AddCommand(newConfigQEMU(e, g), newConfigClient(e, g))
	return cmd
}

// request returns the request that the flags describe.
func (o *configOptions) request(daemon libvirt.Daemon) hostconf.Request {
	return hostconf.Request{Daemon: daemon, Allow: o.allow, AllowIssued: o.allowIssued, Force: o.force}
}

func runConfig(ctx context.Context, e *env, g *globals, o *configOptions, daemon libvirt.Daemon) error {
	r := o.request(daemon)
	if err := r.Check(); err != nil {
		return hint.Usage(err)
	}
	list := inventory.Of(ctx, g.Machine)
	if !o.apply {
		d, err := hostconf.Look(g.Machine, list, r)
		if err != nil {
			return err
		}
		for _, warning := range d.Warnings() {
			e.warn("%s", warning)
		}
		return e.printResult(g, hostconf.Settings(d.Settings(g.Machine)))
	}
	return e.change(ctx, g, []string{filepath.Dir(g.Path(list.Daemon(daemon).ConfPath))}, func(j *change.Job) error {
		d, err := hostconf.Look(g.Machine, list, r)
		if err != nil {
			return err
		}
		return d.Plan(j, g.Machine)
	})
}

// configClientOptions are the flags of config client.
type configClientOptions struct {
	defaultURI string
	user       bool
	apply      bool
}

func newConfigClient(e *env, g *globals) *cobra.Command {
	o := &configClientOptions{}
	cmd := &cobra.Command{
		Use:   "client [NAME=HOST|URI]...",
		Short: "The entries of libvirt.conf for short names of hosts",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runConfigClient(cmd.Context(), e, g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.defaultURI, "default", "", "`target` of a client without a URI: a name, a host or a URI")
	flags.BoolVar(&o.user, "user", false, "use the file in ~/.config/libvirt")
	flags.BoolVar(&o.apply, "apply", false, "edit the configuration file in place")
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
		return hint.Usagef("no entry: give NAME=HOST, or --default")
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

// configQEMUOptions are the flags of config qemu.
type configQEMUOptions struct {
	with      []string
	verifyVNC bool
	force     bool
	secret    string
	apply     bool
}

func newConfigQEMU(e *env, g *globals) *cobra.Command {
	o := &configQEMUOptions{}
	cmd := &cobra.Command{
		Use:   "qemu",
		Short: "The matching entries of qemu.conf",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runConfigQEMU(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.with, "with", nil, "turn on TLS for `uses`: "+strings.Join(libvirt.QEMUUseNames(), ", "))
	flags.BoolVar(&o.verifyVNC, "vnc-verify", false, "make VNC require a client certificate")
	flags.BoolVar(&o.force, "migrate-tls-force", false, "refuse every migration without TLS")
	flags.StringVar(&o.secret, "secret", "", "`UUID` of libvirt's secret with the passphrase of QEMU's keys")
	flags.BoolVar(&o.apply, "apply", false, "edit the configuration file in place")
	completeFrom(cmd, "with", libvirt.QEMUUseNames()...)
	g.addDryRun(cmd)
	return cmd
}

// request returns the configuration that the flags describe.
func (o *configQEMUOptions) request() (libvirt.QEMUConfig, error) {
	c := libvirt.QEMUConfig{VerifyVNC: o.verifyVNC, Force: o.force, Secret: o.secret}
	if err := hostconf.CheckQEMU(c); err != nil {
		return c, hint.Usage(err)
	}
	with, err := (&withOptions{with: o.with}).check()
	if err != nil {
		return c, err
	}
	c.Uses = with.Uses
	return c, nil
}

func runConfigQEMU(ctx context.Context, e *env, g *globals, o *configQEMUOptions) error {
	r, err := o.request()
	if err != nil {
		return err
	}
	q, err := hostconf.LookQEMU(g.Machine, r)
	if err != nil {
		return err
	}
	if !o.apply {
		return e.printResult(g, hostconf.Settings(q.Settings()))
	}
	return e.change(ctx, g, []string{filepath.Dir(q.Path())}, q.Plan)
}
