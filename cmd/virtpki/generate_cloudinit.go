package main

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/libvirt"
	"virtpki/pki"
	"virtpki/templates"
)

// cloudInitOptions are the flags of generate cloud-init.
type cloudInitOptions struct {
	leafOptions
	bundle    string
	name      string
	client    string
	daemon    string
	allow     []string
	force     bool
	binary    string
	url       string
	sha256    string
	packages  []string
	waitClock string
	out       string
}

const cloudInitHelp = `Print user-data for cloud-init, a #cloud-config, with which a machine accepts virsh
over TLS from its first boot on; with --out, write one file a NAME.

--bundle DIR gives each NAME the pairs and the CA's certificate that 'virtpki issue
host NAME --out DIR' has made. Such user-data holds a private key and is a secret:
the hypervisor's disk, the cloud's metadata service and every tool that it went
through can read it. --name ORGANISATION has the machine make a CA of its own
instead, with nothing secret in the user-data.

The daemon is held back until the files are there, whether it is in the image or
is installed by cloud-init (--package). It all happens in /run and at every boot: a
boot that was cut short is finished by the next one, a second boot changes nothing.

virtpki itself is in the image, or fetched from --url. Paths are those of the
machine that boots; --sysconfdir is its too.`

const cloudInitExample = `  # a bundle for each, made on the CA's machine
  virtpki issue host hv1.example hv2.example --out bundles
  virtpki generate cloud-init hv1.example hv2.example --bundle bundles --out user-data
  virt-install --cloud-init user-data=user-data/hv1.example.yaml ...

  # a lone machine with a CA of its own, libvirt installed at first boot
  virtpki generate cloud-init lab.example --name Lab --package libvirt-daemon-system`

