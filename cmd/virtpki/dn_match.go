package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/dn"
	"virtpki/internal/allowlist"
	"virtpki/internal/hint"
)

// matchOptions are the flags of dn match.
type matchOptions struct {
	names   []string
	certs   []string
	stdin   bool
	conf    string
	matcher string
}

func newDNMatch(e *env, g *globals) *cobra.Command {
	o := &matchOptions{}
	cmd := &cobra.Command{
		Use:   "match [PATTERN...] --dn DN|--cert FILE|--stdin",
		Short: "Show whether a list admits a client",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDNMatch(cmd.Context(), e, g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.names, "dn", nil, "the `DN` of a client, as dn show prints it; may be repeated")
	flags.StringArrayVar(&o.certs, "cert", nil, "PEM `file` with client certificates; may be repeated")
	flags.BoolVar(&o.stdin, "stdin", false, "read DNs from stdin, one a line")
	flags.StringVar(&o.conf, "conf", "", "read the list from a daemon's configuration `file`")
	flags.StringVar(&o.matcher, "matcher", "", "use one `matcher`: glob or fnmatch (default both)")
	cmd.MarkFlagsOneRequired("dn", "cert", "stdin")
	cmd.MarkFlagsMutuallyExclusive("stdin", "dn")
	cmd.MarkFlagsMutuallyExclusive("stdin", "cert")
	cmd.MarkFlagFilename("cert")
	cmd.MarkFlagFilename("conf")
	completeFrom(cmd, "matcher", dn.Glob.String(), dn.Fnmatch.String())
	return cmd
}

func runDNMatch(ctx context.Context, e *env, g *globals, o *matchOptions, patterns []string) error {
	matchers, err := allowlist.Matchers(o.matcher)
	if err != nil {
		return hint.Usage(err)
	}
	if len(patterns) == 0 && o.conf == "" {
		return hint.Usagef("no pattern: give some, or a configuration file with --conf")
	}
	list, err := allowlist.Load(patterns, o.conf)
	if err != nil {
		return err
	}
	gate := allowlist.Compile(list, matchers...)
	if o.stdin {
		return matchLines(ctx, e, gate)
	}
	clients, err := e.clients(o)
	if err != nil {
		return err
	}
	answers := gate.AskAll(clients)
	if err := e.printVerdict(g, answers); err != nil || answers.AllIn() {
		return err
	}
	return hint.ErrRefused
}

// clients returns the DNs of the flags, those of --dn first.
func (e *env) clients(o *matchOptions) ([]allowlist.Name, error) {
	var clients []allowlist.Name
	for _, name := range o.names {
		clients = append(clients, allowlist.Name{DN: name, Raw: name})
	}
	for _, file := range o.certs {
		found, err := e.dnsIn(file)
		if err != nil {
			return nil, err
		}
		clients = append(clients, found...)
	}
	return clients, nil
}

// matchLines judges one DN for each line.
func matchLines(ctx context.Context, e *env, gate *allowlist.Gate) error {
	allIn, err := gate.Lines(ctx, e.stdin, e.stdout)
	if err == nil && !allIn {
		return hint.ErrRefused
	}
	return err
}
