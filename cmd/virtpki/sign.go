package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/prompt"
	"virtpki/internal/sign"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// The largest input of sign, in bytes: the requests of some 50,000 hosts. And how many
// requests of one file --yes signs unless told: a host has two, and whoever may send
// requests by itself must not fill the CA's records.
const (
	maxSignInput  = 64 << 20
	defaultAtMost = 16
)

// signOptions are the flags of sign.
type signOptions struct {
	role        string
	exact       []string // --exact-name
	permit      []string
	atMost      int
	keyTypes    []string
	validity    string
	target      string
	shapes      templateOptions
	ownSubject  bool // --subject-from-request
	leaveOut    bool
	ignoreExtra bool
	reuse       bool
	revokedToo  bool // --after-revocation
	replace     []string
	yes         bool
	out         string
	outDir      string
	force       bool
}

const signHelp = `Sign certificate requests, and print the response: one bundle with the
certificates, the CA and the CRL, which the hosts install.

sign shows what each request asks for and decides what to grant. A request proves
only that its sender has the key. --exact-name grants a name or an address and
nothing else: of a host, its full name and its short form, as server and as client.
--permit grants a domain with everything below it, or a network. Once either is
given, sign grants nothing else. --role and --key-type limit the rest, and the CA's
own name constraints always hold. sign checks the certificate as it will be signed,
so that no name that was shortened or derived goes unchecked.

A request never becomes a CA, and never gets an extension that certificates here do
not have. Its CN names the host or the client; the subject is O=NAME OF THE CA,
CN=NAME, as issue makes it. A request has at most 64 KiB and 100 names. sign checks
every file before it signs anything.

A revoked host or client cannot regain access: if one of its names, its address or
its key was revoked for another reason than superseded, --yes refuses the request,
in either role and in every spelling, unless --after-revocation is given. A
compromised key is never signed again.

A live name belongs to the keys that have it: a request for a name of a certificate
that is live under another key must prove one of these keys. request and renew add the
proof on a host that has the key. Without it, --yes refuses the request and says who
has the name, unless --replace gives it; a person is shown it and asked. Addresses and
short names are left out instead. sign takes each FILE for the requests of one sender.

On a terminal, sign asks before it signs; elsewhere it needs --yes. With --yes and
neither --exact-name nor --permit, anyone who can reach this command gets any name.

If a file holds a CRL or a CA certificate and no request, the response is the
current CA and CRL.`

const signExample = `  virtpki sign hv1.csr --out hv1.pem
  virtpki sign *.csr --out-dir answers --yes --role host --permit lab.example --permit 10.0.0.0/8

  # in authorized_keys of the CA, for one host
  command="virtpki sign - --yes --role host --exact-name hv1.lab.example --exact-name 10.0.0.7" ssh-ed25519 ...`

