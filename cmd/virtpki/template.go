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

const templateHelp = `Print the built-in shape of a certificate as a template: JSON in the form of
step's certificate templates, with the actions of a Go template in it. Edited, it
is given to ca init, issue, sign or renew with --template.

A template says what a certificate holds: more OUs, a policy, another extension.
Serial, dates, issuer and key identifiers are not its matter. A field that means
nothing is an error, and what libvirt or QEMU would refuse of the result is said
before anything is signed, for every release or the one that --for names.

Known to it are .Subject and .SANs (what would be there without a template), .Role,
.StrictKeyUsage, .NameConstraints of a limited CA, and .Insecure.CR.PublicKey. It has
the functions of step's templates, but for those that know the network, the clock,
chance or keys. One that loops or grows without end is an error.`

const templateExample = `  virtpki template server >server.json
  # then, in server.json: "organizationalUnit": ["Compute", "Rack 7"], ...
  virtpki issue server hv1.lab.example --template server.json
  virtpki issue host hv2.lab.example --template server=server.json --out bundles`

func newTemplate(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:       "template ca|server|client",
		Short:     "Print the shape of a certificate, to be edited",
		Long:      help(templateHelp, exitDone, exitUsage),
		Example:   templateExample,
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

// templateOptions is the --template of what makes leafs.
type templateOptions struct{ files []string }

func (o *templateOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.files, "template", nil, "shape the certificates by `[ROLE=]FILE`, see virtpki template; may be repeated")
}

// check reads the templates: for one role, or for all that have none of their own.
func (o *templateOptions) check() (map[pki.Role]*pki.Template, error) {
	return authority.ReadTemplates(o.files)
}

// checkFor refuses a template that is for another role than is made: it would never be
// used.
func (o *templateOptions) checkFor(kind subject.Kind) error {
	return authority.CheckTemplates(o.files, kind)
}
