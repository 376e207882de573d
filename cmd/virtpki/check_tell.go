package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/termtext"
)

// roleVerdict is what all findings on a role come to.
type roleVerdict struct {
	Role  string `json:"role"`
	Says  string `json:"says"`
	Works bool   `json:"works"`
	// Unknown is whether something that decides it could not be seen.
	Unknown bool `json:"unknown,omitempty"`
	silent  bool // a daemon that does not listen for TLS
}

// conclude adds findings about a place, and the verdict that they come to.
func (c *checker) conclude(role, program, title string, found []judge.Finding) {
	if role != "qemu" && title == c.g.System().Base {
		title = filepath.Join(title, "pki")
	}
	found = settled(found)
	c.say(title, found)
	c.decide(roleVerdict{Role: role}, program, found)
}

// settled leaves out what is said of the contents of a file that could not be had: it
// is missing, no file, or not to be read, and that is said already.
func settled(found []judge.Finding) []judge.Finding {
	gone, noPair := make(map[string]bool), false
	for _, f := range found {
		if notHad(f) {
			gone[f.File] = true
			noPair = noPair || f.Stage == judge.Session
		}
	}
	return slices.DeleteFunc(slices.Clone(found), func(f judge.Finding) bool {
		return f.Stage != judge.Places && gone[f.File] && !notHad(f) || f.ID == "no-certificate" && noPair
	})
}

// notHad reports whether a finding says that there is no file to look into. Without its
// pair a client may go on, so that it is the other side that refuses.
func notHad(f judge.Finding) bool {
	return f.Stage == judge.Places && f.Level == judge.Error ||
		slices.Contains([]string{"unseen", "not-readable", "dangling", "not-a-file", "too-large", "no-crl", "half-pair", "no-client-pair"}, f.ID)
}

// decide turns the findings on a role into one line.
func (c *checker) decide(v roleVerdict, program string, found []judge.Finding) {
	v.Works = true
	refusedAt := judge.Stage("")
	for _, f := range found {
		switch {
		case f.ID == "ends-soon": // it works today
		case f.ID == "no-client-pair":
			v.Works = false
		case f.Level == judge.Error && (refusedAt == "" || refusedAt == judge.Session):
			refusedAt, v.Works = f.Stage, false
		case f.ID == "unseen":
			v.Unknown = true
		}
	}
	v.Unknown = v.Unknown && refusedAt == ""
	v.Says = verdictText(v.Role, program, v, refusedAt)
	if !slices.Contains(c.verdicts, v) {
		c.verdicts = append(c.verdicts, v)
	}
}

func verdictText(role, program string, v roleVerdict, refusedAt judge.Stage) string {
	switch role {
	case "server":
		return serverVerdict(program, v, refusedAt)
	case "client":
		return clientVerdict(program, v, refusedAt)
	case "qemu":
		return choose(v, "QEMU could use "+program, "QEMU could not use "+program)
	}
	return choose(v, "the CA is in order", "the CA is not in order")
}

func serverVerdict(program string, v roleVerdict, refusedAt judge.Stage) string {
	if program == "" {
		return choose(v, "libvirtd would start on these files", "libvirtd would not start on these files")
	}
	if refusedAt == judge.Session {
		return program + " would start, and no client would get in"
	}
	if v.silent {
		return choose(v, program+" would start; it does not listen for TLS", program+" would not start")
	}
	return choose(v, program+" would start", program+" would not start")
}

func clientVerdict(program string, v roleVerdict, refusedAt judge.Stage) string {
	from := "from here"
	if program == "" {
		from = "with these files"
	}
	switch {
	case refusedAt == judge.Session:
		return "virsh would connect " + from + ", and be refused"
	case !v.Works && refusedAt == "":
		return "virsh would be refused " + from + ": there is no client certificate"
	}
	return choose(v, "virsh would connect "+from, "virsh would not connect "+from)
}

func choose(v roleVerdict, yes, no string) string {
	switch {
	case !v.Works:
		return no
	case v.Unknown:
		return "as far as you may see, " + yes
	}
	return yes
}

// stages in the order in which libvirt meets them.
var stages = []judge.Stage{judge.Places, judge.Conf, judge.Own, judge.Session, judge.Host}

