package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/renewal"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// requestOptions are the flags of request: those that belong to the request, and those that have
// to be parsed.
type requestOptions struct {
	enroll.Request
	dueOptions
	naming           provision.Naming
	keyType, subject string
	user             bool
}

func newRequest(e *env, g *globals) *cobra.Command {
	o := &requestOptions{}
	cmd := &cobra.Command{
		Use:       "request server|client|host [NAME]",
		Short:     "Make a key here and ask the CA for its certificate",
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: subject.KindNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.KeyTypeGiven = cmd.Flags().Changed("key-type")
			return runRequest(cmd.Context(), e, g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.naming.SANs, "san", nil, "another `name` or address of the server; may be repeated")
	flags.StringVar(&o.keyType, "key-type", string(pki.DefaultKeyType), "`type` of the keys: "+keyTypeList())
	flags.StringVar(&o.subject, "subject", "", "the full subject to request, a `DN` in libvirt's form; the CA may give another")
	flags.StringVarP(&o.Out, "out", "o", "", "write the requests to `file`")
	addForce(flags, &o.Force)
	flags.BoolVar(&o.user, "user", false, "for ~/.pki/libvirt")
	flags.BoolVar(&o.Another, "new", false, "make new keys even if some are pending")
	flags.BoolVar(&o.SameKey, "same-key", false, "request certificates for the live keys")
	o.dueOptions.addFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("new", "same-key")
	cmd.MarkFlagsMutuallyExclusive("key-type", "same-key")
	cmd.MarkFlagFilename("out", "csr", "pem")
	completeKeyTypes(cmd)
	g.addDryRun(cmd)
	return cmd
}

func runRequest(ctx context.Context, e *env, g *globals, o *requestOptions, args []string) error {
	if err := o.check(args[0]); err != nil {
		return hint.Usage(err)
	}
	if err := o.complete(e, g, args[1:]); err != nil {
		return err
	}
	j, made, err := enroll.Ask(ctx, o.Request, e.runOptions(g, nil))
	if err != nil {
		return err
	}
	return tellRequests(e, g, o, j, made)
}

// check parses the flags, or reports the error in them.
func (o *requestOptions) check(role string) error {
	keyType, err := pki.ParseKeyType(o.keyType)
	o.KeyType = keyType
	return hint.First(o.naming.Parse(role, o.subject), err)
}

// complete adds the parts that depend on the machine.
func (o *requestOptions) complete(e *env, g *globals, names []string) error {
	m := g.Machine
	due, err := o.rule()
	if err != nil {
		return hint.Usage(err)
	}
	if o.Identities, err = o.naming.IdentitiesHere(m, names); err != nil {
		return err
	}
	o.Machine, o.Keys, o.To = m, e.newKeyring(g), keypair.Dest{Owner: machine.Owner()}
	if o.To.Layout, err = m.InstallLayout(o.user); err == nil && due != nil {
		o.Due = func(live *keypair.Pair) ([]string, error) { return due.Why(m, o.To.Layout, live) }
	}
	return err
}

// tellRequests prints the requests: as JSON, or as PEM on stdout when the flags name no file. With
// PEM on stdout it prints the changes on stderr.
func tellRequests(e *env, g *globals, o *requestOptions, j *change.Job, csrs []*pki.CSR) error {
	if g.json {
		return e.printJSON(struct {
			change.Result
			Requests []certinfo.Request `json:"requests"`
		}{j.Result(e.here.Now()), certinfo.OfRequests(csrs)})
	}
	for _, csr := range csrs {
		j.Did("%s %s", subject.OfRequest(csr), certinfo.OfRequest(csr).Text())
	}
	if o.Out != "" {
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
		return e.tell(g, j) // stdout is free: a dry run has no result
	}
	aside := *e
	aside.stdout = e.stderr
	return aside.tell(g, j)
}

// dueOptions are the flags of request that leave out certificates which are not due.
type dueOptions struct {
	ifDue  bool
	before string
	issuer string // fingerprint of the CA that must have signed; empty: any CA
}

func (o *dueOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.ifDue, "if-due", false, "skip a certificate that is not due (see renew) and has the requested names and key type")
	flags.StringVar(&o.before, "before", renewal.DefaultBefore, "with --if-due: renew this long before expiry, a `duration` or a share of the lifetime")
	flags.StringVar(&o.issuer, "issuer", "", "with --if-due: renew a certificate that is not from the CA with this SHA-256 `fingerprint`")
	cmd.MarkFlagsMutuallyExclusive("new", "if-due")
}

// rule returns the rule that decides which certificates here are due; nil when all of them are to
// be requested.
func (o *dueOptions) rule() (*renewal.Rule, error) {
	if !o.ifDue && (o.issuer != "" || o.before != renewal.DefaultBefore) {
		return nil, errors.New("--before and --issuer need --if-due")
	}
	if !o.ifDue {
		return nil, nil
	}
	return renewal.ParseRule(o.before, o.issuer)
}
