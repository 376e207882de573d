package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/generate"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/internal/wizard"
)

// wizardPlan is what was answered in the options of the commands that do it, and
// what those make of them.
type wizardPlan struct {
	*doer
	a       *wizard.Answers
	g       *globals       // with what was answered
	imp     *importOptions // nil: no CA is taken over
	boot    *bootstrapOptions
	host    *provision.Host
	issue   *issueOptions // nil: no clients are made
	bundles []provision.Delivery
	leaf    authority.Leaf
	renewal *generateOptions // nil: nothing is generated
	files   []generate.File
	note    string
	keys    *change.Keyring
	running bool // the daemon was, when the wizard looked
}

// plan fills in the options, and checks them as the commands do.
func (d *doer) plan(a *wizard.Answers) (*wizardPlan, error) {
	g := d.g.clone()
	g.Machine = a.Machine.WithCA(a.CADir)
	if a.Passphrase != "" {
		g.passphrase, g.passphraseFile = []byte(a.Passphrase), a.PassphraseFile
	}
	p := &wizardPlan{doer: d, a: a, g: g, boot: d.bootOptions(a), issue: d.issueOptions(a), renewal: d.renewalOptions(a), keys: d.newKeyring(g)}
	if a.Imports() {
		p.imp = &importOptions{cert: a.Files.Cert, key: a.Files.Key, crl: a.Files.CRL, issued: a.Files.Issued}
	}
	r, err := p.boot.request(g.Machine)
	if err != nil {
		return nil, err
	}
	if p.host, err = provision.Look(g.Machine, a.Inventory(), r); err != nil {
		return nil, err
	}
	p.leaf, p.running = r.Leaf, a.Runs(p.host.Daemon.Name)
	if p.bundles, err = p.deliveries(); err != nil {
		return nil, err
	}
	p.files, p.note, err = d.renewalFiles(g, a)
	return p, err
}

// deliveries are what the clients get.
func (p *wizardPlan) deliveries() ([]provision.Delivery, error) {
	if p.issue == nil {
		return nil, nil
	}
	r, err := p.issue.request(string(subject.Client), p.a.Clients)
	if err != nil {
		return nil, err
	}
	return r.Deliveries(p.g.Machine)
}

// renewalFiles are what generate would write, and what is to be said then.
func (d *doer) renewalFiles(g *globals, a *wizard.Answers) (files []generate.File, note string, err error) {
	o := d.renewalOptions(a)
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

// decide puts what the commands decide one after the other into one plan.
func (p *wizardPlan) decide(j *change.Job) error {
	a, err := p.authority(j)
	if err != nil {
		return err
	}
	if err := p.host.Decide(j, p.keys, a); err != nil {
		return err
	}
	if len(p.bundles) > 0 {
		if err := a.Unlock(p.keys); err != nil {
			return err
		}
	}
	for _, b := range p.bundles {
		if _, err := b.Fill(j, a, p.keys, authority.Order{Leaf: p.leaf, Now: p.g.Now()}); err != nil {
			return err
		}
	}
	return generate.Plan(j, p.files, false, p.note)
}

// authority is the CA that is there, or planned.
func (p *wizardPlan) authority(j *change.Job) (*authority.Authority, error) {
	if p.imp == nil {
		return p.host.FindOrMakeCA(j, p.keys)
	}
	p.keys.Passphrase = p.g.passphrase
	return p.a.Imported.Take(j, p.g.Machine, p.keys)
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
	if !p.running {
		boot.restart = "" // bootstrap restarts what runs, and starts nothing
	}
	lines = append(lines, commandLine(p.env, g, bindBootstrap, &boot, "bootstrap"))
	if p.issue != nil {
		lines = append(lines, commandLine(p.env, g, bindIssue, p.issue, append([]string{"issue", "client"}, p.a.Clients...)...))
	}
	if p.renewal != nil {
		bind, word := bindSystemd, "systemd"
		if p.note == "" {
			bind, word = bindCron, "cron"
		}
		o := *p.renewal
		lines = append(lines, commandLine(p.env, g, bind, &o, "generate", word))
	}
	return lines
}

// show says what would be done.
func (p *wizardPlan) show(j *change.Job) {
	p.d.Say("The plan. Nothing has been changed yet.")
	if len(j.Plan.Changes()) == 0 {
		p.d.Say("  Nothing is to be changed: all is as it should be.")
	}
	var lines []string
	for _, c := range j.Plan.Changes() {
		lines = append(lines, change.Line(c, true))
	}
	for _, line := range shortened(lines) {
		termtext.Fprintf(p.stderr, "%s\n", line)
	}
	for _, made := range j.Made {
		io.WriteString(p.stderr, p.d.Wrap(termtext.Line("  "+made.Text(p.here.Now()))))
	}
	if text := p.confDiff(j); text != "" {
		p.d.Say("The conf changes by these lines:")
		io.WriteString(p.stderr, termtext.Lines(text))
	}
	p.d.Say("%s", p.consequence(j))
	p.notes(j.Notes)
	termtext.Fprintf(p.stderr, "\n")
}

// notes says what warn does, in lines that fit.
func (d *doer) notes(notes []string) {
	for _, note := range notes {
		io.WriteString(d.stderr, d.d.Wrap("virtpki: "+termtext.Lines(note)))
	}
}

// mostLines is how many lines of changes are shown in full.
const mostLines = 60

// shortened leaves out the middle of what is too long to be read.
func shortened(lines []string) []string {
	if len(lines) <= mostLines {
		return lines
	}
	left := len(lines) - mostLines
	return slices.Concat(lines[:mostLines/2], []string{fmt.Sprintf("  and %d more", left)}, lines[len(lines)-mostLines/2:])
}

// confDiff is what changes in the daemon's conf.
func (p *wizardPlan) confDiff(j *change.Job) string {
	path := p.g.Path(p.host.Daemon.ConfPath)
	for _, c := range j.Plan.Changes() {
		if c.Path != path || c.Data() == nil {
			continue
		}
		old, err := machine.ReadIfThere(j.Plan.Tree(), path)
		if err != nil {
			return ""
		}
		_, text, _ := bytes.Cut(diff.Diff(path, old, path, c.Data()), []byte("\n"))
		return string(text)
	}
	return ""
}

// consequence says what happens to the daemon.
func (p *wizardPlan) consequence(j *change.Job) string {
	name := p.host.Daemon.Name
	switch {
	case p.boot.restart != "" && p.running:
		return fmt.Sprintf("Then %s is restarted, if it has to be: %s", name, p.boot.restart)
	case p.boot.restart != "":
		return fmt.Sprintf("Then %s is started: %s", name, p.boot.restart)
	case p.running && p.confDiff(j) == "":
		return fmt.Sprintf("Then %s is told to read its files again. Connections stay.", name)
	}
	return fmt.Sprintf("%s is not touched.", name)
}
