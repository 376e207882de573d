package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/generate"
	"virtpki/internal/inspect"
	"virtpki/internal/libvirt"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/internal/wizard"
)

// wizardPlan holds the answers as options of the commands that do the work, and the values that
// the commands make of them.
type wizardPlan struct {
	*doer
	g       *globals               // with the answers
	imp     *authority.ImportFiles // nil: do not take over a CA
	boot    *bootstrapOptions
	issue   *issueOptions    // nil: make no clients
	renewal *generateOptions // nil: generate nothing
	work    *wizard.Work
}

// plan fills in the options, and checks them as the commands do.
func (d *doer) plan(a *wizard.Answers) (*wizardPlan, error) {
	g := d.g.clone()
	g.Machine = a.Machine.WithCA(a.CADir)
	if a.Passphrase != "" {
		g.passphrase, g.passphraseFile = []byte(a.Passphrase), a.PassphraseFile
	}
	p := &wizardPlan{doer: d, g: g, boot: bootOptions(d.env, a), issue: issueOptionsOf(d.env, a), renewal: renewalOptionsOf(d.env, a)}
	if a.Imports() {
		p.imp = &a.Files
	}
	p.work = &wizard.Work{Answers: a, Keys: d.newKeyring(g), Passphrase: g.passphrase, Restart: p.boot.restart}
	r, err := p.boot.request(g.Machine)
	if err != nil {
		return nil, err
	}
	p.work.Leaf = r.Leaf
	if p.work.Host, err = provision.Look(g.Machine, a.Inventory(), r); err != nil {
		return nil, err
	}
	if p.issue != nil {
		r, err := p.issue.request(string(subject.Client), a.Clients)
		if err != nil {
			return nil, err
		}
		if p.work.Deliveries, err = r.Deliveries(g.Machine); err != nil {
			return nil, err
		}
	}
	p.work.Files, p.work.Note, err = d.renewalFiles(g, a)
	return p, err
}

// renewalFiles returns the files that generate would write, and its note on them.
func (d *doer) renewalFiles(g *globals, a *wizard.Answers) (files []generate.File, note string, err error) {
	o := renewalOptionsOf(d.env, a)
	if o == nil {
		return nil, "", nil
	}
	r, err := o.renewal(g)
	if err != nil {
		return nil, "", err
	}
	if a.RenewBy != wizard.RenewCron {
		if err = r.Look(g.Machine); err == nil {
			files, err = r.Units()
		}
		return files, r.UnitsStep(), err
	}
	if r.Host, err = g.Hostname(); err != nil {
		return nil, "", err
	}
	files, err = r.Crontab()
	return files, "", err
}

// commands returns the command lines that do the same.
func (p *wizardPlan) commands() [][]string {
	g := p.g.clone()
	if g.passphrase != nil && g.passphraseFile == "" {
		g.passphraseFile = "FILE"
	}
	var lines [][]string
	if p.imp != nil {
		lines = append(lines, commandLine(p.env, g, bindCAImport, p.imp, "ca", "import"))
	}
	boot := *p.boot
	if !p.work.Running() {
		boot.restart = "" // bootstrap restarts running daemons, and starts none
	}
	lines = append(lines, commandLine(p.env, g, bindBootstrap, &boot, "bootstrap"))
	if p.issue != nil {
		lines = append(lines, commandLine(p.env, g, bindIssue, p.issue, append([]string{"issue", "client"}, p.work.Answers.Clients...)...))
	}
	if p.renewal != nil {
		bind, word := bindSystemd, "systemd"
		if p.work.Note == "" {
			bind, word = bindCron, "cron"
		}
		o := *p.renewal
		lines = append(lines, commandLine(p.env, g, bind, &o, "generate", word))
	}
	return lines
}

// carryOut carries out the plan, makes the daemon use the new files, and verifies the result.
func (p *wizardPlan) carryOut(ctx context.Context) error {
	j, err := p.env.carryOut(ctx, p.g, p.work.Host.Locks(), p.work.Decide)
	if err != nil {
		return err
	}
	return p.end(ctx, j, p.work.Enforce(ctx, reload.New(p.g.Machine, p.boot.reloadOptions.request(p.env), j)))
}

// end prints the changes, the result of check, how to connect, and the commands that do the same
// again. It returns wrong, the daemon's error, if there is one, and otherwise the error of check.
func (p *wizardPlan) end(ctx context.Context, j *change.Job, wrong error) error {
	r := p.work.Report(j, p.commands())
	if p.g.json {
		return p.endJSON(ctx, r, wrong)
	}
	if p.g.quiet {
		return wrong
	}
	io.WriteString(p.stdout, r.Done(p.d, p.g.dryRun))
	if !p.g.dryRun {
		for _, note := range j.Notes {
			p.d.Note(note)
		}
		termtext.Fprintf(p.stdout, "%s", j.NextText())
		termtext.Fprintf(p.stdout, "\nvirtpki check says:\n")
		if err := runCheck(ctx, p.doer.env, p.g, &checkOptions{target: "any"}); wrong == nil {
			wrong = err
		}
	}
	io.WriteString(p.stdout, r.Next(p.d))
	return wrong
}

func (p *wizardPlan) endJSON(ctx context.Context, r *wizard.Report, wrong error) error {
	if !p.g.dryRun {
		report, err := inspect.Run(ctx, p.g.Machine, inspect.Request{For: []libvirt.Release{{}}})
		if err != nil {
			wrong = errors.Join(wrong, err)
		} else {
			r.Findings = append(r.Findings, report.Findings()...)
		}
	}
	return errors.Join(p.printJSON(r), wrong)
}

// fromFlags returns the options of a command that was given no flags.
func fromFlags[T any](e *env, bind func(*env, *globals, *T) *cobra.Command) *T {
	o := new(T)
	bind(e, &globals{Machine: e.here}, o)
	return o
}

// bootOptions returns the options of bootstrap.
func bootOptions(e *env, a *wizard.Answers) *bootstrapOptions {
	o := fromFlags(e, bindBootstrap)
	o.host.Hostname, o.caLife, o.host.Daemon, o.name = a.Hostname, a.CALife, a.OtherDaemon(), a.NewCA()
	o.allow, o.allowIssued = a.Allowed()
	o.leafOptions.validity = a.Life
	o.sans, o.onlySAN = a.SANs()
	o.with = a.Uses
	o.restart = a.RestartLine()
	return o
}

// issueOptionsOf returns the options of issue client; nil without clients.
func issueOptionsOf(e *env, a *wizard.Answers) *issueOptions {
	if !a.MakesClients() {
		return nil
	}
	o := fromFlags(e, bindIssue)
	o.validity, o.out, o.layout = a.Life, a.Out, "pkipath"
	return o
}

// renewalOptionsOf returns the options of generate; nil when there is nothing to generate.
func renewalOptionsOf(e *env, a *wizard.Answers) *generateOptions {
	if !a.MakesRenewal() {
		return nil
	}
	bind := bindSystemd
	if a.RenewBy == wizard.RenewCron {
		bind = bindCron
	}
	o := fromFlags(e, bind)
	o.out, o.binary = a.RenewalPlace(), a.Binary
	return o
}
