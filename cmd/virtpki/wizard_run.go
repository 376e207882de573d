package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/reload"
	"virtpki/internal/termtext"
)

// carryOut does what the plan says, has the daemon go by it, and proves it.
func (w *wizard) carryOut(ctx context.Context, p *wizardPlan) error {
	j, err := w.e.carryOut(ctx, p.g, p.host.Locks(), func(j *change.Job) error { return p.decide(w.e, j) })
	if err != nil {
		return err
	}
	return w.end(ctx, p, j, w.enforce(ctx, p, j))
}

// enforce has the daemon go by the files, as bootstrap does, and starts one that
// does not run, where that was wanted.
func (w *wizard) enforce(ctx context.Context, p *wizardPlan, j *change.Job) error {
	r := reload.New(p.g.Machine, p.boot.reloadOptions.request(w.e), j)
	if err := r.Settle(ctx); err != nil || p.boot.restart == "" || p.running {
		return err
	}
	return r.Start(ctx, p.host.Daemon.Daemon)
}

// runs reports whether a daemon was running when the wizard looked.
func (w *wizard) runs(d libvirt.Daemon) bool {
	return slices.ContainsFunc(w.daemons, func(r running.Daemon) bool { return r.Daemon.Name == d.Name })
}

// wizardReport is the JSON form of what the wizard has done; it is stable.
type wizardReport struct {
	changeReport
	URI      string          `json:"uri"`      // for clients
	Bundles  []string        `json:"bundles"`  // folders to carry to them
	Commands [][]string      `json:"commands"` // that do the same, in words
	Findings []judge.Finding `json:"findings"` // of check
}

// end tells what was done and what check says of it, how to connect, and how to do
// the same again. It returns wrong, which is what the daemon had against it, else
// what check has.
func (w *wizard) end(ctx context.Context, p *wizardPlan, j *change.Job, wrong error) error {
	out := wizardReport{URI: w.uri(p), Bundles: []string{}, Commands: p.commands(w.e)}
	for _, b := range p.bundles {
		out.Bundles = append(out.Bundles, b.To.Layout.Base)
	}
	if w.g.json {
		return w.endJSON(ctx, p, j, out, wrong)
	}
	if w.g.quiet {
		return wrong
	}
	w.printDone(j)
	if !w.g.dryRun {
		w.print("\nvirtpki check says:")
		if err := w.e.check(ctx, p.g, &checkOptions{target: "any"}); wrong == nil {
			wrong = err
		}
	}
	w.printEnd(p, out)
	return wrong
}

func (w *wizard) endJSON(ctx context.Context, p *wizardPlan, j *change.Job, out wizardReport, wrong error) error {
	out.changeReport, out.Findings = w.e.reportOf(j), []judge.Finding{}
	if !w.g.dryRun {
		report, err := inspect.Run(ctx, p.g.Machine, inspect.Request{For: []libvirt.Target{{}}})
		if err != nil {
			wrong = errors.Join(wrong, err)
		} else {
			out.Findings = append(out.Findings, report.Findings()...)
		}
	}
	return errors.Join(w.e.printJSON(out), wrong)
}

// printDone tells what was done, and what is left to do. The files have been
// seen in the plan.
func (w *wizard) printDone(j *change.Job) {
	switch n := len(j.Plan.Changes()); {
	case w.g.dryRun:
	case n == 0:
		w.print("\nnothing to do")
	default:
		w.print("\n%s written", termtext.Count(n, "file or folder", "files and folders"))
	}
	for _, line := range j.Done {
		w.print("%s", line)
	}
	if !w.g.dryRun {
		w.notes(j.Notes)
	}
}

// print writes a line of the result.
func (w *wizard) print(format string, args ...any) {
	io.WriteString(w.e.stdout, w.Wrap(termtext.Sprintf(format, args...)))
}

func (w *wizard) printEnd(p *wizardPlan, r wizardReport) {
	w.print("\nOn a client's machine, with what is in its bundle in ~/.pki/libvirt there:")
	for _, folder := range r.Bundles {
		w.print("    %s is %s's", folder, filepath.Base(folder))
	}
	if len(r.Bundles) == 0 && w.canSign() {
		w.print("    (virtpki issue client NAME --out DIR --layout pkipath makes one)")
	}
	w.print("    virsh -c %s list --all", termtext.ShellWord(r.URI))
	w.print("\nThe same without questions:")
	for _, words := range r.Commands {
		termtext.Fprintf(w.e.stdout, "    %s\n", termtext.Text(strings.ReplaceAll(termtext.ShellLine(words, w.Width-5), "\n", "\n    ")))
	}
	if p.boot.restart != "" && !p.running {
		termtext.Fprintf(w.e.stdout, "    %s\n", p.boot.restart)
	}
	switch {
	case p.g.passphrase == nil:
	case p.g.passphraseFile == "":
		w.print("where the first line of FILE is the passphrase of the CA's key.")
	default:
		w.print("where the first line of %s is the passphrase of the CA's key: make that file, readable by root alone.", p.g.passphraseFile)
	}
}

// uri is what a client on another machine types: the fullest name that the
// certificate has.
func (w *wizard) uri(p *wizardPlan) string {
	names := p.host.Server.DNS
	if w.server.Cert != nil {
		names = w.server.Cert.DNSNames
	}
	host := p.host.Server.Name
	if full := slices.IndexFunc(names, func(name string) bool { return strings.Contains(name, ".") && !strings.HasPrefix(name, "*") }); full >= 0 {
		host = names[full]
	}
	return "qemu+tls://" + host + "/system"
}
