package main

import (
	"slices"

	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/termtext"
)

// explanation is the JSON form of check --explain; it is stable.
type explanation struct {
	ID    string `json:"id"`
	Stage string `json:"stage"`
	Cause string `json:"cause"`
	Fix   string `json:"fix"`
}

// explain prints what the page of findings has about an id.
func (e *env) explain(g *globals, id string) error {
	all := judge.Catalogue()
	i := slices.IndexFunc(all, func(entry judge.Entry) bool { return entry.ID == id })
	if i < 0 {
		return hint.With(hint.Usagef("no finding has the id %s", termtext.QuoteShort(id)), "the ids stand in brackets behind each finding of virtpki check, and in docs/findings.md")
	}
	entry := all[i]
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

// findingIDs are the ids of all findings, for completion.
func findingIDs() []string {
	var ids []string
	for _, entry := range judge.Catalogue() {
		ids = append(ids, entry.ID)
	}
	return ids
}
