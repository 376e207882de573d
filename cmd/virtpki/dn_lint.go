package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/allowlist"
	"virtpki/internal/hint"
)

const dnLintHelp = `Tell what is wrong with, or surprising in, a list of DN patterns: reversed order,
spaces, brackets and backslashes that do not mean what they did, a * that lets
in more than it seems to, patterns that let in nobody or everybody.

An argument that is a file is read as a daemon's conf, by libvirt's own grammar:
what would keep the daemon from starting is an error, what it silently ignores
is a warning. tls_allowed_dn_list and sasl_allowed_username_list are looked at.
Every other argument is a pattern, but for one that looks like a file that is not
there: it ends in .conf, or has a slash and no =.

The exit status is 3 when there are errors, with --strict also for warnings.`

func newDNLint(e *env, g *globals) *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:     "lint FILE|PATTERN...",
		Short:   "Tell what is wrong with a list",
		Long:    help(dnLintHelp, exitDone, exitError, exitUsage, exitRefused),
		Example: "  virtpki dn lint /etc/libvirt/libvirtd.conf\n  virtpki dn lint 'CN=admin,O=Example' '*CN=admin'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return runDNLint(e, g, args, strict)
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 3 for warnings too")
	return cmd
}

func runDNLint(e *env, g *globals, args []string, strict bool) error {
	rows, err := allowlist.Lint(args)
	if err != nil {
		return err
	}
	if err := e.printVerdict(g, rows); err != nil || !rows.Refused(strict) {
		return err
	}
	return hint.ErrRefused
}
