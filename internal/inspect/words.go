package inspect

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/termtext"
)

// textWidth is the width of the text of a finding, so that a line has 80 columns at most.
const textWidth = 69

// Text returns the report in words. The command that fixes a finding stands on a line of its own,
// unwrapped, so that it can be copied.
func (r *Report) Text() termtext.Text {
	var b strings.Builder
	for _, a := range r.Areas {
		shown := r.shown(a)
		if len(shown) == 0 {
			continue
		}
		termtext.Fprintf(&b, "%s\n", termtext.Quote(a.Title))
		for _, f := range shown {
			writeFinding(&b, a.Title, f)
			if f.Followers > 0 && !r.Verbose {
				termtext.Fprintf(&b, "  %-7s  %s\n", "", following(f.Followers))
			}
		}
		termtext.Fprintf(&b, "\n")
	}
	for _, v := range r.Verdicts {
		termtext.Fprintf(&b, "%-13s %s\n", labels[v.Role], withRenewer(v.line(), r.renewerOf(v)))
	}
	if r.Verbose {
		for _, p := range r.Renewed {
			termtext.Fprintf(&b, "%-13s %s, renewed by %s\n", "renewal:", p.Path, p.Text)
		}
	}
	if command, fixes, of := judge.Best(r.Findings()); fixes > 0 {
		termtext.Fprintf(&b, "\nNext (fixes %d of %d findings): %s\n", fixes, of, termtext.Quote(command))
	}
	if r.Import != "" {
		termtext.Fprintf(&b, "\nThe CA's key is not here. If it lies elsewhere on this machine:\n    %s\n", termtext.Quote(r.Import))
	}
	return termtext.Text(b.String())
}

// renewerOf returns who renews the certificate of a verdict's program; empty if there is none.
func (r *Report) renewerOf(v Verdict) string {
	for _, p := range r.Renewed {
		if v.cert != "" && p.Path == v.cert {
			return p.Brief()
		}
	}
	return ""
}

// withRenewer adds to a verdict in words who renews the certificate, on a line of its own if both
// are too long for one.
func withRenewer(line, renewer string) termtext.Text {
	if renewer == "" {
		return termtext.Text(termtext.Quote(line))
	}
	between := "; "
	if 14+len(line)+len("; renewed by ")+len(renewer) > 80 {
		between = "\n" + strings.Repeat(" ", 14)
	}
	return termtext.Text(termtext.Quote(line) + between + "renewed by " + renewer)
}

// shown returns the findings of a place that people see: causes, and findings that do not follow
// from another one.
func (r *Report) shown(a Area) []judge.Finding {
	return slices.DeleteFunc(slices.Clone(a.Found), func(f judge.Finding) bool { return f.Cause != "" && !r.Verbose })
}

func following(n int) string {
	if n == 1 {
		return "1 more finding follows from it (-v shows it)"
	}
	return fmt.Sprintf("%d more findings follow from it (-v shows them)", n)
}

func writeFinding(b *strings.Builder, title string, f judge.Finding) {
	text := f.Text
	if name := shortPath(title, f.File); name != "" {
		text = name + ": " + text
	}
	if len(f.Releases) > 0 && !strings.Contains(text, f.Releases[0]) {
		text += " (" + strings.Join(f.Releases, ", ") + ")"
	}
	if f.Cause != "" {
		text += ", which follows from " + f.Cause
	}
	text += " [" + f.ID + "]"
	for i, line := range termtext.Wrap(termtext.Quote(text), textWidth) {
		label := ""
		if i == 0 {
			label = string(f.Level)
		}
		termtext.Fprintf(b, "  %-7s  %s\n", label, line)
	}
	if f.Fix != "" && f.Cause == "" {
		termtext.Fprintf(b, "  %-7s  fix: %s\n", "", termtext.Quote(f.Fix))
	}
}

// shortPath returns a path relative to a heading.
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

// scopes are virt-pki-validate's names for the roles.
var scopes = map[judge.Role]string{judge.Trust: "TRUST", judge.Server: "SERVER", judge.Client: "CLIENT"}

// Text returns the lines as virt-pki-validate prints them.
func (v *Validation) Text() termtext.Text {
	var b strings.Builder
	for _, line := range v.Lines {
		result := "PASS"
		var why []string
		for _, f := range line.Found {
			text := fmt.Sprintf("%s: %s", f.File, f.Text)
			if f.Fix != "" {
				text += "; run: " + f.Fix
			}
			why = append(why, text)
		}
		if len(why) > 0 {
			result = "FAIL (" + strings.Join(why, "; ") + ")"
		}
		termtext.Fprintf(&b, "%6s: Checking %-40s: %s\n", scopes[line.Role], line.What, termtext.Quote(result))
	}
	return termtext.Text(b.String())
}

// Failed reports whether any line fails.
func (v *Validation) Failed() bool {
	return slices.ContainsFunc(v.Lines, func(line judge.Line) bool { return len(line.Found) > 0 })
}
