package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"virtpki/internal/adopt"
	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
)

// installOptions are the flags of install: those for responses, those for key pairs made
// elsewhere, and those that have to be parsed.
type installOptions struct {
	adopt.Watching
	watch bool
	reloadOptions
	withOptions
	user          bool
	trustNew      []string
	clientKeyMode string
}

func newInstall(e *env, g *globals) *cobra.Command {
	o := &installOptions{}
	cmd := &cobra.Command{
		Use:   "install FILE...",
		Short: "Install the CA's response: verify it, put it in place, reload",
		Args:  o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInstall(cmd.Context(), e, g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.user, "user", false, "into ~/.pki/libvirt")
	flags.StringArrayVar(&o.trustNew, "trust-new-ca", nil, "trust a CA that is new here, by its SHA-256 `fingerprint` (virtpki ca show); may be repeated")
	flags.BoolVar(&o.ExactCAs, "exact-cas", false, "trust only the CAs of the response")
	flags.BoolVar(&o.Force, "force", false, "replace a newer CRL or certificate with an older one")
	flags.StringArrayVar(&o.Source.Keys, "key", nil, "install the private key in `file`, made by another CA's tool; the arguments are its certificate, chain and CA; may be repeated")
	flags.StringArrayVar(&o.Dirs, "from", nil, "install the key pairs in `directory`, under the names that other tools use; may be repeated")
	flags.StringArrayVar(&o.Source.CRLs, "crl", nil, "with --key or --from: a `file` with CRLs of their CAs; may be repeated")
	flags.StringArrayVar(&o.Hostnames, "hostname", nil, "with --key or --from: a `name` by which clients know this machine (default: its own); may be repeated")
	cmd.MarkFlagDirname("from")
	flags.BoolVar(&o.watch, "watch", false, "with --key or --from: keep running, and install the files again whenever they change")
	flags.StringVar(&o.Metrics, "metrics", "", "with --watch: write a Prometheus text `file`")
	flags.StringVar(&o.clientKeyMode, "client-key-mode", "0600", "`mode` of a new client key, see issue")
	completeFrom(cmd, "client-key-mode", "0600", "0640", "0644")
	o.reloadOptions.addFlags(cmd)
	o.withOptions.addFlags(cmd)
	g.addDryRun(cmd)
	return cmd
}

func runInstall(ctx context.Context, e *env, g *globals, o *installOptions, files []string) error {
	if err := o.check(g.Machine); err != nil {
		return err
	}
	o.Reload = o.reloadOptions.request(e)
	if o.Any() {
		o.Certs = files
		return runAdopt(ctx, e, g, o)
	}
	var err error
	if o.Answer, err = enroll.ReadResponses(files, e.readInput); err != nil {
		return err
	}
	j, err := enroll.Install(ctx, g.Machine, o.Response, e.newKeyring(g), e.runOptions(g, nil))
	return e.tellWith(g, j, err)
}

// runAdopt installs key pairs that were made elsewhere.
func runAdopt(ctx context.Context, e *env, g *globals, o *installOptions) error {
	if !o.watch {
		j, err := adopt.Install(ctx, g.Machine, o.Request, e.newKeyring(g), e.runOptions(g, nil))
		return e.tellWith(g, j, err)
	}
	o.Keys = func() *change.Keyring { return e.newKeyring(g) }
	o.Tell = func(j *change.Job, err error) {
		if err := e.tellWith(g, j, err); err != nil {
			e.sayError(err)
		}
	}
	return adopt.Watch(ctx, g.Machine, o.Watching, e.runOptions(g, nil))
}

// args requires files unless --from is given.
func (o *installOptions) args(cmd *cobra.Command, files []string) error {
	if err := o.CheckUse(files, o.watch, cmd.Flags().Changed("dry-run")); err != nil || o.FindsCerts() {
		return err
	}
	return cobra.MinimumNArgs(1)(cmd, files)
}

// check parses the flags, or reports the error in them.
func (o *installOptions) check(m *machine.Machine) (err error) {
	mode, err1 := parseClientKeyMode(o.clientKeyMode)
	trust, err2 := enroll.ParseFingerprints(o.trustNew)
	qemu, err3 := o.withOptions.check()
	if err3 == nil && o.user && len(qemu.Uses) > 0 {
		err3 = errors.New("--with needs the system's files, --user means your own")
	}
	if err := hint.First(err1, err2, err3); err != nil {
		return hint.Usage(err)
	}
	o.System, o.TrustNew, o.QEMU = !o.user, trust, qemu
	o.To = keypair.Dest{Owner: machine.Owner(), Keep: true}
	if o.To.Layout, err = m.InstallLayout(o.user); o.System {
		o.To.Layout = o.To.Layout.WithMode(libvirt.ClientKey, mode)
	}
	return err
}
