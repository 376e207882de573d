package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/hint"
	"virtpki/internal/issuer"
	"virtpki/internal/program"
	"virtpki/internal/revocation"
	"virtpki/pki"
)

// revokeOptions are the flags of revoke.
type revokeOptions struct {
	crlOptions
	reason string
	issuer string // file of the issuer
	all    bool
}

// request checks the flags and returns the request that they describe.
func (o *revokeOptions) request(e *env, what []string) (revocation.Request, error) {
	r := revocation.Request{What: what, All: o.all, Confirm: e.confirm}
	var err error
	if o.reason != "" {
		if r.Reason, err = pki.ParseReason(o.reason); err != nil {
			return r, hint.Usage(err)
		}
	}
	r.CRL, err = o.crlOptions.request(e)
	return r, err
}

// confirm asks on the terminal whether to revoke all the certificates of a name.
func (e *env) confirm(question string) (bool, error) {
	answer, err := e.askLine(question)
	if errors.Is(err, program.ErrNoTerminal) {
		return false, revocation.ErrNobodyToAsk
	}
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), err
}

func newRevoke(e *env, g *globals) *cobra.Command {
	o := &revokeOptions{}
	cmd := &cobra.Command{
		Use:   "revoke NAME|SERIAL|FILE...",
		Short: "Revoke certificates and end their access now",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := o.request(e, args)
			if err != nil {
				return err
			}
			if o.issuer != "" {
				return runRevokeAtIssuer(cmd.Context(), e, g, o.issuer, r)
			}
			j, err := revocation.Run(cmd.Context(), g.Machine, r, e.newKeyring(g), e.runOptions(g, nil))
			return e.tellWith(g, j, err)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return completeLive(g.Machine), cobra.ShellCompDirectiveDefault
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.reason, "reason", "", "`reason` that the CRL gives (default none)")
	cmd.Flags().BoolVar(&o.all, "all", false, "revoke every live certificate that carries the name, without asking")
	completeFrom(cmd, "reason", reasonNames()...)
	addIssuer(cmd, &o.issuer)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	for _, other := range []string{"validity", "passphrase-file"} {
		cmd.MarkFlagsMutuallyExclusive("issuer", other)
	}
	return cmd
}

func runRevokeAtIssuer(ctx context.Context, e *env, g *globals, file string, r revocation.Request) error {
	i, err := issuer.Open(file, g.Now)
	if err != nil {
		return err
	}
	defer i.Close()
	j, err := revocation.AtIssuer(ctx, g.Machine, r, i, e.runOptions(g, nil))
	return e.tellWith(g, j, err)
}

func reasonNames() []string {
	var names []string
	for _, reason := range pki.Reasons() {
		names = append(names, reason.String())
	}
	return names
}
