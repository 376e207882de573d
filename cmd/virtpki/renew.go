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
	"virtpki/internal/issuer"
	"virtpki/internal/provision"
	"virtpki/internal/renewal"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// renewOptions are the flags of renew: those that belong to the request, and those that have to be
// parsed.
type renewOptions struct {
	renewal.Request
	reloadOptions
	withOptions
	before, jitter string
	sans, drop     []string
	within         time.Duration // the run starts within this time; flag --jitter
	rekey          bool
	trustNew       []string
	issuer         string // file of the issuer
	shapes         templateOptions
}

func newRenew(e *env, g *globals) *cobra.Command {
	o := &renewOptions{}
	cmd := &cobra.Command{
		Use:   "renew",
		Short: "Renew due certificates, reload, and verify",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRenew(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.before, "before", renewal.DefaultBefore, "renew this long before expiry, a `duration` or a share of the lifetime")
	flags.BoolVar(&o.Force, "force", false, "renew everything, due or not, and replace a --metrics file that virtpki did not write")
	flags.StringArrayVar(&o.sans, "san", nil, "add this `name` or address to the server certificate; may be repeated")
	flags.StringArrayVar(&o.drop, "remove-san", nil, "remove this `name` or address from the server certificate; may be repeated")
	flags.BoolVar(&o.rekey, "rekey", false, "make new keys (the default)")
	flags.BoolVar(&o.SameKey, "same-key", false, "keep the keys")
	flags.BoolVar(&o.ReplaceLinks, "replace-links", false, "replace links to certificates, keys and CRLs with files")
	flags.BoolVar(&o.KeepExtras, "keep-extras", false, "keep names, purposes and extensions that virtpki itself does not write: a URI, an e-mail address, a second purpose")
	flags.BoolVar(&o.NewSubject, "new-subject", false, "with --via or --issuer, accept a subject that differs from the live certificate's")
	flags.StringVar(&o.jitter, "jitter", "", "without a terminal, wait a random part of `duration` first")
	flags.StringVar(&o.Metrics, "metrics", "", "write a Prometheus text `file`")
	o.shapes.addFlags(flags)
	o.addVia(cmd)
	addIssuer(cmd, &o.issuer)
	flags.StringArrayVar(&o.trustNew, "trust-new-ca", nil, "with --via or --issuer, trust a CA that is new here, by its SHA-256 `fingerprint`")
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
	cmd.Flags().StringVar(&o.Via, "via", "", "without the CA's key: `command` that reads requests from stdin and prints the CA's response")
}

// check parses the flags, or reports the error in them.
func (o *renewOptions) check() (err error) {
	if o.QEMU, err = o.checkRenew(); err != nil {
		return err
	}
	if o.Templates, err = o.shapes.check(); err != nil {
		return err
	}
	if o.Names, err = renewal.ParseNames(o.sans, o.drop); err != nil {
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

// checkRenew is check with the meaning that --qemu-ca has for renew: renew that CA's certificates,
// with or without a directory to fill.
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
	if o.issuer != "" {
		i, err := issuer.OpenTrusting(o.issuer, o.TrustNew, g.Now)
		if err != nil {
			return err
		}
		defer i.Close()
		o.Issuer = i
	}
	o.Reload = o.reloadOptions.request(e)
	report, err := renewal.Run(ctx, g.Machine, o.Request, e.newKeyring(g), e.runOptions(g, nil))
	return tellRenewal(e, g, report, err)
}

// tellRenewal prints the findings and changes of renew. It returns the error of a failed check
// unchanged: only its status tells of it.
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
	if r.Job != nil { // copies that did not need a CA
		if told := e.tell(g, r.Job); told != nil {
			return told
		}
	}
	termtext.Fprintf(e.stdout, "%s", r.Text())
	termtext.Fprintf(e.stderr, "%s", r.NextText())
	return err
}

// wait waits for a random time, so that many machines do not run at once.
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
