package change

import (
	"fmt"
	"strings"
	"time"

	"virtpki/internal/certinfo"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// Result is the JSON form of a job's result; it is stable.
type Result struct {
	Changes      []store.Change  `json:"changes"`
	Certificates []certinfo.Info `json:"certificates"` // made
	Found        []certinfo.Info `json:"found"`        // there already, and taken
	Revoked      []certinfo.Info `json:"revoked,omitempty"`
	Done         []string        `json:"done"`
	Notes        []string        `json:"notes"`
	Next         []string        `json:"next"`            // steps
	Unmet        []string        `json:"unmet,omitempty"` // goals that were not met
}

// Result returns the changes and the report of the job, done or planned.
func (j *Job) Result(now time.Time) Result {
	return Result{
		Changes:      append([]store.Change{}, j.Plan.Changes()...),
		Certificates: append([]certinfo.Info{}, infos(j.Made, now)...),
		Found:        append([]certinfo.Info{}, infos(j.Found, now)...),
		Revoked:      infos(j.Revoked, now),
		Done:         append([]string{}, j.Done...),
		Notes:        append([]string{}, j.Notes...),
		Next:         append([]string{}, j.Steps...),
		Unmet:        j.Unmet,
	}
}

func infos(certs []Placed, now time.Time) []certinfo.Info {
	var infos []certinfo.Info
	for _, p := range certs {
		infos = append(infos, certinfo.Of(p.Cert, p.Path, now))
	}
	return infos
}

// Text returns the result in words, without the notes. dryRun is whether nothing was done.
func (j *Job) Text(dryRun bool, now time.Time) termtext.Text {
	var b strings.Builder
	for _, c := range j.Plan.Changes() {
		termtext.Fprintf(&b, "%s\n", Line(c, dryRun))
	}
	return termtext.Text(b.String()) + j.facts(dryRun, now)
}

// Brief returns the facts first and the number of files last, for a person who has not asked
// for the list of files.
func (j *Job) Brief(now time.Time) termtext.Text {
	text := j.facts(false, now)
	switch n := len(j.Plan.Changes()); n {
	case 0:
	case 1:
		text += termtext.Text(termtext.Sprintf("%s\n", Line(j.Plan.Changes()[0], false)))
	default:
		text += termtext.Text(termtext.Sprintf("%d files and directories written (-v lists them)\n", n))
	}
	return text
}

// NextText returns the next steps, apart from the result and the notes; empty if there are none. No
// line is wrapped, since some are typed.
func (r *Report) NextText() termtext.Text { return StepsText(r.Steps) }

// StepsText returns steps in the form of [Report.NextText].
func StepsText(steps []string) termtext.Text {
	if len(steps) == 0 {
		return ""
	}
	text := termtext.Text("Next:\n")
	for _, step := range steps {
		text += termtext.Text(termtext.Sprintf("  %s\n", termtext.Text(step)))
	}
	return text
}

// facts returns the certificates and everything else that was done, a line each.
func (j *Job) facts(dryRun bool, now time.Time) termtext.Text {
	var b strings.Builder
	line := func(format string, args ...any) { termtext.Fprintf(&b, format+"\n", args...) }
	switch {
	case len(j.Plan.Changes())+len(j.Done) > 0:
	case len(j.Unmet) > 0:
		line("nothing was changed")
	default:
		line("nothing to do")
	}
	for _, p := range j.Made {
		line("%s", p.Text(now))
	}
	for _, p := range j.Found {
		line("found %s", p.Text(now))
	}
	would := ""
	if dryRun {
		would = "would say: "
	}
	for _, done := range j.Done {
		line("%s", termtext.Text(would+done))
	}
	return termtext.Text(b.String())
}

var actionWords = map[store.Action][2]string{
	store.Create:  {"created ", "would create "},
	store.Replace: {"replaced", "would replace"},
	store.Adjust:  {"adjusted", "would adjust "},
	store.Remove:  {"removed ", "would remove "},
}

// Line returns a change of a file in words. dryRun is whether it was not made.
func Line(c store.Change, dryRun bool) string {
	word := actionWords[c.Action][0]
	if dryRun {
		word = actionWords[c.Action][1]
	}
	name := c.Path
	if c.Dir {
		name += "/"
	}
	return fmt.Sprintf("%s %04o %s", word, c.Mode.Perm(), name)
}

// Text returns a line about a certificate.
func (p Placed) Text(now time.Time) string {
	info := certinfo.Of(p.Cert, p.Path, now)
	line := fmt.Sprintf("%-6s %s until %s (%d days)", info.RoleText(), info.DN, termtext.Day(info.NotAfter), info.DaysLeft)
	if names := info.Names(); names != "" {
		line += " for " + names
	}
	return line
}
