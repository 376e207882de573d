package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"

	"github.com/spf13/cobra"

	"virtpki/internal/allowlist"
	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/hostconf"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/reload"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
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
	hostname  string
	client    string
	daemon    string
	caLife    string
	bundle    string
	waitClock string
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
			return e.bootstrap(cmd.Context(), g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "", "`organisation` that the CA stands for; wanted when there is no CA yet")
	flags.StringVar(&o.hostname, "hostname", "", "`name` of this host (default what the system says)")
	flags.StringVar(&o.client, "client", "", "`name` in the client certificate (default the host's)")
	flags.StringVar(&o.daemon, "daemon", "", "`daemon` to configure, libvirtd or virtproxyd (default the one that serves TLS here)")
	flags.StringVar(&o.caLife, "ca-validity", pki.FormatValidity(pki.DefaultCAValidity), "how long the CA lives, a `duration`")
	flags.StringVar(&o.bundle, "bundle", "", "put the CA's certificate, the CRL and the pairs of `directory` in their places")
	flags.StringVar(&o.waitClock, "wait-clock", "", "wait up to `duration` for the clock to be set")
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

// hostPlan is bootstrapOptions with everything checked.
type hostPlan struct {
	o      *bootstrapOptions
	leaf   leafPlan
	ca     *authority.Spec // nil when no name is given for one
	list   *inventory.List
	daemon inventory.Daemon
	to     keypair.Dest
	server subject.Identity
	client subject.Identity
	with   *withPlan
}

func (e *env) bootstrap(ctx context.Context, g *globals, o *bootstrapOptions) error {
	h, err := checkBootstrap(g.Machine, inventory.Of(ctx, g.Machine), o)
	if err != nil {
		return err
	}
	if err := g.WaitClock(ctx, hostFloor(g.Machine, h), o.waitClock); err != nil {
		return err
	}
	// The addresses may have come while the clock was waited for.
	if err := nameHost(g.Machine, o, h); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	h.startKeys(g.Machine, keys)
	j, err := e.carryOut(ctx, g, h.locks(g.Machine), func(j *change.Job) error { return e.readyHost(j, g.Machine, keys, h) })
	if err != nil {
		return err
	}
	if g.dryRun {
		return e.tell(g, j)
	}
	return e.tellWith(g, j, reload.New(g.Machine, o.reloadOptions.request(e), j).Settle(ctx))
}

// hostFloor is the earliest time that can be now on a host with these files.
func hostFloor(m *machine.Machine, h *hostPlan) machine.Floor {
	floor := m.Floor()
	raiseBy(&floor, m.Tree(), h.to.Layout)
	if h.o.bundle != "" {
		layout, _ := bundleLayout(m, h.o.bundle)
		raiseBy(&floor, m.Tree(), layout)
	}
	return floor
}

// locks are the folders that a run writes to. A host with a bundle has no CA.
func (h *hostPlan) locks(m *machine.Machine) []string {
	locks := []string{m.System().Top(), filepath.Dir(m.Path(h.daemon.ConfPath))}
	locks = append(locks, h.with.locks()...)
	if h.o.bundle != "" {
		return locks
	}
	return append([]string{m.CAPath()}, locks...)
}

// readyHost plans all that a host needs: what it is given, has, or makes.
func (e *env) readyHost(j *change.Job, m *machine.Machine, keys *change.Keyring, h *hostPlan) error {
	if h.o.bundle != "" {
		return e.readyByBundle(j, m, keys, h)
	}
	return e.readyByItself(j, m, keys, h)
}

// readyByItself is readyHost for a host that has its files, or makes them.
func (e *env) readyByItself(j *change.Job, m *machine.Machine, keys *change.Keyring, h *hostPlan) error {
	a, err := e.findOrMakeCA(j, m, keys, h.ca)
	if err != nil {
		return err
	}
	return e.decideHost(j, m, keys, h, a)
}

// decideHost plans a host's pairs, what it trusts, what QEMU reads, and its conf.
func (e *env) decideHost(j *change.Job, m *machine.Machine, keys *change.Keyring, h *hostPlan, a *authority.Authority) error {
	server, err := e.takeOrMake(j, a, keys, h, h.server)
	if err != nil {
		return err
	}
	client, err := e.takeOrMake(j, a, keys, h, h.client)
	if err != nil {
		return err
	}
	if err := a.Trust(j, h.to); err != nil {
		return err
	}
	if err := e.fillQEMU(j, m, keys, a, h, server, client); err != nil {
		return err
	}
	return e.configureHost(j, m, h, a, client, a.CRL != nil)
}

