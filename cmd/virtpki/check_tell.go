package main

import (
	"errors"
	"path/filepath"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/termtext"
)

// tellCheck prints what was found, and ends with whether that is clean.
func (e *env) tellCheck(g *globals, o *checkOptions, report *inspect.Report) error {
	switch {
	case g.json:
		if err := e.printCheckJSON(o, report); err != nil {
			return err
		}
	case !g.quiet:
		e.printReport(report)
	}
	if report.Refused(o.strict) {
		return hint.ErrRefused
	}
	if report.Unknown() && len(o.roles) > 0 {
		return hint.With(errors.New("not everything that decides could be looked at"), "run it as root")
	}
	return nil
}

// checkResult is the JSON form of check; it is stable.
type checkResult struct {
	Clean    bool              `json:"clean"` // neither errors nor warnings
	For      string            `json:"for"`
	Verdicts []inspect.Verdict `json:"verdicts"`
	Findings []checkFinding    `json:"findings"`
}

type checkFinding struct {
	Place string `json:"place"`
	judge.Finding
}

func (e *env) printCheckJSON(o *checkOptions, report *inspect.Report) error {
	result := checkResult{Clean: true, For: o.target, Verdicts: append([]inspect.Verdict{}, report.Verdicts...), Findings: []checkFinding{}}
	for _, a := range report.Areas {
		for _, f := range a.Found {
			result.Clean = result.Clean && f.Level == judge.Note
			result.Findings = append(result.Findings, checkFinding{a.Title, f})
		}
	}
	return e.printJSON(result)
}

func (e *env) printReport(report *inspect.Report) {
	for _, a := range report.Areas {
		termtext.Fprintf(e.stdout, "%s\n", termtext.Quote(a.Title))
		for _, f := range a.Found {
			e.printFinding(a.Title, f)
		}
		termtext.Fprintf(e.stdout, "\n")
	}
	for _, v := range report.Verdicts {
		termtext.Fprintf(e.stdout, "%-7s %s\n", v.Role+":", termtext.Quote(v.Says))
	}
}

// printFinding prints one finding in lines of at most 80 columns, and the command that
// fixes it on a line of its own, whole, so that it can be copied.
func (e *env) printFinding(title string, f judge.Finding) {
	text := f.Text
	if name := shortPath(title, f.File); name != "" {
		text = name + ": " + text
	}
	if len(f.Targets) > 0 && !strings.Contains(text, f.Targets[0]) {
		text += " (" + strings.Join(f.Targets, ", ") + ")"
	}
	text += " [" + f.ID + "]"
	for i, line := range termtext.Wrap(termtext.Quote(text), 69) {
		label := ""
		if i == 0 {
			label = string(f.Level)
		}
		termtext.Fprintf(e.stdout, "  %-7s  %s\n", label, line)
	}
	if f.Fix != "" {
		termtext.Fprintf(e.stdout, "  %-7s  fix: %s\n", "", termtext.Quote(f.Fix))
	}
}

// shortPath is a path as seen from a heading.
func shortPath(title, path string) string {
	rel, err := filepath.Rel(title, path)
	if path == "" || err != nil || !filepath.IsLocal(rel) {
		return path
	}
	if rel == "." {
		return ""
	}
	return rel
}
