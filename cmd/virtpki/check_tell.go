package main

import (
	"errors"

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
		termtext.Fprintf(e.stdout, "%s", report.Text())
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

// tellValidation prints the lines as the program does, and exits 1 where it should.
func (e *env) tellValidation(g *globals, o *checkOptions, v *inspect.Validation) error {
	switch {
	case g.json:
		if err := e.printCheckJSON(o, v.Report); err != nil {
			return err
		}
	case !g.quiet:
		termtext.Fprintf(e.stdout, "%s", v.Text())
	}
	if v.Failed() {
		return hint.ErrFailed
	}
	return nil
}

// explanation is the JSON form of check --explain; it is stable.
type explanation struct {
	ID    string `json:"id"`
	Stage string `json:"stage"`
	Cause string `json:"cause"`
	Fix   string `json:"fix"`
}

// explain prints what the page of findings has about an id.
func (e *env) explain(g *globals, id string) error {
	entry, ok := judge.Explain(id)
	if !ok {
		return hint.With(hint.Usagef("no finding has the id %s", termtext.QuoteShort(id)), "the ids stand in brackets behind each finding of virtpki check, and in docs/findings.md")
	}
	if g.json {
		return e.printJSON(explanation{entry.ID, string(entry.Stage), entry.Cause, entry.Fix})
	}
	termtext.Fprintf(e.stdout, "%s\n", entry.ID)
	for _, text := range []string{entry.Cause, "Fix: " + entry.Fix} {
		termtext.Fprintf(e.stdout, "\n")
		for _, line := range termtext.Wrap(text, explainWidth) {
			termtext.Fprintf(e.stdout, "%s\n", line)
		}
	}
	return nil
}

// explainWidth is how wide an explanation is, in columns.
const explainWidth = 79
