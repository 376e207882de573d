package fleet

import (
	"crypto/x509"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/termtext"
)

// tally counts the bundles of a run, and keeps the notes for people.
type tally struct {
	Count

	began     time.Time
	until     time.Time // when the first of the certificates ends
	dropped   int       // bundles without a name that the CA may not sign
	example   string    // one of them
	shortened bool      // the CA ends before the certificates should
	letIn     int       // certificates for those who were shut out
	again     string    // the note about one of them
	unbound   string    // a template makes certificates that are good for more than their role

	other map[string]bool // existing bundles with another key, lifetime or template than the request
}

// start counts the bundles that are there when the work begins.
func (t *tally) start(total int, has []bool) {
	if t.began.IsZero() {
		t.began = time.Now()
		t.Total = total
	}
	t.There = -t.Made
	for _, there := range has {
		if there {
			t.There++
		}
	}
}

// add takes note of a certificate.
func (t *tally) add(cert, ca *x509.Certificate, name string, dropped []string) {
	if t.until.IsZero() || cert.NotAfter.Before(t.until) {
		t.until = cert.NotAfter
	}
	if len(dropped) > 0 {
		t.dropped++
		t.example = authority.DroppedText(dropped, name)
	}
	t.shortened = t.shortened || !cert.NotAfter.Before(ca.NotAfter)
}

// addLetIn records that a certificate admits again a client that was shut out.
func (t *tally) addLetIn(text string, err error) {
	if err != nil {
		text = authority.HistoryUnknown(err)
	}
	if text != "" {
		t.letIn++
		t.again = text
	}
}

// tellProgress tells how far the run is.
func (f *fleet) tellProgress() {
	f.mu.Lock()
	count := f.tally.Count
	f.mu.Unlock()
	f.r.Progress(count)
}

// Report holds the results of a run, or of a dry run; its JSON form is stable. It does not grow
// with the fleet, but for Would: list --fleet tells of each certificate.
type Report struct {
	Hosts        int       `json:"hosts"`
	Made         int       `json:"made"`
	There        int       `json:"there"`
	Certificates int       `json:"certificates"` // made
	Out          string    `json:"out"`
	NotAfter     time.Time `json:"not_after,omitzero"` // of the first to end
	Notes        []string  `json:"notes"`
	Would        []Planned `json:"-"` // be made, with a DryRun
}

// Planned is a bundle that would be made.
type Planned struct {
	Place string // the place where it would lie, in words for people
	Names string // of the host, for people; may be empty
}

func (f *fleet) report() *Report {
	t := &f.tally
	return &Report{Hosts: t.Total, Made: t.Made, There: t.There, Certificates: t.Made * len(f.r.Roles),
		Out: f.r.Out, NotAfter: t.until, Notes: append(append([]string{}, f.twins...), t.notes()...)}
}

// reportUnless returns the report, unless there is an error.
func (f *fleet) reportUnless(err error) (*Report, error) {
	if err != nil {
		return nil, err
	}
	return f.report(), nil
}

// dryReport reports the bundles that a run would make.
func (f *fleet) dryReport(list *Hosts, has []bool) (*Report, error) {
	r := f.report()
	for i, h := range list.hosts {
		if has[i] {
			continue
		}
		ids, err := f.identitiesOf(h)
		if err != nil {
			return nil, err
		}
		r.Would = append(r.Would, Planned{f.r.placeOf(ids[0].Name), ids[0].Text()})
	}
	return r, nil
}

// notes returns the notes for people about the certificates that were made, and about the
// bundles that were there.
func (t *tally) notes() (notes []string) {
	note := func(format string, args ...any) { notes = append(notes, termtext.Sprintf(format, args...)) }
	others := func(n int) {
		if n > 1 {
			note("and so with %s", termtext.Count(n-1, "other certificate", "other certificates"))
		}
	}
	if t.Device && t.Made > 0 {
		note("a device signed the certificates, one at a time")
	}
	if t.shortened {
		note("the certificates expire on %s, with their CA", termtext.Day(t.until))
	}
	if t.unbound != "" {
		note("%s", t.unbound)
	}
	if t.dropped > 0 {
		note("%s", t.example)
	}
	others(t.dropped)
	if t.letIn > 0 {
		note("%s", t.again)
	}
	others(t.letIn)
	if n := len(t.other); n > 0 {
		note("left %s with another key type, validity or template unchanged (to make a bundle again, remove it)",
			termtext.Count(n, "bundle", "bundles"))
	}
	return notes
}
