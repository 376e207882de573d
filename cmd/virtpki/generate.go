package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/generate"
	"virtpki/internal/renewal"
	"virtpki/internal/termtext"
)

func newGenerate(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Write the files that run virtpki: systemd, cron, cloud-init, Ansible",
		Args:  cobra.NoArgs,
		RunE:  needsSubcommand,
	}
	cmd.AddCommand(newGenerateSystemd(e, g), newGenerateCron(e, g), newGenerateCloudInit(e, g), newGenerateAnsible(e, g))
	return cmd
}

// generateOptions are the flags of the commands below generate.
type generateOptions struct {
	renewOptions
	outOptions
	binary   string
	calendar string   // in systemd's syntax
	watch    []string // directories
}

// outOptions say where the files go, and whether they replace existing ones.
type outOptions struct {
	out   string
	force bool
}

func (o *generateOptions) addFlags(cmd *cobra.Command, g *globals, jitter string) {
	flags := cmd.Flags()
	flags.StringVar(&o.binary, "binary", "", "`path` of virtpki on the machine that runs it (default: this program's)")
	flags.StringVar(&o.before, "before", renewal.DefaultBefore, "renew this long before expiry, a `duration` or a share of the lifetime")
	flags.BoolVar(&o.SameKey, "same-key", false, "keep the keys")
	flags.StringVar(&o.jitter, "jitter", jitter, "spread the runs of many machines over `duration`; empty: run at once")
	flags.StringVar(&o.Metrics, "metrics", "", "have renew write a Prometheus text `file`")
	o.addVia(cmd)
	addIssuer(cmd, &o.issuer)
	o.reloadOptions.addFlags(cmd)
	cmd.MarkFlagFilename("binary")
	cmd.MarkFlagFilename("metrics", "prom")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
}

func newGenerateSystemd(e *env, g *globals) *cobra.Command {
	return bindSystemd(e, g, &generateOptions{})
}

// bindSystemd binds the flags to o.
func bindSystemd(e *env, g *globals, o *generateOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "systemd",
		Short: "A systemd service and timer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runGenerateSystemd(cmd.Context(), e, g, o)
		},
	}
	o.addFlags(cmd, g, "1h")
	cmd.Flags().StringVar(&o.calendar, "calendar", "daily", "when to run, a calendar `expression` of systemd.time(7)")
	cmd.Flags().StringArrayVar(&o.watch, "watch", nil, "a service that installs the key pairs in `directory` whenever they change, in place of renew's (see install); may be repeated")
	cmd.Flags().StringVarP(&o.out, "out", "o", "", "write the units into `directory`")
	addForce(cmd.Flags(), &o.outOptions.force)
	cmd.MarkFlagDirname("out")
	return cmd
}

func newGenerateCron(e *env, g *globals) *cobra.Command {
	return bindCron(e, g, &generateOptions{})
}

// bindCron binds the flags to o.
func bindCron(e *env, g *globals, o *generateOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cron",
		Short: "A file for /etc/cron.d",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runGenerateCron(cmd.Context(), e, g, o)
		},
	}
	o.addFlags(cmd, g, "10m")
	cmd.Flags().StringVarP(&o.out, "out", "o", "", "write to `file`")
	addForce(cmd.Flags(), &o.outOptions.force)
	cmd.MarkFlagFilename("out")
	return cmd
}

// renewal turns the flags into the renewal to run, or reports the error in them.
func (o *generateOptions) renewal(g *globals) (*generate.Renewal, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &generate.Renewal{
		Binary: o.binary, Sysconfdir: g.Sysconfdir, CA: g.CADir, Passphrase: g.passphraseFile,
		Before: o.before, SameKey: o.SameKey, NoReload: o.noReload, Restart: o.restart, Metrics: o.Metrics, Via: o.Via, Issuer: o.issuer,
		Jitter: o.jitter, Calendar: o.calendar, Out: o.out, Watch: o.watch,
	}
	return r, r.Prepare()
}

func runGenerateSystemd(ctx context.Context, e *env, g *globals, o *generateOptions) error {
	r, err := o.renewal(g)
	if err != nil {
		return err
	}
	if err := r.Look(g.Machine); err != nil {
		return err
	}
	files, err := r.Units()
	if err != nil {
		return err
	}
	warnMissing(e, g, r)
	return e.generate(ctx, g, o.outOptions, files, r.UnitsStep())
}

func runGenerateCron(ctx context.Context, e *env, g *globals, o *generateOptions) error {
	r, err := o.renewal(g)
	if err != nil {
		return err
	}
	if r.Host, err = g.Hostname(); err != nil {
		return err
	}
	files, err := r.Crontab()
	if err != nil {
		return err
	}
	warnMissing(e, g, r)
	return e.generate(ctx, g, o.outOptions, files, "")
}

// generate writes files to the place that --out names, or prints them.
func (e *env) generate(ctx context.Context, g *globals, out outOptions, files []generate.File, step string) error {
	if out.out != "" {
		return e.change(ctx, g, nil, func(j *change.Job) error { return generate.Plan(j, files, out.force, step) })
	}
	if g.json {
		return e.printJSON(files)
	}
	for i, file := range files {
		if len(files) > 1 {
			termtext.Fprintf(e.stdout, "%s# %s\n", termtext.Text(strings.Repeat("\n", min(i, 1))), file.Name)
		}
		if _, err := io.WriteString(e.stdout, file.Text); err != nil {
			return err
		}
	}
	return nil
}

// warnMissing warns about named files that are not on this machine: they may be on another one, or
// come later.
func warnMissing(e *env, g *globals, r *generate.Renewal) {
	for _, text := range r.Missing(g.Machine) {
		if !g.quiet {
			e.warn("%s", text)
		}
	}
}