// fillQEMU plans the folders of QEMU's that --with names.
func (e *env) fillQEMU(j *change.Job, m *machine.Machine, keys *change.Keyring, a *authority.Authority, h *hostPlan, server, client *keypair.Pair) error {
	return e.fillerFor(m, keys, h, server, client).fill(j, a)
}

// fillByBundle is fillQEMU for a host that is given its files: folders of QEMU's that
// the bundle holds are taken besides.
func (e *env) fillByBundle(j *change.Job, m *machine.Machine, keys *change.Keyring, h *hostPlan, b *hostBundle, server, client *keypair.Pair) error {
	f := e.fillerFor(m, keys, h, server, client)
	f.given = &givenFolders{
		tree:       b.a.Tree,
		sysconfdir: filepath.Join(h.o.bundle, m.Sysconfdir),
		main:       map[pki.Role]*keypair.Pair{pki.Server: b.server, pki.Client: b.client},
	}
	with := *h.with
	with.uses = f.given.uses(with.uses)
	f.withPlan = &with
	return f.fill(j, b.a)
}

func (e *env) fillerFor(m *machine.Machine, keys *change.Keyring, h *hostPlan, server, client *keypair.Pair) *filler {
	f := &filler{env: e, withPlan: h.with, m: m, keys: keys, leaf: h.leaf.Leaf, sysconfdir: h.to.Layout.Base}
	f.identities = map[pki.Role]subject.Identity{pki.Server: h.server, pki.Client: h.client}
	f.pairs = map[pki.Role]*keypair.Pair{pki.Server: server, pki.Client: client}
	return f
}

// startKeys begins to make the keys that are not there.
func (h *hostPlan) startKeys(m *machine.Machine, keys *change.Keyring) {
	if h.o.bundle != "" {
		return
	}
	if h.ca != nil && !m.Tree().Exists(libvirt.CA(m.CAPath()).Path(libvirt.CACert)) {
		keys.Ahead(h.leaf.KeyType, authority.Slot)
	}
	for _, id := range []subject.Identity{h.server, h.client} {
		if !m.Tree().Exists(h.to.Layout.Path(libvirt.KeyFile(string(id.Role)))) {
			keys.Ahead(h.leaf.KeyType, id.Slot())
		}
	}
}

// configureHost plans the conf of a host whose files are there or planned.
func (e *env) configureHost(j *change.Job, m *machine.Machine, h *hostPlan, a *authority.Authority, client *keypair.Pair, crl bool) error {
	c := &hostconf.Daemon{List: h.list, Daemon: h.daemon, Allow: h.o.allow, Force: h.o.force}
	c.Restarted = h.o.noReload || h.o.restart != "" && m.Live()
	if client.Cert != nil {
		c.Client = subject.Of(client.Cert)
	}
	c.Present = func(file libvirt.File) bool { return file != libvirt.CACRL || crl }
	if h.o.allowIssued {
		if err := c.AllowIssued(a, m); err != nil {
			return err
		}
	}
	return c.Plan(j, m)
}

func checkBootstrap(m *machine.Machine, list *inventory.List, o *bootstrapOptions) (*hostPlan, error) {
	h := &hostPlan{o: o, list: list}
	var err error
	if h.leaf, err = o.leafOptions.check(); err != nil {
		return nil, err
	}
	if h.with, err = o.withOptions.check(); err != nil {
		return nil, err
	}
	if h.daemon, err = list.Named(o.daemon); err != nil {
		return nil, hint.Usage(err)
	}
	if err := allowlist.Check(o.allow, o.force); err != nil {
		return nil, hint.Usage(err)
	}
	if o.bundle != "" && (m.CADir != "" || o.allowIssued) {
		return nil, hint.Usagef("--ca and --allow-issued are for a host that has the CA, --bundle for one that has not")
	}
	if h.ca, err = o.checkCA(); err != nil {
		return nil, err
	}
	h.to = keypair.Dest{Layout: m.System().WithMode(libvirt.ClientKey, h.leaf.clientKeyMode), Owner: machine.Owner()}
	return h, nameHost(m, o, h)
}

