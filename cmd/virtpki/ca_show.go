package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
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
	if g.json {
		return e.printJSON(info)
	}
	for _, c := range info.Certificates {
		if err := e.printTable(c.Fields()); err != nil {
			return err
		}
	}
	termtext.Fprintf(e.stdout, "\nits key:  %s (%s)\n", info.Key, a.Layout.Path(libvirt.CAKey))
	termtext.Fprintf(e.stdout, "signed:   %s: %d live, %d revoked, %d expired\n", termtext.Count(info.Signed, "certificate", "certificates"), info.Live, info.Revoked, info.Expired)
	if info.CRL == nil {
		termtext.Fprintf(e.stdout, "CRL:      none\n")
		return nil
	}
	termtext.Fprintf(e.stdout, "CRL:      number %s, %s, fresh until %s\n", info.CRL.Number, termtext.Count(info.CRL.Entries, "entry", "entries"), termtext.Day(info.CRL.NextUpdate))
	return nil
}