func newSign(e *env, g *globals) *cobra.Command {
	o := &signOptions{}
	cmd := &cobra.Command{
		Use:     "sign FILE...",
		Short:   "Answer certificate requests, at the CA",
		Long:    help(signHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: signExample,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.sign(cmd.Context(), g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.role, "role", "", "grant this `role` alone: server, client or host (both); default what is asked for")
	flags.StringArrayVar(&o.exact, "exact-name", nil, "grant this `name` (and the short form of a host's) or address, and nothing else; may be repeated")
	flags.StringArrayVar(&o.permit, "permit", nil, "grant names in this `domain`, or addresses in this network (10.0.0.0/8), and nothing else; may be repeated")
	flags.IntVar(&o.atMost, "at-most", defaultAtMost, "with --yes, refuse a file with more than `number` requests")
	flags.StringArrayVar(&o.keyTypes, "key-type", nil, "grant this `type` of key alone; may be repeated")
	flags.StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultLeafValidity), "how long the certificates live, a `duration` such as 30d or 1y")
	flags.StringVar(&o.target, "for", "any", "the oldest `release` that must accept them, such as libvirt-11.6")
	o.shapes.addFlags(flags)
	flags.BoolVar(&o.ownSubject, "subject-from-request", false, "give the subject that the request asks for, as it is")
	flags.BoolVar(&o.leaveOut, "leave-out", false, "leave out names that may not be granted, instead of refusing the request")
	flags.BoolVar(&o.ignoreExtra, "ignore-extensions", false, "sign without the extensions that are not granted, instead of refusing the request")
	flags.BoolVar(&o.reuse, "reuse", false, "answer a request that was signed before with the same certificate, if it is still good")
	flags.BoolVar(&o.revokedToo, "after-revocation", false, "sign with --yes too for those whose last certificate was revoked")
	flags.StringArrayVar(&o.replace, "replace", nil, "grant this `name` though a live certificate with another key has it, for a host that was installed again; may be repeated")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	flags.StringVarP(&o.out, "out", "o", "", "write the answer to `file`")
	flags.StringVar(&o.outDir, "out-dir", "", "write one answer for each FILE into `directory`, as NAME.pem")
	addForce(flags, &o.force)
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

func (e *env) sign(ctx context.Context, g *globals, o *signOptions, files []string) error {
	r, err := o.request()
	if err != nil {
		return hint.Usage(err)
	}
	if r.Policy.Leaf.Templates, err = o.shapes.check(); err != nil {
		return err
	}
	for _, file := range files {
		data, err := e.readInput(file, maxSignInput)
		if err != nil {
			return err
		}
		r.Files = append(r.Files, sign.File{Name: inputName(file), Data: data})
	}
	r.Confirm = func(offer sign.Offer) error { return e.confirmSigning(g, o.yes, offer) }
	done, err := sign.Run(ctx, g.Machine, r, e.newKeyring(g), e.runOptions(g, nil))
	if err != nil {
		return err
	}
	return e.tellSigned(g, o, done)
}

// request turns the flags into what sign is to do, or says what is wrong with them.
func (o *signOptions) request() (sign.Request, error) {
	policy, err := o.policy()
	if err == nil && o.atMost < 1 {
		err = fmt.Errorf("--at-most %d signs nothing", o.atMost)
	}
	return sign.Request{
		Policy: policy, Unattended: o.yes, AtMost: o.atMost, AfterRevocation: o.revokedToo, Replace: o.replace, Reuse: o.reuse,
		Out: o.out, OutDir: o.outDir, Force: o.force,
	}, err
}

func (o *signOptions) policy() (sign.Policy, error) {
	validity, err1 := pki.ParseValidity(o.validity)
	release, err2 := libvirt.ParseRelease(o.target)
	permit, err3 := pki.ParsePermit(o.permit)
	exact, err4 := grant.ParseExact(o.exact)
	p := sign.Policy{
		Policy:     grant.Policy{Exact: exact, Permit: permit, Lifetime: validity},
		Leaf:       authority.Leaf{Validity: validity, Release: release},
		OwnSubject: o.ownSubject, LeaveOut: o.leaveOut, IgnoreExtra: o.ignoreExtra,
	}
	if err := hint.First(err1, err2, err3, err4); err != nil {
		return p, err
	}
	for _, name := range o.keyTypes {
		keyType, err := pki.ParseKeyType(name)
		if err != nil {
			return p, err
		}
		p.KeyTypes = append(p.KeyTypes, keyType)
	}
	if o.role == "" {
		return p, nil
	}
	kind, err := subject.ParseKind(o.role)
	p.Roles = kind.Roles()
	return p, err
}

// confirmSigning shows what will be signed, and asks.
func (e *env) confirmSigning(g *globals, yes bool, offer sign.Offer) error {
	for _, name := range offer.Unmatched {
		e.warn("--replace %s: nothing here asks for a name that it has under another key", termtext.ShellWord(name))
	}
	if !g.quiet || !yes {
		for _, one := range offer.Certificates {
			e.showOffered(one)
		}
	}
	n := len(offer.Certificates)
	if n == 0 || yes || g.dryRun {
		return nil
	}
	answer, err := e.ask(fmt.Sprintf("Sign %s? [y/N] ", termtext.Count(n, "certificate", "certificates")))
	switch {
	case errors.Is(err, prompt.ErrNoTerminal):
		return hint.Usage(hint.With(errors.New("nobody to ask: there is no terminal"), "--yes signs without asking"))
	case err != nil:
		return err
	case !strings.EqualFold(answer, "y") && !strings.EqualFold(answer, "yes"):
		return errors.New("not confirmed: nothing was signed")
	}
	return nil
}

// showOffered says what a request asks for and what it gets.
func (e *env) showOffered(one sign.Offered) {
	termtext.Fprintf(e.stderr, "%s: %s %s\n", one.File, subject.OfRequest(one.Request), certinfo.OfRequest(one.Request).Text())
	for _, note := range one.Notes {
		termtext.Fprintf(e.stderr, "  %s\n", note)
	}
	if n := len(one.Before); n > 0 {
		last := slices.MaxFunc(one.Before, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) })
		termtext.Fprintf(e.stderr, "  its key was certified before: %s, serial %s, until %s%s\n",
			subject.Of(last), store.SerialText(last.SerialNumber), termtext.Day(last.NotAfter), andMore(n-1))
	}
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// tellSigned prints the response on stdout, where it goes to no file.
func (e *env) tellSigned(g *globals, o *signOptions, done *sign.Result) error {
	toStdout := o.out == "" && o.outDir == ""
	switch {
	case g.json:
		return e.printJSON(struct {
			change.Result
			Answer string `json:"answer"`
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
