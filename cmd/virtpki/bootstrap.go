package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/internal/allowlist"
	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/pki"
)

// bootstrapOptions are the flags of bootstrap: those of ca init, issue and
// config for this one host.
type bootstrapOptions struct {
	caOptions
	leafOptions
	configOptions
	withOptions
	reloadOptions
	host   provision.HostRequest
	caLife string
}

const bootstrapHelp = `Make this host ready in one shot: a CA, a server and a client certificate, a CRL,
and the entries of libvirtd.conf, or of virtproxyd.conf where virtproxyd serves TLS.
It never asks.

What is there already is taken: a CA, a key, a certificate. Run again, it
changes nothing; a run that was cut short is finished by the next one. A host
that was given its pairs and the CA's certificate needs no CA of its own;
--bundle puts them in their places, from a folder that 'virtpki issue host NAME
--out' has made. A pair that the host has renewed since then stays.

It needs no home, no terminal and no DNS, so that it can run in a first boot. A
clock that stands before this program was made, or before a certificate here
begins, is refused, or waited for with --wait-clock. A daemon that runs re-reads
its files; a new conf it reads when it is started again, which --restart-command
does. Below another --root nothing of the running machine is asked or touched.

The server answers to its name, its short name, what --san adds, and every
address that this machine has. The client certificate is the one with which this
host, and root on it, connects to others; live migration needs it.

--with fills the folders that QEMU reads, too: qemu is the one for everything
that has none of its own, /etc/pki/qemu, and enough for an encrypted migration;
vnc, spice, chardev, migrate, nbd and backup have one each, which counts for
libvirt as soon as it exists and its daemon is started anew. QEMU runs as a user
of its own: the keys are for its group, which qemu.conf or the distribution says.
They are copies of libvirt's pair; --separate makes others, and --qemu-ca has
another CA sign them.`

const bootstrapExample = `  virtpki bootstrap --name "Example Org"
  virtpki bootstrap --name Lab --hostname hv1.lab.example --san 10.0.0.1 --client admin \
      --allow-dn 'O=Lab,CN=admin'
  virtpki bootstrap --name Lab --with qemu,vnc

  # a host that was given its bundle, in its first boot
  virtpki bootstrap --bundle /root/hv2.example --wait-clock

  # the image of a machine
  virtpki bootstrap --root /mnt --bundle bundles/hv3.example`

func newBootstrap(e *env, g *globals) *cobra.Command {
	return bindBootstrap(e, g, &bootstrapOptions{})
}

// bindBootstrap binds the flags to o.
func bindBootstrap(e *env, g *globals, o *bootstrapOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bootstrap",
		Short:   "Make this host ready, in one shot",
		Long:    help(bootstrapHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: bootstrapExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBootstrap(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "", "`organisation` that the CA stands for; wanted when there is no CA yet")
	flags.StringVar(&o.host.Hostname, "hostname", "", "`name` of this host (default what the system says)")
	flags.StringVar(&o.host.Client, "client", "", "`name` in the client certificate (default the host's)")
	flags.StringVar(&o.host.Daemon, "daemon", "", "`daemon` to configure, libvirtd or virtproxyd (default the one that serves TLS here)")
	flags.StringVar(&o.caLife, "ca-validity", pki.FormatValidity(pki.DefaultCAValidity), "how long the CA lives, a `duration`")
	flags.StringVar(&o.host.Bundle, "bundle", "", "put the CA's certificate, the CRL and the pairs of `directory` in their places")
	flags.StringVar(&o.host.WaitClock, "wait-clock", "", "wait up to `duration` for the clock to be set")
	flags.Lookup("wait-clock").NoOptDefVal = defaultClockWait
	o.leafOptions.addFlags(cmd)
	o.configOptions.addFlags(cmd)
	o.withOptions.addFlags(cmd)
	o.reloadOptions.addFlags(cmd)
	o.addPermit(flags)
	cmd.MarkFlagDirname("bundle")
	cmd.MarkFlagsMutuallyExclusive("bundle", "name")
	cmd.MarkFlagsMutuallyExclusive("bundle", "client")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	completeFrom(cmd, "daemon", libvirt.DaemonNames()...)
	return cmd
}

// request turns the flags into what is asked for, or says what is wrong with them.
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
		return r, hint.Usagef("--ca and --allow-issued are for a host that has the CA, --bundle for one that has not")
	}
	r.CA, err = o.requestCA()
	return r, err
}

// requestCA is the CA to be made if there is none; nil when it has no name.
func (o *bootstrapOptions) requestCA() (*authority.Spec, error) {
	if o.name == "" {
		return nil, nil
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
	j, err := provision.Bootstrap(ctx, g.Machine, e.newKeyring(g), r, e.runOptions(g, nil))
	if err != nil {
		return err
	}
	if g.dryRun {
		return e.tell(g, j)
	}
	return e.tellWith(g, j, reload.New(g.Machine, o.reloadOptions.request(e), j).Settle(ctx))
}
