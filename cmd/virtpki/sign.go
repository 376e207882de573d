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
	"virtpki/internal/hint"
	"virtpki/internal/prompt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
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
	completeFrom(cmd, "for", "any", "libvirt-9.0", "libvirt-11.6", "libvirt-12.8", "qemu-10.2")
	completeKeyTypes(cmd)
}

// signing is one run of sign.
type signing struct {
	*env
	g      *globals
	o      *signOptions
	policy *signPolicy
	files  []*incoming
	keys   *change.Keyring
	like   string // the CA under which the requests were granted
	marks  string // of the CA's folder when known was read
	known  *authority.Earlier

	claims    *claims
	shown     map[string]bool // whose names a person was shown
	confirmed bool            // nothing else is shown: the question was answered
}

func (e *env) sign(ctx context.Context, g *globals, o *signOptions, files []string) error {
	policy, err := o.check()
	if err != nil {
		return hint.Usage(err)
	}
	if policy.leaf.Templates, err = o.shapes.check(); err != nil {
		return err
	}
	if err := g.CheckClock(); err != nil {
		return err
	}
	s := &signing{env: e, g: g, o: o, policy: policy, keys: e.newKeyring(g), shown: make(map[string]bool)}
	if err := s.read(files); err != nil {
		return err
	}
	if err := s.consider(); err != nil {
		return err
	}
	if err := s.confirm(); err != nil {
		return err
	}
	j, err := e.carryOut(ctx, g, []string{g.CAPath()}, s.decide)
	if err != nil {
		return err
	}
	return s.tell(j)
}

// confirm shows what will be signed, and asks.
func (s *signing) confirm() error {
	s.confirmed = true
	s.noteReplace()
	n := 0
	for _, in := range s.files {
		for i, order := range in.orders {
			n++
			if !s.g.quiet || !s.o.yes {
				s.show(in, i, order)
			}
		}
	}
	if n == 0 || s.o.yes || s.g.dryRun {
		return nil
	}
	answer, err := s.ask(fmt.Sprintf("Sign %s? [y/N] ", termtext.Count(n, "certificate", "certificates")))
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

// show says what a request asks for and what it gets.
func (s *signing) show(in *incoming, i int, o order) {
	termtext.Fprintf(s.stderr, "%s: %s %s\n", inputName(in.name), subject.OfRequest(in.csrs[i]), certinfo.OfRequest(in.csrs[i]).Text())
	for _, note := range o.notes {
		termtext.Fprintf(s.stderr, "  %s\n", note)
	}
	if n := len(o.before); n > 0 {
		last := slices.MaxFunc(o.before, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) })
		termtext.Fprintf(s.stderr, "  its key was certified before: %s, serial %s, until %s%s\n",
			subject.Of(last), store.SerialText(last.SerialNumber), termtext.Day(last.NotAfter), andMore(n-1))
	}
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// decide signs what was granted, and plans the records and the answers.
func (s *signing) decide(j *change.Job) error {
	if err := s.consider(); err != nil {
		return err
	}
	a, err := authority.Open(s.g.Machine)
	if err != nil {
		return err
	}
	if err := hint.First(a.Unlock(s.keys), a.LoadCRL()); err != nil {
		return err
	}
	for _, in := range s.files {
		if err := s.answer(j, a, in); err != nil {
			return err
		}
	}
	return s.planAnswers(j)
}

// answer makes the answer to one file.
func (s *signing) answer(j *change.Job, a *authority.Authority, in *incoming) error {
	in.answer = &pki.Answer{CAs: a.Certificates, CRLs: a.Lists}
	if a.CRL == nil {
		j.Note("the CA has no CRL: make one with virtpki crl")
	}
	if len(in.orders) == 0 {
		j.Did("%s: answered with the CA and the CRL as they are now", inputName(in.name))
	}
	for i, order := range in.orders {
		cert, err := s.certificate(j, a, order, in.csrs[i])
		if err != nil {
			return in.about(i, err)
		}
		in.answer.Leafs = append(in.answer.Leafs, cert)
	}
	return nil
}

// certificate signs one, or with --reuse finds the one that was signed before.
func (s *signing) certificate(j *change.Job, a *authority.Authority, o order, csr *pki.CSR) (*x509.Certificate, error) {
	if s.o.reuse {
		if cert := s.reusable(a, o); cert != nil {
			j.Did("%s, signed before, is the answer again (serial %s)", subject.Of(cert), store.SerialText(cert.SerialNumber))
			return cert, nil
		}
	}
	cert, err := a.Certify(j, authority.Order{Leaf: s.policy.leaf, Identity: o.Identity, PublicKey: csr.PublicKey, Now: s.here.Now()}, "")
	if err != nil {
		return nil, err
	}
	return cert, hint.First(s.hold(a, o, cert), o.holdNames(cert))
}

// reusable is a certificate for the same key that is as one made now would be,
// but for its dates, and has most of its life before it.
func (s *signing) reusable(a *authority.Authority, o order) *x509.Certificate {
	for _, cert := range o.before {
		_, revoked := a.FindRevoked(cert.SerialNumber)
		if !revoked && s.here.Now().Before(pki.Window{}.CertificateOpens(cert)) &&
			cert.CheckSignatureFrom(a.CA.Certificate) == nil && o.describes(cert, a.CA.Certificate) && s.hold(a, o, cert) == nil {
			return cert
		}
	}
	return nil
}

// planAnswers plans the files that the answers go to.
func (s *signing) planAnswers(j *change.Job) error {
	if s.o.outDir != "" {
		if err := j.Plan.Parents(s.o.outDir, 0o755, nil); err != nil {
			return err
		}
		for _, in := range s.files {
			if err := s.planAnswer(j, in.out, "--out-dir", in.answer); err != nil {
				return err
			}
		}
		return nil
	}
	if s.o.out == "" {
		return nil
	}
	return s.planAnswer(j, s.o.out, "--out", s.whole())
}

func (s *signing) planAnswer(j *change.Job, path, flag string, answer *pki.Answer) error {
	return change.PlanOutput(&j.Plan, store.Output{
		Path: path, Data: answer.Encode(), Mode: change.OutputMode, Ours: change.WrittenResponses, Force: s.o.force,
	}, flag)
}

// whole is the answer to all files in one.
func (s *signing) whole() *pki.Answer {
	whole := &pki.Answer{CAs: s.files[0].answer.CAs, CRLs: s.files[0].answer.CRLs}
	for _, in := range s.files {
		whole.Leafs = append(whole.Leafs, in.answer.Leafs...)
	}
	return whole
}

// tell prints the answer on stdout, where it goes to no file.
func (s *signing) tell(j *change.Job) error {
	toStdout := s.o.out == "" && s.o.outDir == ""
	switch {
	case s.g.json:
		return s.printJSON(struct {
			changeReport
			Answer string `json:"answer"`
		}{s.reportOf(j), string(s.whole().Encode())})
	case !toStdout || s.g.dryRun:
		return s.env.tell(s.g, j)
	}
	if err := s.tellOnStderr(s.g, j); err != nil {
		return err
	}
	_, err := s.stdout.Write(s.whole().Encode())
	return err
}
