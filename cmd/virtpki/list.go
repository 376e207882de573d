package main

import (
	"slices"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/fleet"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/renewer"
	"virtpki/internal/termtext"
)

func newList(e *env, g *globals) *cobra.Command {
	var fleet, format string
	var filter certinfo.Filter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List certificates: installed here, or signed by the CA here",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runList(e, g, fleet, format, filter)
		},
	}
	cmd.Flags().StringVar(&fleet, "fleet", "", "list the bundles of a `directory` or archive")
	cmd.Flags().StringVar(&format, "format", "table", "`form` of the list: table, json or prometheus")
	flags := cmd.Flags()
	flags.StringVar(&filter.Name, "name", "", "list certificates with this `name` or address, or a match for a pattern: 'hv*'")
	flags.StringVar(&filter.Role, "role", "", "list certificates of this `role`: ca, server or client")
	flags.BoolVar(&filter.Due, "due", false, "list certificates that are due for renewal")
	flags.BoolVar(&filter.Expired, "expired", false, "list expired certificates")
	flags.IntVar(&filter.Limit, "limit", 0, "list only the first `number` certificates")
	for _, name := range []string{"name", "role", "due", "expired", "limit"} {
		cmd.MarkFlagsMutuallyExclusive("fleet", name)
	}
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "also print DN, serial and file of each")
	completeFrom(cmd, "role", certinfo.RoleNames()...)
	cmd.MarkFlagDirname("fleet")
	completeFrom(cmd, "format", "table", "json", "prometheus")
	return cmd
}

// runList lists certificates in the given format. --json means --format json.
func runList(e *env, g *globals, folder, format string, filter certinfo.Filter) error {
	if err := filter.Check(); err != nil {
		return hint.Usage(err)
	}
	if !slices.Contains([]string{"table", "json", "prometheus"}, format) {
		return hint.Usagef("unknown format %q (table, json or prometheus)", format)
	}
	if g.json {
		format = "json"
	}
	if folder != "" {
		return listFleet(e, g.Machine, folder, format)
	}
	return listKnown(e, g, format, filter)
}

// listKnown lists every certificate that is known here.
func listKnown(e *env, g *globals, format string, filter certinfo.Filter) error {
	m := g.Machine
	infos, err := authority.Known(m)
	if err != nil {
		e.warn("%v", err)
	}
	if len(infos) == 0 && format == "table" {
		e.warn("nothing is installed in %s, and %s does not contain a CA", m.System().Base, m.CAPath())
		return nil
	}
	renewer.Mark(m, infos)
	infos, left := infos.Narrow(filter, m.Now())
	if left > 0 {
		defer e.warn("%s not listed", termtext.Count(left, "certificate is", "certificates are"))
	}
	if g.verbose && format == "table" {
		termtext.Fprintf(e.stdout, "%s", infos.Wide())
		return nil
	}
	return printList(e, infos, infos, format)
}

// listFleet lists every certificate in a directory of bundles, those that expire soonest first. It
// returns the files that it could not read as an error, after listing the rest.
func listFleet(e *env, m *machine.Machine, folder, format string) error {
	certs, err := fleet.Read(m, folder)
	if len(certs) == 0 {
		return err
	}
	return hint.First(printList(e, certs, certs.Infos(), format), err)
}

func printList(e *env, list result, infos certinfo.List, format string) error {
	switch format {
	case "json":
		return e.printJSON(list)
	case "prometheus":
		_, err := e.stdout.Write(certinfo.Metrics(infos))
		return err
	}
	termtext.Fprintf(e.stdout, "%s", list.Text())
	return nil
}
