package main

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/hint"
	"virtpki/internal/hostconf"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

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