func newGenerateCloudInit(e *env, g *globals) *cobra.Command {
	o := &cloudInitOptions{}
	cmd := &cobra.Command{
		Use:     "cloud-init NAME...",
		Short:   "User-data that makes a machine ready at its first boot",
		Long:    help(cloudInitHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: cloudInitExample,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return e.generateCloudInit(cmd.Context(), g, o, names)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.bundle, "bundle", "", "give each NAME its bundle, a folder of its name in `directory`")
	flags.StringVar(&o.name, "name", "", "have the machine make a CA for this `organisation`")
	flags.StringVar(&o.client, "client", "", "with --name, the `name` in the client certificate (default the machine's)")
	flags.StringVar(&o.daemon, "daemon", "libvirtd", "`daemon` to configure: libvirtd or virtproxyd")
	flags.StringArrayVar(&o.allow, "allow-dn", nil, "let in the clients whose DN matches `pattern`, and no others; may be repeated")
	flags.BoolVar(&o.force, "force", false, "write the list even if it locks out the machine's own client, or lets in nobody by a pattern")
	flags.StringVar(&o.binary, "binary", "", "`path` of virtpki on that machine (default: found in its PATH)")
	flags.StringVar(&o.url, "url", "", "fetch virtpki from `URL` where it is not there; wants --sha256")
	flags.StringVar(&o.sha256, "sha256", "", "`sum` that the fetched program must have, in hexadecimal")
	flags.StringArrayVar(&o.packages, "package", nil, "have cloud-init install `package`; may be repeated")
	flags.StringVar(&o.waitClock, "wait-clock", defaultClockWait, "wait up to `duration` for the clock to be set")
	flags.StringVarP(&o.out, "out", "o", "", "write NAME.yaml for each into `directory`")
	o.leafOptions.addFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("bundle", "name")
	cmd.MarkFlagsOneRequired("bundle", "name")
	cmd.MarkFlagsMutuallyExclusive("binary", "url")
	cmd.MarkFlagsRequiredTogether("url", "sha256")
	cmd.MarkFlagDirname("bundle")
	cmd.MarkFlagDirname("out")
	completeFrom(cmd, "daemon", libvirt.DaemonNames()...)
	completeFrom(cmd, "package", "libvirt-daemon-system", "libvirt-daemon")
	g.addDryRun(cmd)
	return cmd
}

func (e *env) generateCloudInit(ctx context.Context, g *globals, o *cloudInitOptions, names []string) error {
	daemon, err := o.check(names)
	if err != nil {
		return usageError{err}
	}
	var files []generated
	secret := false
	for _, name := range names {
		boot, err := e.firstBoot(g, o, daemon, name)
		if err != nil {
			return err
		}
		text, err := templates.CloudInit(boot)
		if err != nil {
			return usageError{err}
		}
		secret = secret || boot.Secret()
		files = append(files, generated{
			Name: name + ".yaml", Text: string(text), path: filepath.Join(o.out, name+".yaml"), mode: bootMode(boot),
		})
	}
	if err := e.generate(ctx, g, o.out, files, ""); err != nil {
		return err
	}
	e.warnUserData(g, files, secret)
	return nil
}

// bootMode is that of user-data.
func bootMode(boot templates.FirstBoot) fs.FileMode {
	if boot.Secret() {
		return 0o600
	}
	return generatedMode
}

// maxUserData is the least that a cloud takes: Amazon's EC2, in bytes.
const maxUserData = 16 << 10

// warnUserData tells what people should know of what they hold.
func (e *env) warnUserData(g *globals, files []generated, secret bool) {
	if g.quiet {
		return
	}
	if secret {
		e.warn("this user-data holds a private key and is a secret: keep it out of logs, state files and repositories (--name makes a form without one)")
	}
	for _, file := range files {
		if len(file.Text) > maxUserData {
			e.warn("%s has %d bytes; some clouds take %d at most (EC keys are smaller)", file.Name, len(file.Text), maxUserData)
		}
	}
}

// check refuses wrong use before anything is read.
func (o *cloudInitOptions) check(names []string) (libvirt.Daemon, error) {
	daemon, err := libvirt.FindDaemon(o.daemon)
	if err != nil {
		return daemon, err
	}
	for i, name := range names {
		if err := checkHost(name); err != nil {
			return daemon, err
		}
		for _, before := range names[:i] {
			if strings.EqualFold(before, name) {
				return daemon, usagef("name %s is given twice", quoteShort(name))
			}
		}
	}
	switch {
	case len(names) > 1 && o.out == "":
		return daemon, errors.New("several names want --out: each gets a file of its own")
	case o.bundle != "" && (o.client != "" || len(o.sans) > 0):
		return daemon, errors.New("--client and --san are for certificates that the machine makes; those of a bundle are made by issue")
	}
	return daemon, o.checkValues()
}

// checkValues looks at what bootstrap would refuse, so that no machine has to boot
// to tell.
func (o *cloudInitOptions) checkValues() error {
	if _, err := o.leafOptions.check(); err != nil {
		return err
	}
	if _, err := pki.ParseValidity(o.waitClock); err != nil {
		return err
	}
	if o.client != "" {
		if err := checkClient(o.client); err != nil {
			return err
		}
	}
	if o.bundle == "" {
		if err := checkText("organisation", o.name); err != nil {
			return err
		}
	}
	var names altNames
	for _, san := range o.sans {
		if err := names.add(san); err != nil {
			return err
		}
	}
	return (&configOptions{allow: o.allow, force: o.force}).checkPatterns()
}

// firstBoot is what one machine gets.
func (e *env) firstBoot(g *globals, o *cloudInitOptions, daemon libvirt.Daemon, name string) (templates.FirstBoot, error) {
	boot := templates.FirstBoot{
		Name: name, Program: o.binary, URL: o.url, SHA256: strings.ToLower(o.sha256), Packages: o.packages,
		Service: daemon.Service, Socket: daemon.TLSSocket, Sysconfdir: g.sysconfdir,
		Arguments: o.arguments(g, name),
		Network:   o.bundle == "" || o.url != "",
	}
	if boot.Program == "" {
		boot.Program = "virtpki"
	}
	if o.bundle == "" {
		client, err := o.ownClient(name)
		return boot, firstOf(err, o.locksOut(client))
	}
	b, err := e.loadBundle(g, filepath.Join(o.bundle, name))
	if err != nil {
		return boot, err
	}
	if b.client.cert != nil {
		err = o.locksOut(dnOf(b.client.cert))
	}
	if err == nil && b.server.cert.VerifyHostname(name) != nil {
		err = fmt.Errorf("%s does not name %s", b.server.certPath, name)
	}
	if err == nil {
		boot.Files, err = b.bootFiles()
	}
	return boot, err
}

// locksOut is the error for a list that bootstrap would refuse when the machine
// boots, where nobody sees it.
func (o *cloudInitOptions) locksOut(client string) error {
	if o.force {
		return nil
	}
	return lockedOut(o.allow, client)
}

// ownClient is the DN of the client certificate that a machine makes for itself.
func (o *cloudInitOptions) ownClient(name string) (string, error) {
	if o.client != "" {
		name = o.client
	}
	ca := &x509.Certificate{Subject: pkix.Name{Organization: []string{o.name}}}
	raw, err := leafSubject(ca, name)
	if err != nil {
		return "", asUsage(err)
	}
	return dnText(raw), nil
}

// arguments are those of bootstrap. Each value follows its flag after "=", so that
// none can pass for a flag.
func (o *cloudInitOptions) arguments(g *globals, name string) []string {
	args := []string{"--no-reload", "--wait-clock=" + o.waitClock, "--hostname=" + name}
	add := func(flag, otherwise string, values ...string) {
		for _, value := range values {
			if value != otherwise {
				args = append(args, "--"+flag+"="+value)
			}
		}
	}
	add("sysconfdir", defaultSysconfdir(), g.sysconfdir)
	add("ca", "", g.ca)
	add("name", "", o.name)
	add("client", "", o.client)
	add("san", "", o.sans...)
	add("key-type", string(pki.DefaultKeyType), o.keyType)
	add("validity", pki.FormatValidity(pki.DefaultLeafValidity), o.validity)
	add("for", "any", o.target)
	add("client-key-mode", "0600", o.clientKeyMode)
	add("daemon", "libvirtd", o.daemon)
	add("allow-dn", "", o.allow...)
	if o.force {
		args = append(args, "--force")
	}
	return args
}

// bootFiles are the files of a bundle, encoded anew: nothing but PEM is carried.
func (b *hostBundle) bootFiles() ([]templates.BootFile, error) {
	flat := libvirt.Flat("")
	files := []templates.BootFile{{Name: flat.Path(libvirt.CACert), Text: string(pki.EncodeCertificates(b.a.bundle...))}}
	if b.a.crl != nil {
		crls, err := pki.ParseCRLs(b.a.crl)
		if err != nil {
			return nil, err
		}
		files = append(files, templates.BootFile{Name: flat.Path(libvirt.CACRL), Text: string(pki.EncodeCRL(crls...))})
	}
	for _, p := range []*pair{b.server, b.client} {
		if p.cert == nil {
			continue
		}
		key, err := pki.EncodeKey(p.key, nil)
		if err != nil {
			return nil, err
		}
		role := string(p.role)
		files = append(files,
			templates.BootFile{Name: flat.Path(libvirt.KeyFile(role)), Text: string(key)},
			templates.BootFile{Name: flat.Path(libvirt.CertFile(role)), Text: string(pki.EncodeCertificates(p.cert))})
	}
	return files, nil
}
