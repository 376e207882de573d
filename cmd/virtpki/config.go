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

// configOptions are the flags of config; bootstrap has the same.
type configOptions struct {
	allow       []string
	allowIssued bool
	apply       bool
	force       bool
}

func (o *configOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&o.allow, "allow-dn", nil, "let in the clients whose DN matches `pattern`, and no others; may be repeated")
	flags.BoolVar(&o.allowIssued, "allow-issued", false, "let in every client whose certificate the CA here has signed, each by its exact DN")
	flags.BoolVar(&o.force, "force", false, "write the list even if it locks out the client installed here, or lets in nobody by a pattern")
}

const configHelp = `Print the entries of libvirtd.conf or virtproxyd.conf that match what is on
disk: the four files, all or none, listen_tls, and with --allow-dn the list of
who may connect. The daemon refuses some of the files without the others, and
silently forgets the CRL when it alone is missing from the four. 'config qemu' is
about qemu.conf, 'config client' about libvirt.conf.

--apply edits the conf in place. Every other byte stays; a setting that stands
there as a comment is set beside its comment, an active one is replaced. The old
file is kept beside it with .old at its end; that one is never replaced, and before
later edits the file is kept with .virtpki-old at its end. A list that would lock out the
client installed here is not written without --force.

* in a pattern is any text, ? one character. 'virtpki dn show' prints a
certificate's DN as the daemon sees it. A pattern that can let in nobody is
refused, and what is surprising about one is said: see 'virtpki dn lint'.
--allow-issued lists the exact DN of every client certificate that the CA here
has signed and that is neither expired nor revoked.`

func newConfig(e *env, g *globals) *cobra.Command {
	o := &configOptions{}
	cmd := &cobra.Command{
		Use:       "config libvirtd|virtproxyd|qemu|client",
		Short:     "The matching entries of libvirtd.conf, qemu.conf or libvirt.conf",
		Long:      help(configHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example:   "  virtpki config libvirtd\n  virtpki config libvirtd --allow-dn 'O=Example Org,CN=*' --apply\n  virtpki config virtproxyd --allow-issued --apply",
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
	cmd.Flags().BoolVar(&o.apply, "apply", false, "edit the conf in place")
	g.addDryRun(cmd)
	cmd.AddCommand(newConfigQEMU(e, g), newConfigClient(e, g))
	return cmd
}

// request is what the flags ask for.
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
