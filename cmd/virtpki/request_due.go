package main

import (
	"errors"

	"virtpki/internal/enroll"
	"virtpki/internal/renewal"

	"github.com/spf13/cobra"
)

// dueOptions are the flags of request that leave out what needs no certificate.
type dueOptions struct {
	ifDue  bool
	before string
	issuer string // fingerprint of the CA that is to have signed; empty is any
}

func (o *dueOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.ifDue, "if-due", false, "ask for nothing that is here, is not due (see renew), and has the name, the names and the type of key that are asked for")
	flags.StringVar(&o.before, "before", defaultBefore, "with --if-due: how long before its end something is due, a `duration` or a share of its life")
	flags.StringVar(&o.issuer, "issuer", "", "with --if-due: due is also what another CA than that with this SHA-256 `fingerprint` has signed")
	cmd.MarkFlagsMutuallyExclusive("new", "if-due")
}

// rule turns the flags into the rule by which what is here is due; nil where all is to be
// asked for.
func (o *dueOptions) rule() (*renewal.Rule, error) {
	if !o.ifDue && (o.issuer != "" || o.before != defaultBefore) {
		return nil, errors.New("--before and --issuer go with --if-due")
	}
	if !o.ifDue {
		return nil, nil
	}
	window, err := parseBefore(o.before)
	if err != nil || o.issuer == "" {
		return &renewal.Rule{Window: window}, err
	}
	issuers, err := enroll.ParseFingerprints([]string{o.issuer})
	for issuer := range issuers {
		return &renewal.Rule{Window: window, Issuer: issuer}, nil
	}
	return nil, err
}
