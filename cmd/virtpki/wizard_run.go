package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/reload"
	"virtpki/internal/termtext"
)

// carryOut does what the plan says, has the daemon go by it, and proves it.
func (p *wizardPlan) carryOut(ctx context.Context) error {
	j, err := p.env.carryOut(ctx, p.g, p.work.Host.Locks(), p.work.Decide)
	if err != nil {
		return err
	}
	return p.end(ctx, j, p.work.Enforce(ctx, reload.New(p.g.Machine, p.boot.reloadOptions.request(p.env), j)))
}

// wizardReport is the JSON form of what the wizard has done; it is stable.
type wizardReport struct {
	change.Result
	URI      string          `json:"uri"`      // for clients
	Bundles  []string        `json:"bundles"`  // folders to carry to them
	Commands [][]string      `json:"commands"` // that do the same, in words
	Findings []judge.Finding `json:"findings"` // of check
}

// end tells what was done and what check says of it, how to connect, and how to do
// the same again. It returns wrong, which is what the daemon had against it, else
// what check has.
func (p *wizardPlan) end(ctx context.Context, j *change.Job, wrong error) error {
	out := wizardReport{URI: p.work.Answers.URI(p.work.Host.Server.Name, p.work.Host.Server.DNS), Bundles: []string{}, Commands: p.commands()}
	for _, b := range p.work.Deliveries {
		out.Bundles = append(out.Bundles, b.To.Layout.Base)
	}
	if p.g.json {
		return p.endJSON(ctx, j, out, wrong)
	}
	if p.g.quiet {
		return wrong
	}
	p.printDone(j)
	if !p.g.dryRun {
		p.print("\nvirtpki check says:")
		if err := runCheck(ctx, p.doer.env, p.g, &checkOptions{target: "any"}); wrong == nil {
			wrong = err
		}
	}
	p.printEnd(out)
	return wrong
}

func (p *wizardPlan) endJSON(ctx context.Context, j *change.Job, out wizardReport, wrong error) error {
	out.Result, out.Findings = j.Result(p.here.Now()), []judge.Finding{}
	if !p.g.dryRun {
		report, err := inspect.Run(ctx, p.g.Machine, inspect.Request{For: []libvirt.Release{{}}})
		if err != nil {
			wrong = errors.Join(wrong, err)
		} else {
			out.Findings = append(out.Findings, report.Findings()...)
		}
	}
	return errors.Join(p.printJSON(out), wrong)
}

// printDone tells what was done, and what is left to do. The files have been
// seen in the plan.
func (p *wizardPlan) printDone(j *change.Job) {
	switch n := len(j.Plan.Changes()); {
	case p.g.dryRun:
	case n == 0:
		p.print("\nnothing to do")
	default:
		p.print("\n%s written", termtext.Count(n, "file or folder", "files and folders"))
	}
	for _, line := range j.Done {
		p.print("%s", line)
	}
	if !p.g.dryRun {
		for _, note := range j.Notes {
			p.d.Note(note)
		}
	}
}

// print writes a line of the result.
func (p *wizardPlan) print(format string, args ...any) {
	io.WriteString(p.stdout, p.d.Wrap(termtext.Sprintf(format, args...)))
}

func (p *wizardPlan) printEnd(r wizardReport) {
	p.print("\nOn a client's machine, with what is in its bundle in ~/.pki/libvirt there:")
	for _, folder := range r.Bundles {
		p.print("    %s is %s's", folder, filepath.Base(folder))
	}
	if len(r.Bundles) == 0 && p.work.Answers.CanSign() {
		p.print("    (virtpki issue client NAME --out DIR --layout pkipath makes one)")
	}
	p.print("    virsh -c %s list --all", termtext.ShellWord(r.URI))
	p.print("\nThe same without questions:")
	for _, words := range r.Commands {
		termtext.Fprintf(p.stdout, "    %s\n", termtext.Text(strings.ReplaceAll(termtext.ShellLine(words, p.d.Width-5), "\n", "\n    ")))
	}
	if p.work.Restart != "" && !p.work.Running() {
		termtext.Fprintf(p.stdout, "    %s\n", p.work.Restart)
	}
	switch {
	case p.g.passphrase == nil:
	case p.g.passphraseFile == "":
		p.print("where the first line of FILE is the passphrase of the CA's key.")
	default:
		p.print("where the first line of %s is the passphrase of the CA's key: make that file, readable by root alone.", p.g.passphraseFile)
	}
}
