package inspect

import (
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/renewer"
)

// Report holds the findings, and the verdicts on them.
type Report struct {
	For      string // the releases to please, as they were typed
	Areas    []Area // by place, in the order in which libvirt meets it
	Verdicts []Verdict
	Verbose  bool // whether to show findings that follow from another one too
	// Import is the command for a CA with its key in another place of this machine, if a fix needs
	// the key; else empty.
	Import string
	// Renewed says who renews the pairs of the machine; empty if the report is about other files.
	Renewed []renewer.Pair
}

// Result is the JSON form of a report; it is stable.
type Result struct {
	Clean    bool      `json:"clean"` // neither errors nor warnings
	For      string    `json:"for"`
	Verdicts []Verdict `json:"verdicts"`
	Findings []Placed  `json:"findings"`
	Import   string    `json:"import,omitempty"` // see [Report]

	Renewed []renewer.Pair `json:"renewed,omitempty"`
}

// Placed is a finding with its place.
type Placed struct {
	Place string `json:"place"`
	judge.Finding
}

// JSON returns the [Result].
func (r *Report) JSON() any {
	result := Result{Clean: true, For: r.For, Verdicts: append([]Verdict{}, r.Verdicts...), Findings: []Placed{}, Import: r.Import, Renewed: r.Renewed}
	for _, a := range r.Areas {
		for _, f := range a.Found {
			result.Clean = result.Clean && f.Level == judge.Note
			result.Findings = append(result.Findings, Placed{a.Title, f})
		}
	}
	return result
}

// Area holds the findings on one place, or on one daemon's configuration.
type Area struct {
	Title string
	Found []judge.Finding
}

// Findings returns all findings.
func (r *Report) Findings() []judge.Finding {
	var found []judge.Finding
	for _, a := range r.Areas {
		found = append(found, a.Found...)
	}
	return found
}

// Refused reports whether anything is an error, or with strict a warning.
func (r *Report) Refused(strict bool) bool {
	return slices.ContainsFunc(r.Findings(), func(f judge.Finding) bool {
		return f.Level == judge.Error || strict && f.Level == judge.Warning
	})
}

// Unknown reports whether virtpki could not see something that decides a verdict.
func (r *Report) Unknown() bool {
	return slices.ContainsFunc(r.Verdicts, func(v Verdict) bool { return v.Unknown })
}

// gathered holds the judge's findings so far.
type gathered struct {
	base     string // of the system's tree, which reports call by its pki directory
	areas    []Area
	verdicts []Verdict
}

// say adds findings about a place.
func (g *gathered) say(title string, found []judge.Finding) {
	if len(found) > 0 {
		g.areas = append(g.areas, Area{title, found})
	}
}

// all lists the findings so far.
func (g *gathered) all() (found []judge.Finding) {
	for _, a := range g.areas {
		found = append(found, a.Found...)
	}
	return found
}

// decide adds a verdict, once.
func (g *gathered) decide(v Verdict) {
	if !slices.Contains(g.verdicts, v) {
		g.verdicts = append(g.verdicts, v)
	}
}

// conclude adds findings about a place, and the verdict on them.
func (g *gathered) conclude(about party, title string, found []judge.Finding) {
	if about.role != "qemu" && title == g.base {
		title = filepath.Join(title, "pki")
	}
	found = settled(found)
	g.say(title, found)
	g.decide(verdict(about, found))
}

// report joins areas of one title, keeps each finding once, in the order of the stages, and calls
// fix for the fix of each.
func (g *gathered) report(fix func(judge.Finding) string) *Report {
	var merged []Area
	said := make(map[string]bool)
	for _, a := range g.areas {
		i := slices.IndexFunc(merged, func(m Area) bool { return m.Title == a.Title })
		if i < 0 {
			i = len(merged)
			merged = append(merged, Area{Title: a.Title})
		}
		before := slices.Clone(merged[i].Found)
		for _, f := range settled(a.Found) {
			if key := f.ID + "\x00" + f.File + "\x00" + f.Text; !said[key] && !saidOf(before, f) {
				said[key] = true
				f.Fix = fix(f)
				merged[i].Found = append(merged[i].Found, f)
			}
		}
	}
	for _, m := range merged {
		sort.SliceStable(m.Found, func(i, j int) bool { return turn(m.Found[i]) < turn(m.Found[j]) })
	}
	merged = slices.DeleteFunc(merged, func(m Area) bool { return len(m.Found) == 0 })
	judge.Causes(each(merged))
	return &Report{Areas: merged, Verdicts: g.verdicts}
}

// each lists the findings of some places, so that they can be marked.
func each(areas []Area) []*judge.Finding {
	var all []*judge.Finding
	for _, a := range areas {
		for i := range a.Found {
			all = append(all, &a.Found[i])
		}
	}
	return all
}

// saidOf reports whether another role has the same finding on a file already: server and client may
// read one CA file.
func saidOf(before []judge.Finding, f judge.Finding) bool {
	return f.Stage == judge.Own && slices.ContainsFunc(before, func(b judge.Finding) bool { return b.ID == f.ID && b.File == f.File })
}

// stages in the order in which libvirt meets them.
var stages = []judge.Stage{judge.Places, judge.Conf, judge.Own, judge.Session, judge.Host}

// turn returns the place of a finding among others: that of its stage. A fault that keeps the CA
// from signing comes first, since it causes other faults.
func turn(f judge.Finding) int {
	if f.ID == "ca-key-mismatch" || strings.HasPrefix(f.ID, "clock") || f.ID == "swapped" {
		return -1
	}
	return slices.Index(stages, f.Stage)
}

// settled leaves out findings on the contents of a file that could not be read: it is missing, not
// a regular file, or not readable, and another finding reports that.
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

// notHad reports whether a finding says that there is no file to read. A client may go on without
// its pair, so that only the other side refuses it.
func notHad(f judge.Finding) bool {
	return f.Stage == judge.Places && f.Level == judge.Error ||
		slices.Contains([]string{"unseen", "not-readable", "dangling", "not-a-file", "too-large", "no-crl", "half-pair", "no-client-pair"}, f.ID)
}