// turn is the place of a finding among others: that of its stage. What keeps the CA
// from signing comes first, since it is why other things are wrong.
func turn(f judge.Finding) int {
	if f.ID == "ca-key-mismatch" {
		return -1
	}
	return slices.Index(stages, f.Stage)
}

// merged joins areas of one title, says each thing once, and puts it in the order of
// the stages. Commands of virtpki's own get the flags with which this one runs.
func (c *checker) merged() []*area {
	var merged []*area
	said := make(map[string]bool)
	for _, a := range c.areas {
		i := slices.IndexFunc(merged, func(m *area) bool { return m.title == a.title })
		if i < 0 {
			i = len(merged)
			merged = append(merged, &area{title: a.title})
		}
		before := slices.Clone(merged[i].found)
		for _, f := range settled(a.found) {
			if key := f.ID + "\x00" + f.File + "\x00" + f.Text; !said[key] && !saidOf(before, f) {
				said[key] = true
				f.Fix = c.fix(f)
				merged[i].found = append(merged[i].found, f)
			}
		}
	}
	for _, m := range merged {
		slices.SortStableFunc(m.found, func(a, b judge.Finding) int {
			return turn(a) - turn(b)
		})
	}
	return slices.DeleteFunc(merged, func(m *area) bool { return len(m.found) == 0 })
}

// saidOf reports whether the same is said of a file already for another role: of one CA
// file that server and client read.
func saidOf(before []judge.Finding, f judge.Finding) bool {
	return f.Stage == judge.Own && slices.ContainsFunc(before, func(b judge.Finding) bool { return b.ID == f.ID && b.File == f.File })
}

// tell prints what was found, and ends with whether that is clean.
func (c *checker) tell() error {
	areas := c.merged()
	switch {
	case c.g.json:
		if err := c.tellJSON(areas); err != nil {
			return err
		}
	case !c.g.quiet:
		c.tellPeople(areas)
	}
	if c.refuses(areas) {
		return hint.ErrRefused
	}
	for _, v := range c.verdicts {
		if v.Unknown && len(c.o.roles) > 0 {
			return hint.With(fmt.Errorf("not everything that decides could be looked at"), "run it as root")
		}
	}
	return nil
}

// refuses reports whether anything is an error, or with --strict a warning.
func (c *checker) refuses(areas []*area) bool {
	return slices.ContainsFunc(areas, func(a *area) bool {
		return slices.ContainsFunc(a.found, func(f judge.Finding) bool {
			return f.Level == judge.Error || c.o.strict && f.Level == judge.Warning
		})
	})
}

// checkResult is the JSON form of check; it is stable.
type checkResult struct {
	Clean    bool           `json:"clean"` // neither errors nor warnings
	For      string         `json:"for"`
	Verdicts []roleVerdict  `json:"verdicts"`
	Findings []checkFinding `json:"findings"`
}

type checkFinding struct {
	Place string `json:"place"`
	judge.Finding
}

func (c *checker) tellJSON(areas []*area) error {
	report := checkResult{Clean: true, For: c.o.target, Verdicts: append([]roleVerdict{}, c.verdicts...), Findings: []checkFinding{}}
	for _, a := range areas {
		for _, f := range a.found {
			report.Clean = report.Clean && f.Level == judge.Note
			report.Findings = append(report.Findings, checkFinding{a.title, f})
		}
	}
	return c.printJSON(report)
}

func (c *checker) tellPeople(areas []*area) {
	for _, a := range areas {
		termtext.Fprintf(c.stdout, "%s\n", termtext.Quote(a.title))
		for _, f := range a.found {
			c.tellFinding(a.title, f)
		}
		termtext.Fprintf(c.stdout, "\n")
	}
	for _, v := range c.verdicts {
		termtext.Fprintf(c.stdout, "%-7s %s\n", v.Role+":", termtext.Quote(v.Says))
	}
}

// tellFinding prints one finding in lines of at most 80 columns, and the command that
// fixes it on a line of its own, whole, so that it can be copied.
func (c *checker) tellFinding(title string, f judge.Finding) {
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
		termtext.Fprintf(c.stdout, "  %-7s  %s\n", label, line)
	}
	if f.Fix != "" {
		termtext.Fprintf(c.stdout, "  %-7s  fix: %s\n", "", termtext.Quote(f.Fix))
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
