package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/internal/generate"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
)

// cloudInitOptions are the flags of generate cloud-init.
type cloudInitOptions struct {
	leafOptions
	boot   generate.FirstBoot
	daemon string
}

func newGenerateCloudInit(e *env, g *globals) *cobra.Command {
	o := &cloudInitOptions{}
	cmd := &cobra.Command{
		Use:   "cloud-init NAME...",
		Short: "User-data that sets up a machine at its first boot",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return runGenerateCloudInit(cmd.Context(), e, g, o, names)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.boot.Bundle, "bundle", "", "give each NAME its bundle, the directory of that name in `directory`")
	flags.StringVar(&o.boot.Organisation, "name", "", "have the machine make a CA for this `organisation`")
	flags.BoolVar(&o.boot.Request, "request", false, "have the machine make its keys and ask the CA here to sign")
	flags.StringVar(&o.boot.Via, "via", "", "with --request, the `command` that reads requests from stdin and prints the CA's response")
	flags.StringVar(&o.boot.Issuer, "issuer", "", "have the machine ask the CA in `file`, which is on that machine (see virtpki issuer)")
	flags.StringVar(&o.boot.Client, "client", "", "with --name or --issuer, the `name` in the client certificate (default the machine's)")
	flags.StringVar(&o.daemon, "daemon", "libvirtd", "`daemon` to configure: libvirtd or virtproxyd")
	flags.StringArrayVar(&o.boot.Allow, "allow-dn", nil, "admit only clients with a DN that matches `pattern`; may be repeated")
	flags.BoolVar(&o.boot.Force, "force", false, "write the list even if it refuses the machine's own client, or has a pattern that admits nobody; replace files at --out that virtpki did not write")
	flags.StringVar(&o.boot.Binary, "binary", "", "`path` of virtpki on that machine (default: found in its PATH)")
	flags.StringVar(&o.boot.URL, "url", "", "fetch virtpki from `URL` if it is missing; needs --sha256")
	flags.StringVar(&o.boot.SHA256, "sha256", "", "SHA-256 `sum` that the fetched program must have, in hexadecimal")
	flags.StringArrayVar(&o.boot.Packages, "package", nil, "have cloud-init install `package`; may be repeated")
	flags.StringVar(&o.boot.WaitClock, "wait-clock", defaultClockWait, "wait up to `duration` for the clock to be set")
	flags.StringVarP(&o.boot.Out, "out", "o", "", "write NAME.yaml for each into `directory`")
	o.leafOptions.addFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("bundle", "request", "name", "issuer")
	cmd.MarkFlagsOneRequired("bundle", "request", "name", "issuer")
	cmd.MarkFlagsMutuallyExclusive("binary", "url")
	cmd.MarkFlagsRequiredTogether("url", "sha256")
	cmd.MarkFlagDirname("bundle")
	cmd.MarkFlagDirname("out")
	completeFrom(cmd, "daemon", libvirt.DaemonNames()...)
	completeFrom(cmd, "package", "libvirt-daemon-system", "libvirt-daemon")
	g.addDryRun(cmd)
	return cmd
}

// request turns the flags into the description of the first boot, or reports the error in them.
func (o *cloudInitOptions) request(names []string) (*generate.FirstBoot, error) {
	r := &o.boot
	var err error
	if r.Daemon, err = libvirt.FindDaemon(o.daemon); err != nil {
		return nil, hint.Usage(err)
	}
	if _, err := o.leafOptions.check(); err != nil {
		return nil, err
	}
	r.SANs, r.OnlySANs, r.KeyType, r.Validity, r.Release, r.ClientKeyMode = o.sans, o.onlySAN, o.keyType, o.validity, o.target, o.clientKeyMode
	return r, hint.Usage(r.Check(names))
}

func runGenerateCloudInit(ctx context.Context, e *env, g *globals, o *cloudInitOptions, names []string) error {
	r, err := o.request(names)
	if err != nil {
		return err
	}
	files, err := r.UserData(g.Machine, names)
	if err != nil {
		return err
	}
	if err := e.generate(ctx, g, outOptions{r.Out, r.Force}, files, ""); err != nil || g.quiet {
		return err
	}
	for _, warning := range generate.WarnUserData(files) {
		e.warn("%s", warning)
	}
	if r.Via != "" {
		for _, name := range names {
			e.warn("at the CA, force the key of %s to: %s", name, r.Signing(name))
		}
	}
	return nil
}
