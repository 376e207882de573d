package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
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

func (e *env) request(ctx context.Context, g *globals, o *requestOptions, args []string) error {
	r, err := e.checkRequest(g, o, args)
	if err != nil {
		return err
	}
	j, made, err := enroll.Ask(ctx, r, e.runOptions(g, nil))
	if err != nil {
		return err
	}
	return e.tellRequests(g, o, j, made)
}

func (e *env) checkRequest(g *globals, o *requestOptions, args []string) (enroll.Request, error) {
	r := enroll.Request{Out: o.out, Force: o.force}
	kind, err := subject.ParseKind(args[0])
	if err := hint.First(err, o.checkUse(kind)); err != nil {
		return r, hint.Usage(err)
	}
	keyType, err := pki.ParseKeyType(o.keyType)
	if err != nil {
		return r, hint.Usage(err)
	}
	due, err := o.rule()
	if err != nil {
		return r, hint.Usage(err)
	}
	name, err := g.Hostname()
	if len(args) > 1 {
		name, err = args[1], nil
	}
	if err != nil {
		return r, fmt.Errorf("the name of this machine: %w", err)
	}
	if r.Identities, err = o.identities(g.Machine, kind, name); err != nil {
		return r, err
	}
	layout, err := g.InstallLayout(o.user)
	r.Asker = enroll.Asker{
		Machine: g.Machine, Keys: e.newKeyring(g), To: keypair.Dest{Layout: layout, Owner: machine.Owner()},
		KeyType: keyType, KeyTypeGiven: o.typeGiven, Another: o.another, SameKey: o.sameKey,
	}
	if due != nil {
		r.Due = func(live *keypair.Pair) ([]string, error) { return due.Why(g.Machine, layout, live) }
	}
	return r, err
}

// identities are those that certificates are asked for.
func (o *requestOptions) identities(m *machine.Machine, kind subject.Kind, name string) ([]subject.Identity, error) {
	n := provision.Naming{Kind: kind, SANs: o.sans}
	if o.subject != "" {
		var err error
		if n.RawSubject, err = subject.Encode(o.subject); err != nil {
			return nil, err
		}
	}
	return n.Identities(m, name)
}

func (o *requestOptions) checkUse(kind subject.Kind) error {
	if kind == subject.Client && len(o.sans) > 0 {
		return errors.New("--san is for servers: libvirt looks at no SAN of a client")
	}
	return nil
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
			change.Result
			Requests []certinfo.Request `json:"requests"`
		}{j.Result(e.here.Now()), infos})
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
