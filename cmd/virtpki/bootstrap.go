package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/internal/allowlist"
	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/issuer"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/internal/renewal"
	"virtpki/pki"
)

// bootstrapOptions are the flags of bootstrap: those of ca init, issue and config for this one
// host.
type bootstrapOptions struct {
	caOptions
	leafOptions
	configOptions
	withOptions
	reloadOptions
	host   provision.HostRequest
	caLife string
	issuer string // file of the issuer
}

func newBootstrap(e *env, g *globals) *cobra.Command {
	return bindBootstrap(e, g, &bootstrapOptions{})
}

// bindBootstrap binds the flags to o.
func bindBootstrap(e *env, g *globals, o *bootstrapOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Set up this host in one run",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.key.anyType = !cmd.Flags().Changed("key-type")
			return runBootstrap(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "", "`organisation` in the CA's subject; required to make the CA")
	flags.StringVar(&o.host.Hostname, "hostname", "", "`name` of this host (default: the system's)")
	flags.StringVar(&o.host.Client, "client", "", "`name` in the client certificate (default the host's)")
	flags.StringVar(&o.host.Daemon, "daemon", "", "`daemon` to configure, libvirtd or virtproxyd (default the one that serves TLS here)")
	flags.StringVar(&o.caLife, "ca-validity", pki.FormatValidity(pki.DefaultCAValidity), "lifetime of the CA, a `duration`")
	flags.StringVar(&o.host.Bundle, "bundle", "", "install the bundle in `directory`: CA certificate, CRL, certificates and keys")
	flags.StringVar(&o.host.WaitClock, "wait-clock", "", "wait up to `duration` for the clock to be set")
	flags.Lookup("wait-clock").NoOptDefVal = defaultClockWait
	flags.BoolVar(&o.host.Update, "update", false, "renew an existing server certificate that lacks a name of --hostname or --san")
	o.leafOptions.addFlags(cmd)
	o.configOptions.addFlags(cmd)
	o.withOptions.addFlags(cmd)
	o.reloadOptions.addFlags(cmd)
	o.addPermit(flags)
	o.key.addFlags(flags)
	o.key.addTPM(cmd)
	addIssuer(cmd, &o.issuer)
	cmd.MarkFlagDirname("bundle")
	cmd.MarkFlagsMutuallyExclusive("bundle", "name")
	cmd.MarkFlagsMutuallyExclusive("bundle", "client")
	cmd.MarkFlagsMutuallyExclusive("bundle", "update")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	for _, other := range []string{"bundle", "name", "validity", "for", "update", "allow-issued", "permit", "ca-validity", "passphrase-file", "key-uri", "p11-command", "tpm"} {
		cmd.MarkFlagsMutuallyExclusive("issuer", other)
	}
	completeFrom(cmd, "daemon", libvirt.DaemonNames()...)
	return cmd
}

// request turns the flags into a request, or reports the error in them.
func (o *bootstrapOptions) request(m *machine.Machine) (r provision.HostRequest, err error) {
	r = o.host
	r.SANs, r.OnlySANs, r.Allow, r.AllowIssued, r.Force = o.sans, o.onlySAN, o.allow, o.allowIssued, o.force
	r.Restarted = o.noReload || o.restart != "" && m.Live()
	leaf, err := o.leafOptions.check()
	if err != nil {
		return r, err
	}
	r.Leaf, r.ClientKeyMode = leaf.Leaf, leaf.clientKeyMode
	if r.QEMU, err = o.withOptions.check(); err != nil {
		return r, err
	}
	if err := allowlist.Check(o.allow, o.force); err != nil {
		return r, hint.Usage(err)
	}
	if r.Bundle != "" && (m.CADir != "" || o.allowIssued) {
		return r, hint.Usagef("--ca and --allow-issued need a host with the CA, --bundle is for one without")
	}
	r.CA, err = o.requestCA()
	return r, err
}

// requestCA returns the CA to make if there is none yet; nil when the flags do not name one.
func (o *bootstrapOptions) requestCA() (*authority.Spec, error) {
	if o.name == "" {
		return nil, o.key.refuse("need a new CA: name its organisation with --name")
	}
	ca := o.caOptions
	ca.keyType, ca.validity = o.leafOptions.keyType, o.caLife
	n, err := ca.check()
	return &n, err
}

func runBootstrap(ctx context.Context, e *env, g *globals, o *bootstrapOptions) error {
	r, err := o.request(g.Machine)
	if err != nil {
		return err
	}
	keys := e.newKeyring(g)
	asked, err := o.enroll(ctx, e, g, enroll.First{Host: r, ClientKeyMode: r.ClientKeyMode}, keys)
	if err != nil || asked != nil && g.dryRun {
		return e.tellWith(g, asked, err)
	}
	ready, err := provision.Bootstrap(ctx, g.Machine, keys, r, e.runOptions(g, nil))
	if err != nil {
		return err
	}
	if asked != nil {
		asked.Merge(ready.Job)
		ready.Job = asked
	}
	if !g.dryRun {
		err = reload.New(g.Machine, o.reloadOptions.request(e), ready.Job).Settle(ctx)
	}
	if err == nil && r.Update && len(ready.Lacking) > 0 {
		err = o.addNames(ctx, e, g, keys, ready)
	}
	return e.tellWith(g, ready.Job, hint.First(err, unmet(ready.Job)))
}

// enroll has the issuer sign the certificates that this host lacks. The job is nil when there is
// no issuer or when nothing is missing.
func (o *bootstrapOptions) enroll(ctx context.Context, e *env, g *globals, f enroll.First, keys *change.Keyring) (*change.Job, error) {
	if o.issuer == "" {
		return nil, nil
	}
	f.TrustNew = enroll.Fingerprints{}
	i, err := issuer.OpenTrusting(o.issuer, f.TrustNew, g.Now)
	if err != nil {
		return nil, err
	}
	defer i.Close()
	f.Issuer = i
	return f.Enroll(ctx, g.Machine, keys, e.runOptions(g, nil))
}

// addNames renews an existing server certificate that lacks some of the requested names.
func (o *bootstrapOptions) addNames(ctx context.Context, e *env, g *globals, keys *change.Keyring, ready *provision.Ready) error {
	names, err := renewal.ParseNames(ready.Lacking, nil)
	if err != nil {
		return err
	}
	report, err := renewal.Run(ctx, g.Machine, renewal.Request{Rule: renewal.Rule{Names: names}, Reload: o.reloadOptions.request(e)}, keys, e.runOptions(g, nil))
	if report != nil && report.Job != nil {
		ready.Merge(report.Job)
	}
	return err
}
