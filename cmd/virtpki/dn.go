package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"virtpki/internal/allowlist"
	"virtpki/internal/hint"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

func newDN(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dn",
		Short: "Show a DN as libvirt sees it, and which clients a list admits",
		Args:  cobra.NoArgs,
		RunE:  needsSubcommand,
	}
	cmd.AddCommand(newDNShow(e, g), newDNMatch(e, g), newDNLint(e, g))
	return cmd
}

// needsSubcommand runs for a command that only groups others.
func needsSubcommand(cmd *cobra.Command, _ []string) error {
	return hint.Usagef("%s needs a subcommand", cmd.CommandPath())
}

func newDNShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE...",
		Short: "Print the DN of each certificate in a file",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return runDNShow(e, g, args)
		},
	}
}

func runDNShow(e *env, g *globals, files []string) error {
	rows := []allowlist.Name{}
	for _, file := range files {
		found, err := e.dnsIn(file)
		if err != nil {
			return err
		}
		rows = append(rows, found...)
	}
	return printDNs(e, g, rows)
}

func printDNs(e *env, g *globals, rows []allowlist.Name) error {
	refused := false
	for _, r := range rows {
		refused = refused || r.Refused != ""
	}
	if g.json {
		if err := e.printJSON(rows); err != nil {
			return err
		}
	} else {
		for _, r := range rows {
			printDN(e, r)
		}
	}
	if refused {
		return hint.ErrRefused
	}
	return nil
}

func printDN(e *env, r allowlist.Name) {
	if r.Refused != "" {
		e.warn("%s: certificate %d: libvirt refuses it: %s", r.File, r.Index, r.Refused)
		return
	}
	termtext.Fprintf(e.stdout, "%s\n", termtext.Quote(r.Raw))
}

// dnsIn returns the DN of every certificate in a file.
func (e *env) dnsIn(file string) ([]allowlist.Name, error) {
	data, err := e.readInput(file, store.MaxPEM)
	if err != nil {
		return nil, err
	}
	return allowlist.Names(file, data)
}

// readInput reads a file of at most limit bytes that the user names. - is standard input.
func (e *env) readInput(file string, limit int64) ([]byte, error) {
	if file != "-" {
		return store.ReadFile(file, limit)
	}
	data, err := io.ReadAll(io.LimitReader(e.stdin, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("stdin has more than %d bytes", limit)
	}
	return data, err
}

// inputName returns the name of the file that readInput reads.
func inputName(file string) string {
	if file == "-" {
		return "stdin"
	}
	return file
}

func newDNLint(e *env, g *globals) *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "lint FILE|PATTERN...",
		Short: "Check a list of patterns",
		Args:  cobra.MinimumNArgs(1),
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
