package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/internal/issuer"
)

// addIssuer adds --issuer to a command that can have a CA elsewhere sign.
func addIssuer(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "issuer", "", "have the CA in `file` sign, a step-ca or a Vault (see virtpki issuer)")
	cmd.MarkFlagFilename("issuer", "yaml")
	if cmd.Flags().Lookup("via") != nil {
		cmd.MarkFlagsMutuallyExclusive("via", "issuer")
	}
}

func newIssuer(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "issuer",
		Short: "Have a CA that is a service sign: step-ca, Vault, OpenBao",
		Args:  cobra.NoArgs,
		RunE:  needsSubcommand,
	}
	cmd.AddCommand(
		newIssuerInit(e, g), newIssuerTest(e, g),
		newIssuerAsk(e, g, issuer.Step, "Have step-ca sign the requests on stdin"),
		newIssuerAsk(e, g, issuer.Vault, "Have Vault or OpenBao sign the requests on stdin"),
	)
	return cmd
}

// newIssuerAsk returns the command that asks one kind of issuer.
func newIssuerAsk(e *env, g *globals, kind, short string) *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   kind,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runIssuerAsk(cmd.Context(), e, g, kind, config)
		},
	}
	cmd.Flags().StringVar(&config, "config", issuer.DefaultFile, "`file` of the issuer")
	cmd.MarkFlagFilename("config", "yaml")
	return cmd
}

func runIssuerAsk(ctx context.Context, e *env, g *globals, kind, config string) error {
	i, err := issuer.OpenKind(kind, config, g.Now)
	if err != nil {
		return err
	}
	defer i.Close()
	data, err := e.readInput("-", issuer.MaxQuestions)
	if err != nil {
		return err
	}
	csrs, err := issuer.Questions(data)
	if err != nil {
		return err
	}
	answer, err := i.Ask(ctx, csrs)
	if err != nil {
		return err
	}
	_, err = e.stdout.Write(answer.Encode())
	return err
}
