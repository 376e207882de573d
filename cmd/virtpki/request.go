package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// requestOptions are the flags of request.
type requestOptions struct {
	dueOptions
	sans    []string
	keyType string
	subject string
	out     string
	force   bool
	user    bool
	another bool // --new
	sameKey bool

	typeGiven bool
}

const requestHelp = `Make a key on this machine, where it stays, and a certificate request for the CA.

The key waits beside the live one, which goes on serving, until install brings
its certificate. The request goes to stdout, or to a file with --out; it is no
secret. A host, a hypervisor, gets two requests in one file: it is a server and
a client, with a key for each. At the CA sign answers it.

A server asks for its name, its short name, what --san adds, and every address
that this machine has. Without NAME it is the name of this machine. Asked again,
the key that waits is taken, and the request is the same; --new makes another.

With --if-due, which is what a script wants that runs every day, nothing is asked
for that needs no new certificate: no output then, and no key.`

const requestExample = `  # here, at the CA, and here again
  virtpki request host hv1.lab.example --out hv1.csr
  virtpki sign hv1.csr --out hv1.pem
  virtpki install hv1.pem

  # the same in one line, where the CA can be reached
  virtpki request host | ssh ca virtpki sign - --yes | virtpki install -`

func newRequest(e *env, g *globals) *cobra.Command {
	o := &requestOptions{}
	cmd := &cobra.Command{
		Use:       "request server|client|host [NAME]",
		Short:     "Make a key here and ask the CA for its certificate",
		Long:      help(requestHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example:   requestExample,
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: subject.KindNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.typeGiven = cmd.Flags().Changed("key-type")
			return e.request(cmd.Context(), g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.sans, "san", nil, "another `name` or address of the server; may be repeated")
	flags.StringVar(&o.keyType, "key-type", string(pki.DefaultKeyType), "`type` of the keys: "+keyTypeList())
	flags.StringVar(&o.subject, "subject", "", "the whole subject to ask for, a `DN` in libvirt's form; the CA may give another")
	flags.StringVarP(&o.out, "out", "o", "", "write the requests to `file`")
	addForce(flags, &o.force)
	flags.BoolVar(&o.user, "user", false, "for ~/.pki/libvirt")
	flags.BoolVar(&o.another, "new", false, "make new keys, though some wait already")
	flags.BoolVar(&o.sameKey, "same-key", false, "ask for the keys that are live")
	o.dueOptions.addFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("new", "same-key")
	cmd.MarkFlagsMutuallyExclusive("key-type", "same-key")
	cmd.MarkFlagFilename("out", "csr", "pem")
	completeKeyTypes(cmd)
	g.addDryRun(cmd)
	return cmd
}

// requests are what one run of request asks for.
type requests struct {
	*env
	o       *requestOptions
	keyType pki.KeyType
	to      keypair.Dest
	ids     []subject.Identity
	keys    *change.Keyring
	due     *renewal // judges what is here; nil: all is asked for

	made []*pki.CSR // by the last decision
}

func (e *env) request(ctx context.Context, g *globals, o *requestOptions, args []string) error {
	r, err := e.checkRequest(g, o, args)
	if err != nil {
		return err
	}
	j, err := e.carryOut(ctx, g, []string{g.LockOf(r.to.Layout)}, r.decide)
	if err != nil {
		return err
	}
	return e.tellRequests(g, o, j, r.made)
}

func (e *env) checkRequest(g *globals, o *requestOptions, args []string) (*requests, error) {
	kind, err := subject.ParseKind(args[0])
	if err := hint.First(err, o.checkUse(kind)); err != nil {
		return nil, hint.Usage(err)
	}
	keyType, err := pki.ParseKeyType(o.keyType)
	if err != nil {
		return nil, hint.Usage(err)
	}
	due, err := e.checkDue(g, &o.dueOptions)
	if err != nil {
		return nil, hint.Usage(err)
	}
	name, err := g.Hostname()
	if len(args) > 1 {
		name, err = args[1], nil
	}
	if err != nil {
		return nil, fmt.Errorf("the name of this machine: %w", err)
	}
	ids, err := identities(g.Machine, &issueOptions{leafOptions: leafOptions{sans: o.sans}, subject: o.subject}, kind, name)
	if err != nil {
		return nil, err
	}
	layout, err := g.InstallLayout(o.user)
	if err != nil {
		return nil, err
	}
	to := keypair.Dest{Layout: layout, Owner: machine.Owner()}
	return &requests{env: e, o: o, keyType: keyType, to: to, ids: ids, keys: e.newKeyring(g), due: due}, nil
}

func (o *requestOptions) checkUse(kind subject.Kind) error {
	if kind == subject.Client && len(o.sans) > 0 {
		return errors.New("--san is for servers: libvirt looks at no SAN of a client")
	}
	return nil
}

// decide plans the keys that wait, and the file with the requests.
func (r *requests) decide(j *change.Job) error {
	r.made = nil
	for _, id := range r.ids {
		if err := r.ask(j, id); err != nil {
			return err
		}
	}
	if r.o.out == "" || len(r.made) == 0 {
		return nil
	}
	return change.PlanOutput(&j.Plan, store.Output{
		Path: r.o.out, Data: pki.EncodeCSRs(r.made...), Mode: change.OutputMode, Ours: change.WrittenRequests, Force: r.o.force,
	}, "--out")
}

// ask makes the request of one identity, where one is wanted.
func (r *requests) ask(j *change.Job, id subject.Identity) error {
	live := keypair.New(j.Plan.Tree(), r.to.Layout, id.Role)
	reasons, err := r.whyDue(live, id)
	if err != nil || len(reasons) == 0 {
		return err
	}
	if r.due != nil {
		j.Did("%s: %s", live.CertPath, strings.Join(reasons, "; "))
	}
	csr, err := r.one(j, id)
	r.made = append(r.made, csr)
	return err
}

// one plans the key of one identity, and makes its request.
func (r *requests) one(j *change.Job, id subject.Identity) (*pki.CSR, error) {
	live := keypair.New(j.Plan.Tree(), r.to.Layout, id.Role)
	if err := live.ReadKey(); err != nil {
		return nil, err
	}
	key, err := r.keyFor(live, id)
	if err != nil {
		return nil, err
	}
	if id.RawSubject == nil {
		if id.RawSubject, err = subject.ForLeaf(&x509.Certificate{}, id.Name); err != nil {
			return nil, err
		}
	}
	csr, err := pki.NewCSR(pki.CSRRequest{Role: id.Role, RawSubject: id.RawSubject, DNSNames: id.DNS, IPAddresses: id.IPs}, key)
	if err != nil {
		return nil, err
	}
	if err := r.prove(csr); err != nil || r.o.sameKey {
		return csr, err
	}
	p := &keypair.Pending{Role: id.Role, Key: key, CSR: csr}
	return csr, p.Plan(&j.Plan, r.to)
}

// keyFor is the live key where that is wanted, the one that waits already, else a
// new one.
func (r *requests) keyFor(live *keypair.Pair, id subject.Identity) (crypto.Signer, error) {
	if r.o.sameKey {
		if live.Key == nil {
			return nil, fmt.Errorf("there is no %s key to ask with: %s", id.Role, live.KeyPath)
		}
		return live.Key, nil
	}
	if r.o.another {
		return r.keys.Key(id.Slot(), r.keyType)
	}
	waits, err := keypair.LoadPending(r.to.Layout, live)
	if err != nil {
		return nil, err
	}
	if waits == nil {
		return r.keys.Key(id.Slot(), r.keyType)
	}
	if have, _ := pki.KeyTypeOf(waits.Key.Public()); r.o.typeGiven && have != r.keyType {
		return nil, hint.With(fmt.Errorf("a key of another type waits already (%s): %s", have, waits.Path), "--new makes another, and the answer to the request of before is of no use then")
	}
	return waits.Key, nil
}

// tellRequests prints the requests: as JSON, or as PEM on stdout where no file is
// named; what was done is told on stderr then.
func (e *env) tellRequests(g *globals, o *requestOptions, j *change.Job, csrs []*pki.CSR) error {
	if g.json {
		infos := []certinfo.Request{}
		for _, csr := range csrs {
			infos = append(infos, certinfo.OfRequest(csr))
		}
		return e.printJSON(struct {
			changeReport
			Requests []certinfo.Request `json:"requests"`
		}{e.reportOf(j), infos})
	}
	for _, csr := range csrs {
		j.Did("%s %s", subject.OfRequest(csr), certinfo.OfRequest(csr).Text())
	}
	if o.out != "" {
		return e.tell(g, j)
	}
	if err := e.tellOnStderr(g, j); err != nil || g.dryRun {
		return err
	}
	_, err := e.stdout.Write(pki.EncodeCSRs(csrs...))
	return err
}

// tellOnStderr is tell for a command whose result goes to stdout.
func (e *env) tellOnStderr(g *globals, j *change.Job) error {
	if g.dryRun {
		return e.tell(g, j) // there is no result
	}
	aside := *e
	aside.stdout = e.stderr
	return aside.tell(g, j)
}