// checkCA says what CA to make if there is none; nil when it has no name.
func (o *bootstrapOptions) checkCA() (*authority.Spec, error) {
	if o.name == "" {
		return nil, nil
	}
	o.caOptions.keyType, o.caOptions.validity = o.leafOptions.keyType, o.caLife
	n, err := o.caOptions.check()
	return &n, err
}

// nameHost says who this host is, as a server and as a client.
func nameHost(m *machine.Machine, o *bootstrapOptions, h *hostPlan) error {
	host := o.hostname
	own, err := m.Names()
	if err != nil && host == "" {
		return hint.With(err, "name it with --hostname")
	}
	if host == "" {
		host = own[0]
	}
	client := o.client
	if client == "" {
		client = host
	}
	if err := hint.First(subject.CheckHost(host), subject.CheckClient(client)); err != nil {
		return hint.Usage(err)
	}
	names, err := m.ServerNames(host, o.sans, m.Live(), o.onlySAN, own)
	h.server = subject.Identity{Role: pki.Server, Name: host, Names: names}
	h.client = subject.Identity{Role: pki.Client, Name: client}
	return hint.Usage(err)
}

// findOrMakeCA takes the CA that is there, with a CRL if it can sign one, or
// makes one.
func (e *env) findOrMakeCA(j *change.Job, m *machine.Machine, keys *change.Keyring, n *authority.Spec) (*authority.Authority, error) {
	a, err := authority.Open(m)
	if errors.Is(err, authority.ErrNone) || errors.Is(err, authority.ErrKeyAlone) {
		if n == nil {
			return nil, hint.Usage(hint.With(err, "name the organisation of a new CA with --name"))
		}
		return authority.Make(j, m, keys, *n)
	}
	if err != nil {
		return nil, err
	}
	a.NoteTwins(j)
	j.Found = append(j.Found, change.Placed{Cert: a.CA.Certificate, Path: a.Layout.Path(libvirt.CACert)})
	if a.CRL == nil && m.Tree().Exists(a.Layout.Path(libvirt.CAKey)) {
		if err := a.Unlock(keys); err != nil {
			return nil, err
		}
		a.NoteForgotten(j)
		// The numbers of the lists before are not known; the time is higher.
		return a, a.PlanEmptyCRL(j, big.NewInt(e.here.Now().Unix()), e.here.Now())
	}
	return a, nil
}

// takeOrMake takes the pair that is there, or makes what is missing of it.
func (e *env) takeOrMake(j *change.Job, a *authority.Authority, keys *change.Keyring, h *hostPlan, id subject.Identity) (*keypair.Pair, error) {
	have, err := keypair.Load(j.Plan.Tree(), h.to.Layout, id.Role)
	if err != nil {
		return nil, err
	}
	if err := have.KeyMissing(); err != nil {
		return nil, err
	}
	if have.Cert != nil {
		if lacking := id.Lacking(have.Cert); lacking != "" {
			j.Note("%s does not name %s: it was taken as it is (move it and its key away to have it made anew)", have.CertPath, lacking)
		}
		j.Found = append(j.Found, change.Placed{Cert: have.Cert, Path: have.CertPath})
		return have, e.checkTaken(j, a, have)
	}
	if id.Role == pki.Client && have.Key == nil && h.o.client == "" && a.Keyless() {
		j.Note("there is no client pair here, and no CA's key to make one with: this host can be connected to, and cannot connect to others")
		return have, nil
	}
	if err := a.Unlock(keys); err != nil {
		return nil, err
	}
	if have.Cert, err = a.MakePair(j, keys, authority.Order{Leaf: h.leaf.Leaf, Identity: id, Now: e.here.Now()}, h.to, have); err != nil {
		return nil, err
	}
	a.NoteLetIn(j, have.Cert, id.Name, e.here.Now())
	have.Key, err = keys.For(have, id.Slot(), h.leaf.KeyType)
	return have, err
}

// checkTaken looks at a certificate that was there: libvirtd does not start on
// one that its CA file does not vouch for.
func (e *env) checkTaken(j *change.Job, a *authority.Authority, have *keypair.Pair) error {
	if !a.HasSigned(have.Cert) {
		return fmt.Errorf("%s: %s is not signed by the CA in %s", have.CertPath, subject.Of(have.Cert), a.Layout.Path(libvirt.CACert))
	}
	if !e.here.Now().Before(have.Cert.NotAfter) {
		j.Note("%s: expired on %s", have.CertPath, termtext.Day(have.Cert.NotAfter))
	}
	return nil
}
