package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/program"
	"virtpki/internal/sign"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// maxSignInput is the largest input of sign in bytes: the requests of some 50,000 hosts.
// defaultAtMost is how many requests of one file --yes signs by default: a host has two, and a
// sender that works unattended must not fill the CA's records.
const (
	maxSignInput  = 64 << 20
	defaultAtMost = 16
)

// signOptions are the flags of sign: those that belong to the request, and those that have to be
// parsed.
type signOptions struct {
	sign.Request
	role             string
	exact            []string // --exact-name
	permit, keyTypes []string
	validity, target string
	shapes           templateOptions
}

func newSign(e *env, g *globals) *cobra.Command {
	o := &signOptions{}
	cmd := &cobra.Command{
		Use:   "sign FILE...",
		Short: "Sign certificate requests, at the CA",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSign(cmd.Context(), e, g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.role, "role", "", "grant only this `role`: server, client or host (both); default: the requested role")
	flags.StringArrayVar(&o.exact, "exact-name", nil, "grant this `name` (and the short form of a host's) or address, and nothing else; may be repeated")
	flags.StringArrayVar(&o.permit, "permit", nil, "grant names in this `domain`, or addresses in this network (10.0.0.0/8), and nothing else; may be repeated")
	flags.IntVar(&o.AtMost, "at-most", defaultAtMost, "with --yes, refuse a file with more than `number` requests")
	flags.StringArrayVar(&o.keyTypes, "key-type", nil, "grant only this `type` of key; may be repeated")
	flags.StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultLeafValidity), "lifetime of the certificates, a `duration` such as 30d or 1y")
	flags.StringVar(&o.target, "for", "any", "oldest `release` that must accept the certificates, such as libvirt-11.6")
	o.shapes.addFlags(flags)
	flags.BoolVar(&o.Policy.OwnSubject, "subject-from-request", false, "use the subject of the request unchanged")
	flags.BoolVar(&o.Policy.LeaveOut, "leave-out", false, "leave out names that are not granted, instead of refusing the request")
	flags.BoolVar(&o.Policy.IgnoreExtra, "ignore-extensions", false, "sign without the extensions that are not granted, instead of refusing the request")
	flags.BoolVar(&o.Reuse, "reuse", false, "respond to an already signed request with the same certificate, if it is still valid")
	flags.BoolVar(&o.AfterRevocation, "after-revocation", false, "with --yes, also sign for hosts and clients that were revoked")
	flags.StringArrayVar(&o.Replace, "replace", nil, "grant this `name` although a live certificate with another key has it, for a reinstalled host; may be repeated")
	flags.BoolVarP(&o.Unattended, "yes", "y", false, "do not ask")
	flags.StringVarP(&o.Out, "out", "o", "", "write the response to `file`")
	flags.StringVar(&o.OutDir, "out-dir", "", "write one response for each FILE into `directory`, as NAME.pem")
	addForce(flags, &o.Force)
	o.complete(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func (o *signOptions) complete(cmd *cobra.Command) {
	cmd.MarkFlagsMutuallyExclusive("out", "out-dir")
	cmd.MarkFlagFilename("out", "pem")
	cmd.MarkFlagDirname("out-dir")
	completeFrom(cmd, "role", subject.KindNames()...)
	completeFrom(cmd, "for", libvirt.ReleaseNames()...)
	completeKeyTypes(cmd)
}

func runSign(ctx context.Context, e *env, g *globals, o *signOptions, files []string) error {
	err := o.check()
	if err != nil {
		return hint.Usage(err)
	}
	if o.Policy.Leaf.Templates, err = o.shapes.check(); err != nil {
		return err
	}
	for _, file := range files {
		data, err := e.readInput(file, maxSignInput)
		if err != nil {
			return err
		}
		o.Files = append(o.Files, sign.File{Name: inputName(file), Data: data})
	}
	o.Confirm = func(offer sign.Offer) error { return confirmSigning(e, g, o.Unattended, offer) }
	done, err := sign.Run(ctx, g.Machine, o.Request, e.newKeyring(g), e.runOptions(g, nil))
	if err != nil {
		return err
	}
	return tellSigned(e, g, o, done)
}

// check makes the policy of the flags, or reports the error in them.
func (o *signOptions) check() error {
	p := &o.Policy
	var err1, err2, err3, err4, err5 error
	p.Lifetime, err1 = pki.ParseValidity(o.validity)
	p.Leaf.Validity = p.Lifetime
	p.Leaf.Release, err2 = libvirt.ParseRelease(o.target)
	p.Permit, err3 = pki.ParsePermit(o.permit)
	p.Exact, err4 = grant.ParseExact(o.exact)
	if o.role != "" {
		var kind subject.Kind
		kind, err5 = subject.ParseKind(o.role)
		p.Roles = kind.Roles()
	}
	if o.AtMost < 1 {
		err5 = fmt.Errorf("--at-most %d signs nothing", o.AtMost)
	}
	for _, name := range o.keyTypes {
		keyType, err := pki.ParseKeyType(name)
		if err != nil {
			return err
		}
		p.KeyTypes = append(p.KeyTypes, keyType)
	}
	return hint.First(err1, err2, err3, err4, err5)
}

// confirmSigning shows the certificates to sign, and asks.
func confirmSigning(e *env, g *globals, yes bool, offer sign.Offer) error {
	for _, name := range offer.Unmatched {
		e.warn("--replace %s: no request here needs it", termtext.ShellWord(name))
	}
	if !g.quiet || !yes {
		for _, one := range offer.Certificates {
			indent := ""
			for _, line := range one.Lines() {
				termtext.Fprintf(e.stderr, indent+"%s\n", line)
				indent = "  "
			}
		}
	}
	n := len(offer.Certificates)
	if n == 0 || yes || g.dryRun {
		return nil
	}
	answer, err := e.ask(fmt.Sprintf("Sign %s? [y/N] ", termtext.Count(n, "certificate", "certificates")))
	switch {
	case errors.Is(err, program.ErrNoTerminal):
		return hint.Usage(hint.With(errors.New("cannot ask without a terminal"), "--yes signs without asking"))
	case err != nil:
		return err
	case !strings.EqualFold(answer, "y") && !strings.EqualFold(answer, "yes"):
		return errors.New("not confirmed: nothing was signed")
	}
	return nil
}

// tellSigned prints the response on stdout when it does not go to a file.
func tellSigned(e *env, g *globals, o *signOptions, done *sign.Result) error {
	toStdout := o.Out == "" && o.OutDir == ""
	switch {
	case g.json:
		return e.printJSON(struct {
			change.Result
			Response string `json:"response"`
		}{done.Job.Result(e.here.Now()), string(done.Response.Encode())})
	case !toStdout || g.dryRun:
		return e.tell(g, done.Job)
	}
	if err := e.tellOnStderr(g, done.Job); err != nil {
		return err
	}
	_, err := e.stdout.Write(done.Response.Encode())
	return err
}
