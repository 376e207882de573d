package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"virtpki/internal/store"
	"virtpki/pki"
)

const dnHelp = `The DN of a certificate exactly as libvirt compares it with the patterns of
tls_allowed_dn_list: in the order of the certificate, separated by commas
without a space. openssl, certtool and most other programs print it otherwise.`

func newDN(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dn",
		Short: "The DN as libvirt sees it",
		Long:  help(dnHelp, exitDone, exitError, exitUsage),
		Args:  cobra.NoArgs,
		RunE:  needsSubcommand,
	}
	cmd.AddCommand(newDNShow(e, g))
	return cmd
}

// needsSubcommand is what a command does that only groups others.
func needsSubcommand(cmd *cobra.Command, _ []string) error {
	return usagef("%s wants a command behind it", cmd.CommandPath())
}

func newDNShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show FILE...",
		Short:   "Print the DN of each certificate in a file",
		Long:    help("Print the DN of each certificate in PEM files, one a line. FILE - is stdin.\n\n"+dnHelp, exitDone, exitError, exitUsage),
		Example: "  virtpki dn show clientcert.pem\n  ssh laptop cat .pki/libvirt/clientcert.pem | virtpki dn show -",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return e.dnShow(g, args)
		},
	}
}

func (e *env) dnShow(g *globals, files []string) error {
	type row struct {
		File string `json:"file"`
		DN   string `json:"dn"`
	}
	rows := []row{}
	for _, file := range files {
		data, err := e.readInput(file)
		if err != nil {
			return err
		}
		certs, err := pki.ParseCertificates(data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, cert := range certs {
			rows = append(rows, row{file, dnOf(cert)})
		}
	}
	if g.json {
		return e.printJSON(rows)
	}
	for _, r := range rows {
		fmt.Fprintln(e.stdout, r.DN)
	}
	return nil
}

// readInput reads a file that the user names; - is stdin.
func (e *env) readInput(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(e.stdin, store.MaxPEM))
	}
	return store.ReadFile(file, store.MaxPEM)
}
