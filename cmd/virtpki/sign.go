package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// signOptions are the flags of sign.
type signOptions struct {
	role        string
	permit      []string
	keyTypes    []string
	validity    string
	target      string
	shapes      templateOptions
	ownSubject  bool // --subject-from-request
	leaveOut    bool
	ignoreExtra bool
	reuse       bool
	revokedToo  bool // --after-revocation
	yes         bool
	out         string
	outDir      string
}

const signHelp = `Answer certificate requests: show what each asks for, decide what is granted, sign
it, and print one bundle with the certificates, the CA and the CRL. The hosts
take it with install.

A request is no proof of anything but its key. What it asks for is granted only
as far as the CA's name constraints and --permit, --role and --key-type let it;
what cannot be granted refuses the request. It never becomes a CA, and gets no
extension that certificates here do not have. Its CN names it; the certificate's
subject is O=NAME OF THE CA,CN=NAME, as issue makes it. Every file is checked
before anything is signed.

Whoever was shut out does not renew its way back in: where the last certificate
of that subject was revoked, for another reason than superseded, --yes refuses
it unless --after-revocation is given. A compromised key is never signed again.

On a terminal it asks before it signs; elsewhere --yes is needed. With --yes and
neither --role nor --permit whoever can reach this command gets any name: limit
it where requests come from hosts that you do not trust with all names.

A file that holds no request but a CRL or a CA is answered with the CA and the
CRL as they are now.`

const signExample = `  virtpki sign hv1.csr --out hv1.pem
  virtpki sign *.csr --out-dir answers --yes --role host --permit lab.example --permit 10.0.0.0/8

  # in authorized_keys of the CA, for one host
  command="virtpki sign - --yes --role host --permit hv1.lab.example --permit 10.0.0.7" ssh-ed25519 ...`

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
	flags.StringArrayVar(&o.permit, "permit", nil, "grant names in this `domain`, or addresses in this network (10.0.0.0/8), and no others; may be repeated")
	flags.StringArrayVar(&o.keyTypes, "key-type", nil, "grant this `type` of key alone; may be repeated")
	flags.StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultLeafValidity), "how long the certificates live, a `duration` such as 30d or 1y")
	flags.StringVar(&o.target, "for", "any", "the oldest `release` that must accept them, such as libvirt-11.6")
	o.shapes.addFlags(flags)
	flags.BoolVar(&o.ownSubject, "subject-from-request", false, "give the subject that the request asks for, as it is")
	flags.BoolVar(&o.leaveOut, "leave-out", false, "leave out names that may not be granted, instead of refusing the request")
	flags.BoolVar(&o.ignoreExtra, "ignore-extensions", false, "sign without the extensions that are not granted, instead of refusing the request")
	flags.BoolVar(&o.reuse, "reuse", false, "answer a request that was signed before with the same certificate, if it is still good")
	flags.BoolVar(&o.revokedToo, "after-revocation", false, "sign with --yes too for those whose last certificate was revoked")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	flags.StringVarP(&o.out, "out", "o", "", "write the answer to `file`")
	flags.StringVar(&o.outDir, "out-dir", "", "write one answer for each FILE into `directory`, as NAME.pem")
	o.complete(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func (o *signOptions) complete(cmd *cobra.Command) {
	cmd.MarkFlagsMutuallyExclusive("out", "out-dir")
	cmd.MarkFlagFilename("out", "pem")
	cmd.MarkFlagDirname("out-dir")
	completeFrom(cmd, "role", "server", "client", "host")
	completeFrom(cmd, "for", "any", "libvirt-9.0", "libvirt-11.6", "libvirt-12.8", "qemu-10.2")
	completeKeyTypes(cmd)
}

// incoming is one file that sign is given.
type incoming struct {
	name   string
	csrs   []*pki.CSR // none: only the CA and the CRL are wanted
	orders []order
	out    string // where its answer goes; empty for stdout
	answer *pki.Answer
}

// signing is one run of sign.
type signing struct {
	*env
	g      *globals
	o      *signOptions
	policy *signPolicy
	files  []*incoming
	keys   *keyring
	known  *earlier
}

func (e *env) sign(ctx context.Context, g *globals, o *signOptions, files []string) error {
	policy, err := o.check()
	if err != nil {
		return usageError{err}
	}
	if policy.leaf.templates, err = o.shapes.check(); err != nil {
		return err
	}
	if err := e.checkClock(); err != nil {
		return err
	}
	s := &signing{env: e, g: g, o: o, policy: policy, keys: e.newKeyring(g)}
	if err := s.read(files); err != nil {
		return err
	}
	if err := s.consider(); err != nil {
		return err
	}
	if err := s.confirm(); err != nil {
		return err
	}
	j, err := e.carryOut(ctx, g, []string{g.caFolder()}, s.decide)
	if err != nil {
		return err
	}
	return s.tell(j)
}

// read reads every file, before anything is decided.
func (s *signing) read(names []string) error {
	seen := make(map[string]string)
	for _, name := range names {
		in := &incoming{name: name, out: s.o.out}
		data, err := s.readInput(name)
		if err != nil {
			return err
		}
		if in.csrs, err = requestsIn(data); err != nil {
			return fmt.Errorf("%s: %w", inputName(name), err)
		}
		if s.o.outDir != "" {
			in.out = filepath.Join(s.o.outDir, answerName(name))
			if other := seen[in.out]; other != "" {
				return usagef("the answers to %s and %s would both be %s", other, name, in.out)
			}
			seen[in.out] = name
		}
		s.files = append(s.files, in)
	}
	return nil
}

// requestsIn are the requests of a file; none in one that holds a CRL or a CA.
func requestsIn(data []byte) ([]*pki.CSR, error) {
	csrs, err := pki.ParseCSRs(data)
	if errors.Is(err, pki.ErrNoCSR) {
		if answer, err := pki.ParseAnswer(data); err == nil && len(answer.Leafs) == 0 {
			return nil, nil
		}
		return nil, withHint(err, "a request is made by: virtpki request host")
	}
	return csrs, err
}

func inputName(file string) string {
	if file == "-" {
		return "stdin"
	}
	return file
}

// answerName is the file for the answer to a file.
func answerName(file string) string {
	if file == "-" {
		return "stdin.pem"
	}
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base)) + ".pem"
}

