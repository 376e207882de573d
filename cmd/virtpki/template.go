package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/hint"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
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
	templates := make(map[pki.Role]*pki.Template)
	for _, item := range o.files {
		roles, file, err := templateRoles(item)
		if err != nil {
			return nil, err
		}
		template, err := readTemplate(file)
		if err != nil {
			return nil, err
		}
		for _, role := range roles {
			if templates[role] == nil || len(roles) == 1 {
				templates[role] = template
			}
		}
	}
	return templates, nil
}

// templateRoles parts [ROLE=]FILE. A file that is there may have any name.
func templateRoles(item string) ([]pki.Role, string, error) {
	role, file, ok := strings.Cut(item, "=")
	switch {
	case ok && (role == "server" || role == "client"):
		return []pki.Role{pki.Role(role)}, file, nil
	case ok && !strings.Contains(role, "/") && !store.Exists(item):
		return nil, "", hint.Usagef("--template: unknown role %s (server or client)", termtext.QuoteShort(role))
	}
	return []pki.Role{pki.Server, pki.Client}, item, nil
}

// checkFor refuses a template that is for another role than is made: it would never be
// used.
func (o *templateOptions) checkFor(kind subject.Kind) error {
	for _, item := range o.files {
		if roles, _, err := templateRoles(item); err == nil && len(roles) == 1 && kind != subject.Host && roles[0] != pki.Role(kind) {
			return fmt.Errorf("--template %s is for a %s, and a %s is made", item, roles[0], kind)
		}
	}
	return nil
}

// maxTemplate is more than any template needs, in bytes.
const maxTemplate = 64 << 10

func readTemplate(file string) (*pki.Template, error) {
	data, err := store.ReadFile(file, maxTemplate)
	if err != nil {
		return nil, err
	}
	template, err := pki.ParseTemplate(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	template.Name = file
	return template, nil
}
