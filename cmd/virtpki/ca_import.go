package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
)

func newCAImport(e *env, g *globals) *cobra.Command {
	return bindCAImport(e, g, &authority.ImportFiles{})
}

// bindCAImport binds the flags to o.
func bindCAImport(e *env, g *globals, o *authority.ImportFiles) *cobra.Command {
	var place keyPlace
	cmd := &cobra.Command{
		Use:   "import --cert FILE (--key FILE | --key-uri URI)",
		Short: "Take over a CA made by another tool",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Device, err = place.order(); err != nil {
				return hint.Usage(err)
			}
			return runCAImport(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Cert, "cert", "", "PEM `file` with the CA's certificate")
	flags.StringVar(&o.Key, "key", "", "PEM `file` with the CA's key")
	flags.StringVar(&o.CRL, "crl", "", "PEM `file` with the CA's CRL")
	flags.StringVar(&o.Issued, "issued", "", "`directory` of the certificates that it has signed, or an index.txt")
	cmd.MarkFlagRequired("cert")
	place.addFlags(flags)
	cmd.MarkFlagsOneRequired("key", "key-uri")
	cmd.MarkFlagsMutuallyExclusive("key", "key-uri")
	for _, name := range []string{"cert", "key", "crl", "issued"} {
		cmd.MarkFlagFilename(name)
	}
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func runCAImport(ctx context.Context, e *env, g *globals, o *authority.ImportFiles) error {
	if err := g.CheckClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	in, err := authority.ReadImport(g.Machine, *o, keys)
	if err != nil {
		return err
	}
	return e.change(ctx, g, []string{g.CAPath()}, func(j *change.Job) error {
		_, err := in.Take(j, g.Machine, keys)
		return err
	})
}