// consider looks at the CA, and decides what of each request is granted.
func (s *signing) consider() error {
	a, err := s.loadCA(s.g)
	if err != nil {
		return err
	}
	if err := a.loadCRL(); err != nil {
		return err
	}
	if s.known == nil {
		if s.known, err = a.earlier(); err != nil {
			return err
		}
	}
	for _, in := range s.files {
		in.orders = nil
		for i, csr := range in.csrs {
			order, err := s.grant(a, csr)
			if err != nil {
				return fmt.Errorf("%s, request %d (%s): %w", inputName(in.name), i+1, csrName(csr), err)
			}
			in.orders = append(in.orders, order)
		}
	}
	return s.checkTwins()
}

// checkTwins wants each request once: of two certificates for one key and role, install
// could not tell which is meant.
func (s *signing) checkTwins() error {
	seen := make(map[string]string)
	for _, in := range s.files {
		for i, o := range in.orders {
			here := fmt.Sprintf("%s, request %d (%s)", inputName(in.name), i+1, csrName(in.csrs[i]))
			slot := o.slot() + keyText(in.csrs[i].PublicKey)
			if first := seen[slot]; first != "" {
				return withHint(fmt.Errorf("%s asks for the same as %s", here, first), "give each request once")
			}
			seen[slot] = here
		}
	}
	return nil
}

// grant decides what one request gets, by the policy and by what was signed before.
func (s *signing) grant(a *authority, csr *pki.CSR) (order, error) {
	o, err := s.policy.grant(a, csr)
	if err != nil {
		return o, err
	}
	o.before = s.known.byKey[keyText(csr.PublicKey)]
	return o, s.checkRevoked(a, &o)
}

