package main

import (
	"context"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"virtpki/internal/allowlist"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/program"
	"virtpki/internal/prompt"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/internal/wizard"
)

func newWizard(e *env, g *globals) *cobra.Command {
	var accessible bool
	cmd := &cobra.Command{
		Use:   "wizard",
		Short: "Set up this host interactively",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWizard(cmd.Context(), e, g, accessible)
		},
	}
	cmd.Flags().BoolVar(&accessible, "accessible", false, "ask in plain lines, for a screen reader")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func runWizard(ctx context.Context, e *env, g *globals, accessible bool) error {
	if accessible {
		e.colour("never")
	}
	in, _ := program.File(e.stdin)
	out, _ := e.stderr.(*os.File)
	d, err := prompt.New(in, out, accessible, func(err error) { e.sayError(err) })
	if err != nil {
		return hint.Usage(hint.With(err, `the same without questions: virtpki %sbootstrap --name "Example Org" --allow-issued (see virtpki bootstrap --help)`, g.Flags()))
	}
	if err := g.CheckClock(); err != nil {
		return err
	}
	if os.Geteuid() != 0 && g.Live() && !g.dryRun {
		return hint.With(&fs.PathError{Op: "write", Path: g.Sysconfdir, Err: fs.ErrPermission}, "run it as root, or have a look with --dry-run")
	}
	usual := fromFlags(e, bindBootstrap)
	s := wizard.Settings{Machine: g.Machine, Given: g.passphraseFile != "", DryRun: g.dryRun, CALife: usual.caLife, Life: usual.leafOptions.validity}
	return wizard.Run(ctx, d, s, &doer{env: e, g: g, d: d})
}

// doer does the work of the commands for the wizard.
type doer struct {
	*env
	g *globals
	d *prompt.Dialog
}

// Keyring returns a keyring that never asks for a passphrase.
func (d *doer) Keyring(passphrase string) *change.Keyring {
	g := d.g.clone()
	if passphrase != "" {
		g.passphrase = []byte(passphrase)
	}
	silent := *d.env
	silent.askSecret = func(string) ([]byte, error) { return nil, program.ErrNoTerminal }
	return silent.newKeyring(g)
}

// CheckClients checks names as issue does.
func (d *doer) CheckClients(names []string) error {
	o := fromFlags(d.env, bindIssue)
	o.out, o.layout = ".", "pkipath"
	r, err := o.request(string(subject.Client), names)
	if err == nil {
		_, err = r.Deliveries(d.g.Machine)
	}
	return err
}

// CheckRenewal makes the files that generate would write.
func (d *doer) CheckRenewal(a *wizard.Answers) error {
	g := d.g.clone()
	g.Machine = a.Machine
	if a.PassphraseFile != "" {
		g.passphraseFile = a.PassphraseFile
	}
	_, _, err := d.renewalFiles(g, a)
	return err
}

// ShowMatches shows which clients the patterns admit, as dn match does.
func (d *doer) ShowMatches(matches []allowlist.Match) {
	termtext.Fprintf(d.stderr, "\n")
	for _, match := range matches {
		termtext.Fprintf(d.stderr, "%s", match.Text())
	}
}

// Preview decides without taking a lock.
func (d *doer) Preview(a *wizard.Answers) (*wizard.Preview, error) {
	p, err := d.plan(a)
	if err != nil {
		return nil, err
	}
	j := &change.Job{}
	if err := p.work.Decide(j); err != nil {
		return nil, err
	}
	v := &wizard.Preview{Work: p.work, Job: j, Do: p.carryOut}
	if d.g.dryRun {
		v.Do = func(ctx context.Context) error { return p.end(ctx, j, nil) }
	}
	return v, nil
}
