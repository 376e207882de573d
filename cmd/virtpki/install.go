package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"virtpki/internal/adopt"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// installOptions are the flags of install: those that are a part of the response, and those
// that have to be parsed.
type installOptions struct {
	enroll.Response
	elsewhere adopt.Source // key pairs that somebody else made
	hostnames []string
	reloadOptions
	withOptions
	user          bool
	trustNew      []string
	clientKeyMode string
}

const installHelp = `Install the response of sign: verify everything, put key and certificate in place in
one instant, the CRL and the CA beside them, make the daemon reload, and verify by a
connection that it serves the certificate. If the daemon refuses the files, install
puts the previous ones back.

The certificate must be for the key that waits here (see request) or the live one,
signed by a CA that this host trusts, for the right role and names, valid now, not
revoked, and not older than the installed one. The response to another host, or one
that was installed before, changes nothing.

A host that trusts no CA yet trusts the one of the response from then on, and install
prints its fingerprint. After that, only --trust-new-ca adds another CA: otherwise
anyone who can tamper with a response could introduce a CA of their own.

Copies of the key pair in QEMU's directories follow, with the CA and the CRL; --with
fills directories that do not exist yet, see virtpki bootstrap.

A response may hold only a CRL or the CA: that is how both reach a fleet. A CRL never
replaces a newer one.

With --key or --from, install a key pair that somebody else made, with its chain and
its CA: the same checks, and the same way back. --from finds the files in a directory
by the names that cert-manager, certmonger, lego, Vault Agent and step use. A key pair
serves each role that the purposes of its certificate allow; one in files named
server.* or client.* serves that role only. Intermediate CAs go into cacert.pem, where
libvirt looks for them. Only root and the current user may be able to change the files
and the directories above them.`

const installExample = `  virtpki install hv1.pem
  ssh ca cat /etc/pki/CA/cacrl.pem | virtpki install -
  virtpki install new-generation.pem --trust-new-ca 2F7A...
  virtpki install --key tls.key tls.crt ca.crt
  virtpki install --from /etc/tls/hv1 --with qemu`

func newInstall(e *env, g *globals) *cobra.Command {
	o := &installOptions{}
	cmd := &cobra.Command{
		Use:     "install FILE...",
		Short:   "Install the CA's response: verify it, put it in place, reload",
		Long:    help(installHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: installExample,
		Args:    o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInstall(cmd.Context(), e, g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.user, "user", false, "into ~/.pki/libvirt")
	flags.StringArrayVar(&o.trustNew, "trust-new-ca", nil, "trust a CA that is new here, by its SHA-256 `fingerprint` (virtpki ca show); may be repeated")
	flags.BoolVar(&o.ExactCAs, "exact-cas", false, "trust the CAs of the response and no other that was trusted before")
	flags.BoolVar(&o.Force, "force", false, "take an older CRL or certificate over a newer one")
	flags.StringArrayVar(&o.elsewhere.Keys, "key", nil, "install the `file`'s private key, which somebody else made; the arguments are its certificate, chain and CA; may be repeated")
	flags.StringArrayVar(&o.elsewhere.Dirs, "from", nil, "install the key pairs in `directory`, under the names that other tools use; may be repeated")
	flags.StringArrayVar(&o.elsewhere.CRLs, "crl", nil, "with --key or --from: a `file` with CRLs of their CAs; may be repeated")
	flags.StringArrayVar(&o.hostnames, "hostname", nil, "with --key or --from: a `name` by which clients know this machine (default: its own); may be repeated")
	cmd.MarkFlagFilename("key")
	cmd.MarkFlagDirname("from")
	cmd.MarkFlagFilename("crl")
	flags.StringVar(&o.clientKeyMode, "client-key-mode", "0600", "`mode` of a client key that was not there before, see issue")
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
	if o.adopts() {
		o.elsewhere.Certs = files
		j, err := adopt.Install(ctx, g.Machine, o.adoption(), e.newKeyring(g), e.runOptions(g, nil))
		return e.tellWith(g, j, err)
	}
	var err error
	if o.Answer, err = e.readResponses(files); err != nil {
		return err
	}
	j, err := enroll.Install(ctx, g.Machine, o.Response, e.newKeyring(g), e.runOptions(g, nil))
	return e.tellWith(g, j, err)
}

// adopts reports whether a key pair is to be installed that somebody else made.
func (o *installOptions) adopts() bool { return len(o.elsewhere.Keys)+len(o.elsewhere.Dirs) > 0 }

// adoption is what the flags say of key pairs that somebody else made.
func (o *installOptions) adoption() adopt.Request {
	return adopt.Request{Source: o.elsewhere, Response: o.Response, Hostnames: o.hostnames}
}

// args wants files, but for --from.
func (o *installOptions) args(cmd *cobra.Command, files []string) error {
	switch {
	case slices.Contains(slices.Concat(o.elsewhere.Keys, o.elsewhere.Dirs, o.elsewhere.CRLs, o.hostnames), ""):
		return errors.New("one of --key, --from, --crl and --hostname is empty")
	case !o.adopts() && len(o.elsewhere.CRLs)+len(o.hostnames) > 0:
		return errors.New("--crl and --hostname go with --key or --from")
	case len(o.elsewhere.Keys) == 0 && len(o.elsewhere.Dirs) > 0 && len(files) > 0:
		return errors.New("--from finds the certificates by itself: give files with --key")
	case len(o.elsewhere.Keys) == 0 && len(o.elsewhere.Dirs) > 0:
		return nil
	}
	return cobra.MinimumNArgs(1)(cmd, files)
}

// check parses the flags, or says what is wrong with them.
func (o *installOptions) check(m *machine.Machine) (err error) {
	mode, err1 := parseClientKeyMode(o.clientKeyMode)
	trust, err2 := enroll.ParseFingerprints(o.trustNew)
	qemu, err3 := o.withOptions.check()
	if err3 == nil && o.user && len(qemu.Uses) > 0 {
		err3 = errors.New("--with is for the system's pairs, --user for one's own")
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

// readResponses reads files into one response.
func (e *env) readResponses(files []string) (*pki.Answer, error) {
	var all [][]byte
	for _, file := range files {
		data, err := e.readInput(file, store.MaxPEM)
		if err != nil {
			return nil, err
		}
		if _, err = pki.ParseAnswer(data); err != nil { // an error has to name its file
			return nil, fmt.Errorf("%s: %w", inputName(file), err)
		}
		all = append(all, data)
	}
	return pki.ParseAnswer(bytes.Join(all, []byte("\n")))
}