// confirm shows what will be signed, and asks.
func (s *signing) confirm() error {
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
	answer, err := s.askLine(fmt.Sprintf("Sign %s? [y/N] ", countOf(n, "certificate", "certificates")))
	switch {
	case errors.Is(err, errNoTerminal):
		return usageError{withHint(errors.New("nobody to ask: there is no terminal"), "--yes signs without asking")}
	case err != nil:
		return err
	case !strings.EqualFold(answer, "y") && !strings.EqualFold(answer, "yes"):
		return errors.New("not confirmed: nothing was signed")
	}
	return nil
}

// show says what a request asks for and what it gets.
func (s *signing) show(in *incoming, i int, o order) {
	termtext.Fprintf(s.stderr, "%s: %s %s\n", inputName(in.name), csrName(in.csrs[i]), describeCSR(in.csrs[i]).text())
	for _, note := range o.notes {
		termtext.Fprintf(s.stderr, "  %s\n", note)
	}
	if n := len(o.before); n > 0 {
		last := slices.MaxFunc(o.before, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) })
		termtext.Fprintf(s.stderr, "  its key was certified before: %s, serial %s, until %s%s\n",
			dnOf(last), store.SerialText(last.SerialNumber), last.NotAfter.UTC().Format(dateForm), andMore(n-1))
	}
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// decide signs what was granted, and plans the records and the answers.
func (s *signing) decide(j *job) error {
	if err := s.consider(); err != nil {
		return err
	}
	a, err := s.loadCA(s.g)
	if err != nil {
		return err
	}
	if err := firstOf(a.open(s.keys), a.loadCRL()); err != nil {
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
func (s *signing) answer(j *job, a *authority, in *incoming) error {
	in.answer = &pki.Answer{CAs: a.bundle, CRLs: a.lists}
	if a.crl == nil {
		j.note("the CA has no CRL: make one with virtpki crl")
	}
	if len(in.orders) == 0 {
		j.did("%s: answered with the CA and the CRL as they are now", inputName(in.name))
	}
	for i, order := range in.orders {
		cert, err := s.certificate(j, a, order, in.csrs[i])
		if err != nil {
			return fmt.Errorf("%s, request %d (%s): %w", inputName(in.name), i+1, csrName(in.csrs[i]), err)
		}
		in.answer.Leafs = append(in.answer.Leafs, cert)
	}
	return nil
}

// certificate signs one, or with --reuse finds the one that was signed before.
func (s *signing) certificate(j *job, a *authority, o order, csr *pki.CSR) (*x509.Certificate, error) {
	if s.o.reuse {
		if cert := s.reusable(a, o); cert != nil {
			j.did("%s, signed before, is the answer again (serial %s)", dnOf(cert), store.SerialText(cert.SerialNumber))
			return cert, nil
		}
	}
	return s.certify(j, a, s.policy.leaf, o.identity, csr.PublicKey, "")
}

// reusable is a certificate for the same key that is as one made now would be,
// but for its dates, and has most of its life before it.
func (s *signing) reusable(a *authority, o order) *x509.Certificate {
	for _, cert := range o.before {
		_, revoked := a.findRevoked(cert.SerialNumber)
		if !revoked && s.now().Before(pki.Window{}.CertificateOpens(cert)) &&
			cert.CheckSignatureFrom(a.ca.Certificate) == nil && o.describes(cert, a.ca.Certificate) {
			return cert
		}
	}
	return nil
}

// planAnswers plans the files that the answers go to.
func (s *signing) planAnswers(j *job) error {
	if s.o.outDir != "" {
		if err := j.plan.Parents(s.o.outDir, 0o755, nil); err != nil {
			return err
		}
		for _, in := range s.files {
			if err := planOutput(&j.plan, in.out, in.answer.Encode(), "CERTIFICATE-----"); err != nil {
				return err
			}
		}
		return nil
	}
	if s.o.out == "" {
		return nil
	}
	return planOutput(&j.plan, s.o.out, s.whole().Encode(), "CERTIFICATE-----")
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
func (s *signing) tell(j *job) error {
	toStdout := s.o.out == "" && s.o.outDir == ""
	switch {
	case s.g.json:
		return s.printJSON(struct {
			report
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
