package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

func newShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME|FILE...",
		Short: "Show a certificate, by name or file",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return runShow(e, g, args)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return completeNames(g.Machine), cobra.ShellCompDirectiveDefault
		},
	}
}

func runShow(e *env, g *globals, args []string) error {
	infos, err := authority.FindAll(g.Machine, args)
	if err != nil {
		return err
	}
	return e.printResult(g, infos)
}

// completeNames offers the names of the certificates that are known here.
func completeNames(m *machine.Machine) []string {
	return completeThose(m, func(certinfo.Info) bool { return true })
}

// completeLive offers the names of the certificates that can be revoked.
func completeLive(m *machine.Machine) []string {
	return completeThose(m, certinfo.Info.Revocable)
}

// completeThose offers the names that offer accepts. It leaves out names that are not safe to
// print on a terminal: they cannot be typed either.
func completeThose(m *machine.Machine, offer func(certinfo.Info) bool) []string {
	all, _ := authority.Known(m)
	var names []string
	for _, info := range all {
		if info.Name != "" && offer(info) && termtext.Line(info.Name) == info.Name {
			names = append(names, cobra.CompletionWithDesc(info.Name, info.RoleText()+", until "+info.Until()))
		}
	}
	return names
}
