package renewal

import (
	"slices"
	"strings"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/termtext"
)

// Result is the JSON form of a report, with the fields that a job's own does not have; it is
// stable.
type Result struct {
	Due       bool           `json:"due"`
	Installed []Installed    `json:"installed"`
	Requests  string         `json:"requests,omitempty"` // the file in which they wait
	Copies    *change.Result `json:"copies,omitempty"`   // that were renewed without the CA
}

// Result returns the report for printing as JSON.
func (r *Report) Result(now time.Time) Result {
	result := Result{Due: r.Outcome != Idle || len(r.Own) > 0 || r.CASoon, Installed: r.Installed, Requests: r.Requests}
	if r.Job != nil {
		copies := r.Job.Result(now)
		result.Copies = &copies
	}
	return result
}

// caDue returns the error of a run at a CA that ends soon and does not have a successor: then
// renewing does not help.
func (r *Report) caDue() error {
	if r.CASoon {
		return hint.ErrRefused
	}
	return nil
}

// Text words a report beside its job: the due certificates or, if none is due, the date of the
// next one.
func (r *Report) Text() termtext.Text {
	var b strings.Builder
	switch {
	case r.Outcome != Idle:
		for _, one := range r.Due {
			termtext.Fprintf(&b, "%s: %s\n", one.Path, strings.Join(one.Reasons, "; "))
		}
	case len(r.Stale) > 0:
		for _, text := range r.Stale {
			termtext.Fprintf(&b, "%s: would reload it\n", text)
		}
	case len(r.Own)+len(r.Unused) > 0: // which is among the warnings
	case len(r.Installed) == 0:
		return "nothing is installed here\n"
	default:
		next := slices.MinFunc(r.Installed, func(a, b Installed) int { return a.DueFrom.Compare(b.DueFrom) })
		termtext.Fprintf(&b, "nothing is due; next: %s on %s\n", next.Path, termtext.Day(next.DueFrom))
	}
	return termtext.Text(b.String())
}

// NextText returns the steps that are left to do, as [change.Report.NextText] words them.
func (r *Report) NextText() termtext.Text { return change.StepsText(r.Next) }

// Warnings returns the notes that need a person, in every outcome. Quiet leaves out those that
// would repeat every day until somebody acts.
func (r *Report) Warnings(quiet bool) []string {
	var all []string
	if !r.CAEnds.IsZero() && (!quiet || r.CASoon) {
		all = append(all, termtext.Sprintf("the CA expires on %s: start a rollover with virtpki ca rollover start", termtext.Day(r.CAEnds)))
	}
	if !quiet {
		all = append(append(all, r.Left...), r.Unused...)
	}
	return append(append(all, r.Own...), r.Told...)
}
