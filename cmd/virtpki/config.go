package main

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/hostconf"
	"virtpki/internal/inventory"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
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

// configQEMUOptions are the flags of config qemu.
type configQEMUOptions struct {
	with      []string
	verifyVNC bool
	force     bool
	secret    string
	apply     bool
}

const configQEMUHelp = `Print the entries of qemu.conf that match QEMU's folders: which folder each use
has, what of it has TLS, and who must show a certificate. --with says what is to
have TLS; without it that is what has a folder.

Migration and backup need no switch: each of them asks for TLS (virsh migrate
--tls), and --migrate-tls-force refuses one that does not. VNC, SPICE, character
devices and disks by NBD have a switch, for every guest that is started from then
on. VNC asks no certificate of its clients without --vnc-verify.

Keys with a passphrase, which libvirtd itself cannot read, QEMU reads with the help
of a secret of libvirt's; --secret names it by its UUID.

--apply edits the conf in place, keeps every other byte, and the old file beside
it, see 'virtpki config --help'. The daemon reads it when it is started again.`

func newConfigQEMU(e *env, g *globals) *cobra.Command {
	o := &configQEMUOptions{}
	cmd := &cobra.Command{
		Use:     "qemu",
		Short:   "The matching entries of qemu.conf",
		Long:    help(configQEMUHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki config qemu\n  virtpki config qemu --with qemu,vnc --migrate-tls-force --apply",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runConfigQEMU(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.with, "with", nil, "the `uses` that are to have TLS: "+strings.Join(libvirt.QEMUUseNames(), ", "))
	flags.BoolVar(&o.verifyVNC, "vnc-verify", false, "have VNC want a certificate of its clients")
	flags.BoolVar(&o.force, "migrate-tls-force", false, "refuse every migration without TLS")
	flags.StringVar(&o.secret, "secret", "", "`UUID` of libvirt's secret with the passphrase of QEMU's keys")
	flags.BoolVar(&o.apply, "apply", false, "edit the conf in place")
	completeFrom(cmd, "with", libvirt.QEMUUseNames()...)
	g.addDryRun(cmd)
	return cmd
}

// uuidForm is how libvirt writes a UUID; it reads other forms too.
var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// request is what the flags ask for.
func (o *configQEMUOptions) request() (libvirt.QEMUConfig, error) {
	c := libvirt.QEMUConfig{VerifyVNC: o.verifyVNC, Force: o.force, Secret: o.secret}
	if o.secret != "" && !uuidForm.MatchString(o.secret) {
		return c, hint.Usagef("bad UUID %s (one like 6f0d8c3a-..., as virsh secret-list prints it)", termtext.QuoteShort(o.secret))
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
