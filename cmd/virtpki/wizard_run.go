package main

import (
	"context"
	"errors"
	"io"

	"virtpki/internal/change"
	"virtpki/internal/inspect"
	"virtpki/internal/libvirt"
	"virtpki/internal/reload"
	"virtpki/internal/termtext"
	"virtpki/internal/wizard"
)

// carryOut does what the plan says, has the daemon go by it, and proves it.
func (p *wizardPlan) carryOut(ctx context.Context) error {
	j, err := p.env.carryOut(ctx, p.g, p.work.Host.Locks(), p.work.Decide)
	if err != nil {
		return err
	}
	return p.end(ctx, j, p.work.Enforce(ctx, reload.New(p.g.Machine, p.boot.reloadOptions.request(p.env), j)))
}

// end tells what was done and what check says of it, how to connect, and how to do
// the same again. It returns wrong, which is what the daemon had against it, else
// what check has.
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
