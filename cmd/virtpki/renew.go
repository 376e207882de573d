package main

import (
	"context"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/provision"
	"virtpki/internal/renewal"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// renewOptions are the flags of renew: those that are a part of the request, and those that
// have to be parsed.
type renewOptions struct {
	renewal.Request
	reloadOptions
	withOptions
	before, jitter string
	within         time.Duration // a run starts, that of jitter
	rekey          bool
	trustNew       []string
	shapes         templateOptions
}

const renewHelp = `Renew what is due, have the daemon read it, and prove that it serves it. This is
the command for cron.

Everything installed here is looked at: the system's server and client pair,
QEMU's, as far as this CA has signed them, and the user's own. Due is what has
less than a third of its life left (--before says otherwise), has expired, does
not match its key or its CA any more, or lacks an address that this machine has
by now. It is made anew with the same
subject, names, shape, lifetime and key type, and a new key; key and certificate
change in one instant. The CRL is refreshed when a third of its life is left.

virtpki does not put URIs, e-mail addresses, other kinds of names or a second purpose
into certificates. renew names what a renewal leaves out; --keep-extras keeps it, as
--template can. A renewal never changes a DN that a list of this machine admits to one
that it refuses.

renew signs only names that this CA has granted before. A certificate of another CA
is an error. In ~/.pki/libvirt it takes this CA's signature, its record and the key
too, and a directory or file that another user can write is never renewed: a HOME that
sudo keeps does not lead root into it.

A certificate or key behind a link belongs to the program that made the link
(certbot, a secret mount). renew leaves it alone, says so, and fails once it is due;
--replace-links puts files in the place of the links, and leaves their targets as
they are.

A certificate that a daemon or QEMU reads from a path of its own (cert_file,
vnc_tls_x509_cert_dir) is not renewed. When it is due, renew names it and ends with
status 3.

What is a copy of libvirt's pair stays one. --with fills folders of QEMU's that
lack a pair, and --qemu-ca renews what that CA has signed for QEMU, and nothing
else. Guests that run read the new files where they can: VNC does, and is asked
for its certificate; of the rest it is said until when a guest goes on with the
old ones. Migration and backup read them at the next job.

After a reload that failed, or a daemon that serves something else, the files of
before are put back. With nothing due nothing is written. What is revoked in a
user's folder stays revoked.

Where the CA's key is not on this machine, requests are made for what is due, with
keys that wait here. --via gives them to a command, which brings them to the CA
and prints its answer; that is installed and proven. A response that changes a
subject is refused, unless --new-subject is given. It brings the CRL too, when that
is due. Without --via the requests are left in a file, and the exit status
is 3.`

func newRenew(e *env, g *globals) *cobra.Command {
	o := &renewOptions{}
	cmd := &cobra.Command{
		Use:     "renew",
		Short:   "Renew what is due, reload, and prove it",
		Long:    help(renewHelp, exitDone, exitError, exitUsage, exitRefused, exitInterrupted),
		Example: "  virtpki renew\n  virtpki renew --before 30d --dry-run\n  virtpki renew --quiet --jitter 10m --metrics /var/lib/node_exporter/virtpki.prom\n  virtpki renew --via 'ssh ca virtpki sign - --yes'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRenew(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.before, "before", renewal.DefaultBefore, "how long before its end something is due, a `duration` or a share of its life")
	flags.BoolVar(&o.Force, "force", false, "renew everything, due or not, and replace a --metrics file that virtpki did not write")
	flags.BoolVar(&o.rekey, "rekey", false, "make new keys (the default)")
	flags.BoolVar(&o.SameKey, "same-key", false, "keep the keys")
	flags.BoolVar(&o.ReplaceLinks, "replace-links", false, "put files in the place of links to certificates, keys and lists")
	flags.BoolVar(&o.KeepExtras, "keep-extras", false, "keep names, purposes and extensions that virtpki does not put into certificates: a URI, an e-mail address, a second purpose")
	flags.BoolVar(&o.NewSubject, "new-subject", false, "with --via, take the subject that the CA gives, though the live certificate has another")
	flags.StringVar(&o.jitter, "jitter", "", "where no terminal is there, wait a random part of `duration` first")
	flags.StringVar(&o.Metrics, "metrics", "", "write a Prometheus text `file`")
	o.shapes.addFlags(flags)
	o.addVia(cmd)
	flags.StringArrayVar(&o.trustNew, "trust-new-ca", nil, "with --via, trust a CA that is new here, by its SHA-256 `fingerprint`")
	cmd.MarkFlagsMutuallyExclusive("rekey", "same-key")
	cmd.MarkFlagsMutuallyExclusive("keep-extras", "template")
	cmd.MarkFlagFilename("metrics", "prom")
	o.reloadOptions.addFlags(cmd)
	o.withOptions.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func (o *renewOptions) addVia(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.Via, "via", "", "where the CA's key is not here: `command` that takes requests on stdin and prints the CA's answer")
}

// check parses the flags, or says what is wrong with them.
func (o *renewOptions) check() (err error) {
	if o.QEMU, err = o.checkRenew(); err != nil {
		return err
	}
	if o.Templates, err = o.shapes.check(); err != nil {
		return err
	}
	if o.Window, err = renewal.ParseBefore(o.before); err != nil {
		return err
	}
	if o.jitter != "" {
		if o.within, err = pki.ParseValidity(o.jitter); err != nil {
			return hint.Usage(err)
		}
	}
	o.TrustNew, err = enroll.ParseFingerprints(o.trustNew)
	return hint.Usage(err)
}

// checkRenew is check with the meaning that --qemu-ca has for renew: that CA's
// certificates are renewed, with or without a folder to fill.
func (o *withOptions) checkRenew() (*provision.QEMU, error) {
	if len(o.with) == 0 && o.group == "" && !o.separate {
		return &provision.QEMU{Separate: o.ca != "", CA: o.ca}, nil
	}
	return o.check()
}

func runRenew(ctx context.Context, e *env, g *globals, o *renewOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := g.CheckClock(); err != nil {
		return err
	}
	if err := o.wait(ctx); err != nil {
		return err
	}
	o.Reload = o.reloadOptions.request(e)
	report, err := renewal.Run(ctx, g.Machine, o.Request, e.newKeyring(g), e.runOptions(g, nil))
	return tellRenewal(e, g, report, err)
}

// tellRenewal prints what renew has found and done. The error of a check that says no stays
// as it is: it is told by its status alone.
func tellRenewal(e *env, g *globals, r *renewal.Report, err error) error {
	for _, text := range r.Warnings(g.quiet) {
		e.warn("%s", text)
	}
	switch {
	case r.Outcome == renewal.Failed:
		return err
	case r.Outcome == renewal.Renewed:
		return e.tellWith(g, r.Job, err)
	case g.json:
		return hint.First(e.printJSON(r.Result(g.Now())), err)
	case r.Outcome == renewal.Idle && g.quiet:
		return err
	}
	if r.Job != nil { // copies that needed no CA
		if told := e.tell(g, r.Job); told != nil {
			return told
		}
	}
	termtext.Fprintf(e.stdout, "%s", r.Text())
	for _, text := range r.Next {
		e.warn("%s", text)
	}
	return err
}

// wait spreads the runs of many machines.
func (o *renewOptions) wait(ctx context.Context) error {
	if o.within == 0 || term.IsTerminal(int(os.Stderr.Fd())) || term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	select {
	case <-ctx.Done():
		return hint.ErrInterrupted
	case <-time.After(rand.N(o.within)):
		return nil
	}
}
