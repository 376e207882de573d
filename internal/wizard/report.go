package wizard

import (
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/judge"
	"virtpki/internal/prompt"
	"virtpki/internal/termtext"
)

// Report holds the changes that were made, and the next steps; its JSON form is stable.
type Report struct {
	change.Result
	URI      string          `json:"uri"`      // for clients
	Bundles  []string        `json:"bundles"`  // directories to carry to them
	Commands [][]string      `json:"commands"` // that do the same, in words
	Findings []judge.Finding `json:"findings"` // of check

	work *Work
}

// Report returns the report of a job. commands do the same without questions.
func (w *Work) Report(j *change.Job, commands [][]string) *Report {
	r := &Report{Result: j.Result(w.Answers.Now()), Bundles: []string{}, Commands: commands, Findings: []judge.Finding{}, work: w}
	r.URI = w.Answers.URI(w.Host.Server.Name, w.Host.Server.DNS)
	for _, d := range w.Deliveries {
		r.Bundles = append(r.Bundles, d.To.Layout.Base)
	}
	return r
}

// Done reports the result. The plan has shown the files.
func (r *Report) Done(d *prompt.Dialog, dryRun bool) string {
	var text strings.Builder
	switch n := len(r.Changes); {
	case dryRun:
	case n == 0:
		text.WriteString(d.Wrap("\nnothing to do"))
	default:
		text.WriteString(d.Wrap(fmt.Sprintf("\n%s written", termtext.Count(n, "file or directory", "files and directories"))))
	}
	for _, line := range r.Result.Done {
		text.WriteString(d.Wrap(termtext.Line(line)))
	}
	return text.String()
}

// Next tells how clients connect, and how to do the same without questions.
func (r *Report) Next(d *prompt.Dialog) string {
	var text strings.Builder
	say := func(format string, args ...any) { text.WriteString(d.Wrap(termtext.Sprintf(format, args...))) }
	typed := func(format string, args ...any) { termtext.Fprintf(&text, "    "+format+"\n", args...) } // never wrapped
	a := r.work.Answers
	switch {
	case len(r.Bundles) > 0:
		say("\nOn a client's machine, with the contents of its bundle in ~/.pki/libvirt there:")
	case a.CanSign():
		say("\nA bundle for a client, here:")
		typed("virtpki issue client NAME --out DIR --layout pkipath")
		say("On its machine, with the contents of the bundle in ~/.pki/libvirt there:")
	default:
		say("\nOn a client's machine, with its files in ~/.pki/libvirt there:")
	}
	for _, dir := range r.Bundles {
		say("    %s is the bundle of %s", dir, filepath.Base(dir))
	}
	typed("virsh -c %s list --all", termtext.ShellWord(r.URI))
	say("\nThe same without questions:")
	for _, words := range r.Commands {
		typed("%s", termtext.Text(strings.ReplaceAll(termtext.ShellLine(words, d.Width-5), "\n", "\n    ")))
	}
	if r.work.Restart != "" && !r.work.Running() {
		typed("%s", r.work.Restart)
	}
	switch {
	case a.Passphrase == "":
	case a.PassphraseFile == "":
		say("where the first line of FILE is the passphrase of the CA's key.")
	default:
		say("where the first line of %s is the passphrase of the CA's key: make that file, readable only by root.", a.PassphraseFile)
	}
	return text.String()
}
