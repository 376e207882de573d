package main

import (
	"virtpki/internal/authority"
	"virtpki/internal/generate"
	"virtpki/internal/provision"
	"virtpki/internal/subject"
	"virtpki/internal/wizard"
)

// wizardPlan is what was answered in the options of the commands that do it, and
// what those make of them.
type wizardPlan struct {
	*doer
	g       *globals               // with what was answered
	imp     *authority.ImportFiles // nil: no CA is taken over
	boot    *bootstrapOptions
	issue   *issueOptions    // nil: no clients are made
	renewal *generateOptions // nil: nothing is generated
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

// renewalFiles are what generate would write, and what is to be said then.
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
		files, err = r.Units()
		return files, generate.UnitsNote, err
	}
	if r.Host, err = g.Hostname(); err != nil {
		return nil, "", err
	}
	files, err = r.Crontab()
	return files, "", err
}

// commands are the command lines that do the same.
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
		boot.restart = "" // bootstrap restarts what runs, and starts nothing
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
