package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/subject"
	"virtpki/pki"
)

func newCA(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "The certificate authority",
		Args:  cobra.NoArgs,
		RunE:  needsSubcommand,
	}
	cmd.AddCommand(newCAInit(e, g), newCAShow(e, g), newCAImport(e, g), newCAExport(e, g), newRollover(e, g))
	return cmd
}

// caOptions describe a new CA.
type caOptions struct {
	name     string
	keyType  string
	validity string
	permit   []string
	template string
	key      keyPlace
}

func newCAInit(e *env, g *globals) *cobra.Command {
	o := &caOptions{}
	cmd := &cobra.Command{
		Use:   "init --name NAME",
		Short: "Make a CA",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.key.anyType = !cmd.Flags().Changed("key-type")
			return runCAInit(cmd.Context(), e, g, o)
		},
	}
	cmd.Flags().StringVar(&o.name, "name", "", "`organisation` that the CA stands for")
	cmd.MarkFlagRequired("name")
	cmd.Flags().StringVar(&o.keyType, "key-type", string(pki.DefaultKeyType), "`type` of the key: "+keyTypeList())
	cmd.Flags().StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultCAValidity), "lifetime of the CA, a `duration` such as 30d or 10y")
	cmd.Flags().StringVar(&o.template, "template", "", "use the template in `file`, see virtpki template")
	cmd.MarkFlagFilename("template", "json")
	o.addPermit(cmd.Flags())
	o.key.addFlags(cmd.Flags())
	o.key.addTPM(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	completeKeyTypes(cmd)
	return cmd
}

func (o *caOptions) addPermit(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.permit, "permit", nil, "limit the CA to a `domain` or network (10.0.0.0/8); may be repeated")
}

// check turns the options into the description of the CA, or reports the error in them.
func (o *caOptions) check() (n authority.Spec, err error) {
	var errs [5]error
	n.RawSubject, errs[0] = subject.ForCA(o.name)
	n.KeyType, errs[1] = pki.ParseKeyType(o.keyType)
	n.Validity, errs[2] = pki.ParseValidity(o.validity)
	n.Permit, errs[3] = pki.ParsePermit(o.permit)
	n.Key, errs[4] = o.key.order()
	return n, hint.Usage(hint.First(errs[:]...))
}

func runCAInit(ctx context.Context, e *env, g *globals, o *caOptions) error {
	if err := g.CheckClock(); err != nil {
		return err
	}
	n, err := o.check()
	if err != nil {
		return err
	}
	if o.template != "" {
		if n.Template, err = authority.ReadTemplate(o.template); err != nil {
			return err
		}
	}
	keys := e.newKeyring(g)
	return e.change(ctx, g, []string{g.CAPath()}, func(j *change.Job) error {
		if err := authority.RefuseExisting(g.Machine); err != nil {
			return err
		}
		_, err := authority.Make(j, g.Machine, keys, n)
		return err
	})
}

func keyTypeList() string {
	var names []string
	for _, t := range pki.KeyTypes() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

func completeKeyTypes(cmd *cobra.Command) {
	completeFrom(cmd, "key-type", strings.Split(keyTypeList(), ", ")...)
}

// completeFrom offers fixed values for a flag.
func completeFrom(cmd *cobra.Command, flag string, values ...string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func newCAShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the CA",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runCAShow(e, g)
		},
	}
}

func runCAShow(e *env, g *globals) error {
	a, err := authority.Open(g.Machine)
	if err != nil {
		return err
	}
	info, err := authority.Summarize(a, g.Now(), e.warn)
	if err != nil {
		return err
	}
	return e.printResult(g, info)
}

func newCAExport(e *env, g *globals) *cobra.Command {
	var index bool
	cmd := &cobra.Command{
		Use:   "export --index",
		Short: "Print the CA's records for other tools",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runCAExport(e, g)
		},
	}
	cmd.Flags().BoolVar(&index, "index", false, "in the form of OpenSSL's index.txt")
	cmd.MarkFlagRequired("index")
	return cmd
}

func runCAExport(e *env, g *globals) error {
	a, err := authority.Open(g.Machine)
	if err != nil {
		return err
	}
	entries, err := authority.Index(a)
	if err != nil {
		return err
	}
	if note := authority.KeyNote(a); note != "" && !g.quiet {
		e.warn("%s", note)
	}
	_, err = e.stdout.Write(pki.FormatIndex(entries, e.here.Now()))
	return err
}
