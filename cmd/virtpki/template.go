package main

import (
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/subject"
	"virtpki/pki"
)

func newTemplate(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:       "template ca|server|client",
		Short:     "Print the template of a certificate, for editing",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"ca", "server", "client"},
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := pki.DefaultTemplate(args[0])
			if err != nil {
				return hint.Usage(err)
			}
			if g.json {
				return e.printJSON(map[string]string{"shape": args[0], "template": text})
			}
			_, err = io.WriteString(e.stdout, text)
			return err
		},
	}
}

// templateOptions holds --template, for commands that make leaf certificates.
type templateOptions struct{ files []string }

func (o *templateOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.files, "template", nil, "use the template `[ROLE=]FILE`, see virtpki template; may be repeated")
}

// check reads the templates. Each is for one role, or for all roles that have none of their own.
func (o *templateOptions) check() (map[pki.Role]*pki.Template, error) {
	return authority.ReadTemplates(o.files)
}

// checkFor refuses a template for a role that the command does not make: it would never be used.
func (o *templateOptions) checkFor(kind subject.Kind) error {
	return authority.CheckTemplates(o.files, kind)
}
