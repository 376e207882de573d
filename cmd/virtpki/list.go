package main

import (
	"slices"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/fleet"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
)

const listHelp = `List what is installed on this machine and what the CA here has signed: role,
DN as libvirt matches it, names, serial, and until when.

With --json the SHA-256 fingerprint and the path of each certificate are there
too. A certificate that is installed and recorded is listed once, with the path
of the installed file.

--fleet lists what is in bundles instead: those of a folder or of an archive that
issue --out has made, or a single one; soonest end first.

--format prometheus is for the text collector of Prometheus's node exporter: when
each certificate ends, in the same form as renew --metrics has it.`

func newList(e *env, g *globals) *cobra.Command {
	var fleet, format string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List what is installed and what the CA signed",
		Long:    help(listHelp, exitDone, exitError, exitUsage),
		Example: "  virtpki list\n  virtpki list --json\n  virtpki list --fleet bundles",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runList(e, g, fleet, format)
		},
	}
	cmd.Flags().StringVar(&fleet, "fleet", "", "list the bundles of a `directory` or archive")
	cmd.Flags().StringVar(&format, "format", "table", "`form` of the list: table, json or prometheus")
	cmd.MarkFlagDirname("fleet")
	completeFrom(cmd, "format", "table", "json", "prometheus")
	return cmd
}

// runList lists in a format. --json is --format json.
func runList(e *env, g *globals, fleet, format string) error {
	if !slices.Contains([]string{"table", "json", "prometheus"}, format) {
		return hint.Usagef("unknown format %q (table, json or prometheus)", format)
	}
	if g.json {
		format = "json"
	}
	if fleet != "" {
		return listFleet(e, g.Machine, fleet, format)
	}
	return listKnown(e, g.Machine, format)
}

func listKnown(e *env, m *machine.Machine, format string) error {
	infos, err := authority.Known(m)
	if err != nil {
		e.warn("%v", err)
	}
	switch format {
	case "json":
		return e.printJSON(infos)
	case "prometheus":
		_, err := e.stdout.Write(certinfo.Metrics(infos))
		return err
	}
	if len(infos) == 0 {
		e.warn("nothing is installed in %s, and there is no CA in %s", m.System().Base, m.CAPath())
		return nil
	}
	rows := [][]string{{"ROLE", "DN", "NAMES", "SERIAL", "UNTIL", "FILE"}}
	for _, i := range infos {
		rows = append(rows, []string{i.RoleText(), i.DN, i.Names(), i.Serial, i.Until(), i.Path})
	}
	return e.printTable(rows)
}

// listFleet tells of every certificate in a folder of bundles, soonest end first. What
// could not be read is an error, after the rest.
func listFleet(e *env, m *machine.Machine, folder, format string) error {
	certs, err := fleet.Read(m, folder)
	if len(certs) == 0 {
		return err
	}
	return hint.First(printFleet(e, certs, format), err)
}

func printFleet(e *env, certs []fleet.Cert, format string) error {
	switch format {
	case "json":
		return e.printJSON(certs)
	case "prometheus":
		infos := make([]certinfo.Info, len(certs))
		for i, c := range certs {
			infos[i] = c.Info
		}
		_, err := e.stdout.Write(certinfo.Metrics(infos))
		return err
	}
	rows := [][]string{{"HOST", "ROLE", "UNTIL", "DN", "NAMES", "SERIAL"}}
	for _, c := range certs {
		rows = append(rows, []string{c.Host, c.RoleText(), c.Until(), c.DN, c.Names(), c.Serial})
	}
	return e.printTable(rows)
}
