package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/authority"
)

const caShowHelp = `Show the CA here: what it is, until when, what it has signed and revoked, and
whether its key is on this machine. Where cacert.pem holds several CAs, each is
shown; the first is the one that signs.`

func newCAShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show the CA",
		Long:    help(caShowHelp, exitDone, exitError, exitUsage),
		Example: "  virtpki ca show\n  virtpki ca show --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runCAShow(e, g)
		},
	}
}

func runCAShow(e *env, g *globals) error {
	a, err := authority.Open(g.Machine)
	if err != nil {
		return err
	}
	info, err := authority.Summarize(a, g.Now(), e.warn)
	if err != nil {
		return err
	}
	return e.printResult(g, info)
}
