package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"virtpki/internal/authority"
	"virtpki/internal/termtext"
)

// fleetTally counts what a run does, and keeps what people should know.
type fleetTally struct {
	total, there, made int

	began     time.Time
	until     time.Time // when the first of the certificates ends
	dropped   int       // bundles without a name that the CA may not sign
	example   string    // one of them
	shortened bool      // the CA ends before the certificates should
	letIn     int       // certificates for those who were shut out
	again     string    // what is to be said of one of them
	unbound   string    // a template makes certificates that are good for more than their role

	other map[string]bool // bundles that were there, of another shape than asked for
}

// start counts what is there when the work begins.
func (t *fleetTally) start(total int, has []bool) {
	if t.began.IsZero() {
		t.began = time.Now()
		t.total = total
	}
	t.there = -t.made
	for _, there := range has {
		t.there += truth(there)
	}
}

func (t *fleetTally) left() int { return t.total - t.there - t.made }

// add takes note of a certificate.
func (t *fleetTally) add(cert, ca *x509.Certificate, name string, dropped []string) {
	if t.until.IsZero() || cert.NotAfter.Before(t.until) {
		t.until = cert.NotAfter
	}
	if len(dropped) > 0 {
		t.dropped++
		t.example = authority.DroppedText(dropped, name)
	}
	t.shortened = t.shortened || !cert.NotAfter.Before(ca.NotAfter)
}

// addLetIn takes note of whom a certificate lets in again.
func (t *fleetTally) addLetIn(text string, err error) {
	if err != nil {
		text = authority.HistoryUnknown(err)
	}
	if text != "" {
		t.letIn++
		t.again = text
	}
}

// tallied is the tally as it is now.
func (f *fleet) tallied() fleetTally {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tally
}

// fleetReport is the JSON form of what was done. It does not grow with the fleet:
// list --fleet tells of each certificate.
type fleetReport struct {
	Hosts        int       `json:"hosts"`
	Made         int       `json:"made"`
	There        int       `json:"there"`
	Certificates int       `json:"certificates"` // made
	Out          string    `json:"out"`
	NotAfter     time.Time `json:"not_after,omitzero"` // of the first to end
	Notes        []string  `json:"notes"`
}

func (f *fleet) notes() []string {
	notes := append([]string{}, f.twins...)
	if f.tally.shortened {
		notes = append(notes, fmt.Sprintf("the certificates end on %s, with their CA", termtext.Day(f.tally.until)))
	}
	if f.tally.unbound != "" {
		notes = append(notes, f.tally.unbound)
	}
	if f.tally.dropped > 0 {
		notes = append(notes, f.tally.example)
	}
	if f.tally.dropped > 1 {
		notes = append(notes, fmt.Sprintf("and so with %s", termtext.Count(f.tally.dropped-1, "other certificate", "other certificates")))
	}
	if f.tally.letIn > 0 {
		notes = append(notes, f.tally.again)
	}
	if f.tally.letIn > 1 {
		notes = append(notes, fmt.Sprintf("and so with %s", termtext.Count(f.tally.letIn-1, "other certificate", "other certificates")))
	}
	if n := len(f.tally.other); n > 0 {
		notes = append(notes, fmt.Sprintf("%s not as asked for by key type, validity or template, and left alone (what is removed is made again)",
			termtext.Count(n, "bundle that was there is", "bundles that were there are")))
	}
	return notes
}

// tell prints what was done.
func (f *fleet) tell() error {
	t := f.tally
	report := fleetReport{Hosts: t.total, Made: t.made, There: t.there, Certificates: t.made * len(f.roles),
		Out: f.o.out, NotAfter: t.until, Notes: f.notes()}
	switch {
	case f.g.json:
		return f.printJSON(report)
	case f.g.quiet:
		return nil
	case t.made == 0:
		termtext.Fprintf(f.results(), "nothing to do: %s in %s\n", termtext.Count(t.there, "bundle is", "bundles are"), f.o.out)
	default:
		f.tellMade(report)
	}
	for _, note := range report.Notes {
		f.warn("%s", note)
	}
	return nil
}

// tellMade prints what was made, and what was there.
func (f *fleet) tellMade(r fleetReport) {
	days := int(r.NotAfter.Sub(f.here.Now()).Round(24*time.Hour).Hours() / 24)
	termtext.Fprintf(f.results(), "made %s in %s: %s until %s (%d days)\n", termtext.Count(r.Made, "bundle", "bundles"), f.outText(),
		termtext.Count(r.Certificates, "certificate", "certificates"), termtext.Day(r.NotAfter), days)
	if r.There > 0 {
		termtext.Fprintf(f.results(), "%s there already\n", termtext.Count(r.There, "bundle was", "bundles were"))
	}
}

// tellDry prints what would be made.
func (f *fleet) tellDry(list *hostList, has []bool) error {
	if f.g.json {
		return f.printJSON(fleetReport{Hosts: f.tally.total, There: f.tally.there, Out: f.o.out, Notes: f.notes()})
	}
	if f.g.quiet {
		return nil
	}
	for i, h := range list.hosts {
		if has[i] {
			continue
		}
		ids, err := f.identitiesOf(h)
		if err != nil {
			return err
		}
		line := "would make " + f.placeOf(ids[0].Name)
		if names := ids[0].Text(); names != "" {
			line += " for " + names
		}
		termtext.Fprintf(f.results(), "%s\n", line)
	}
	termtext.Fprintf(f.results(), "would make %s, %d there already\n", termtext.Count(f.tally.left(), "bundle", "bundles"), f.tally.there)
	for _, note := range f.notes() {
		f.warn("%s", note)
	}
	return nil
}

// progress tells people on stderr how far a run is: on a terminal in one line that
// moves, elsewhere in a line now and then.
type progress struct {
	f      *fleet
	moving bool
	made   int // when this part began
	began  time.Time
	last   time.Time
}

// How often progress is told, on a terminal and elsewhere.
const (
	movingEvery = 200 * time.Millisecond
	lineEvery   = 10 * time.Second
)

func (f *fleet) newProgress() *progress {
	p := &progress{f: f, made: f.tally.made, began: time.Now(), last: time.Now()}
	if file, ok := f.stderr.(*os.File); ok {
		p.moving = term.IsTerminal(int(file.Fd()))
	}
	return p
}

// show tells how far it is, unless it was told a moment ago.
func (p *progress) show() {
	every := lineEvery
	if p.moving {
		every = movingEvery
	}
	if p.f.g.quiet || time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	t := p.f.tallied()
	text := progressText(t, t.made-p.made, time.Since(p.began))
	if p.moving {
		termtext.Fprintf(p.f.stderr, "\r\x1b[K%s", text)
	} else {
		p.f.warn("%s", text)
	}
}

// progressText is how far a run is that has made so many in this time.
func progressText(t fleetTally, made int, elapsed time.Duration) string {
	text := fmt.Sprintf("%d of %s", t.made+t.there, termtext.Count(t.total, "bundle", "bundles"))
	if made == 0 || elapsed <= 0 {
		return text
	}
	rate := float64(made) / elapsed.Seconds()
	left := time.Duration(float64(t.left()) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s, %.1f a second, %v left", text, rate, left)
}

// end clears the line that moved.
func (p *progress) end() {
	if p.moving && !p.f.g.quiet {
		io.WriteString(p.f.stderr, "\r\x1b[K")
	}
}
