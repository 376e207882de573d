package wizard

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"virtpki/internal/change"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// Preview holds the changes that the answers would make.
type Preview struct {
	Work *Work
	Job  *change.Job // decided without a lock
	// Do makes the changes and reports them; with a dry run it only reports.
	Do func(context.Context) error
}

// show prints the changes that would be made.
func (w *wizard) show(p *Preview) {
	w.Say("The plan. Nothing has changed yet.")
	var changes []string
	for _, c := range p.Job.Plan.Changes() {
		changes = append(changes, change.Line(c, true))
	}
	if len(changes) == 0 {
		w.Say("  No file has to change.")
	}
	for _, line := range shortened(changes) {
		w.Print(termtext.Sprintf("%s\n", line))
	}
	for _, made := range p.Job.Made {
		w.Print(w.Wrap(termtext.Line("  " + made.Text(w.Now()))))
	}
	text := p.confDiff()
	if text != "" {
		w.Say("These lines of the configuration file change:")
		w.Print(text)
	}
	w.Say("%s", p.Work.consequence(text != ""))
	for _, note := range p.Job.Notes {
		w.Note(note)
	}
	w.Print("\n")
}

// mostLines is the number of lines of changes that are shown in full.
const mostLines = 60

// shortened leaves out the middle of a list that is too long to read.
func shortened(lines []string) []string {
	if len(lines) <= mostLines {
		return lines
	}
	left := len(lines) - mostLines
	return slices.Concat(lines[:mostLines/2], []string{fmt.Sprintf("  and %d more", left)}, lines[len(lines)-mostLines/2:])
}

// confDiff returns the changes to the daemon's configuration file.
func (p *Preview) confDiff() string {
	path := p.Work.Answers.Path(p.Work.Host.Daemon.ConfPath)
	for _, c := range p.Job.Plan.Changes() {
		if c.Path != path || c.Data() == nil {
			continue
		}
		old, err := machine.ReadIfThere(p.Job.Plan.Tree(), path)
		if err != nil {
			return ""
		}
		_, text, _ := bytes.Cut(diff.Diff(path, old, path, c.Data()), []byte("\n"))
		return string(text)
	}
	return ""
}

// consequence says what happens to the daemon.
func (w *Work) consequence(confChanges bool) string {
	name := w.Host.Daemon.Name
	switch {
	case w.Restart != "" && w.Running():
		return fmt.Sprintf("Then virtpki restarts %s if necessary: %s", name, w.Restart)
	case w.Restart != "":
		return fmt.Sprintf("Then virtpki starts %s: %s", name, w.Restart)
	case w.Running() && !confChanges:
		return fmt.Sprintf("Then %s reloads its files. Connections stay.", name)
	}
	return fmt.Sprintf("%s is neither reloaded nor restarted.", name)
}
