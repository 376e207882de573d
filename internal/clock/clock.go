package clock

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"virtpki/internal/judge"
)

// Facts are the facts by which a clock is judged.
type Facts struct {
	Now    time.Time
	Passed []Passed
	Lives  []Life // of the certificates that are installed on the machine
	NTP    NTP
}

// Passed is a moment that no correct clock is before. What says what happened then, after the word
// "before". A moment that is not Certain was read off a clock that may have been ahead: it counts
// only beside a file that is refused for its date.
type Passed struct {
	At      time.Time
	What    string
	Certain bool
}

// Life is the lifetime of a certificate.
type Life struct {
	CA          bool
	From, Until time.Time
}

// dead is the time after which nobody is believed to have let a whole installation expire: it is
// rather the clock.
const dead = 365 * 24 * time.Hour

// Judge returns the finding on a wrong clock, with the level of the worst finding on dates among
// found; nil if the clock may be right. A clock that NTP keeps is not ahead; it is behind only if a
// passed moment proves it.
func Judge(found []judge.Finding, f Facts) *judge.Finding {
	files, worst := dated(found, "-future")
	if worst.Level != judge.Error {
		f.Passed = slices.DeleteFunc(slices.Clone(f.Passed), func(p Passed) bool { return !p.Certain })
	}
	if why := f.behind(len(files)); why != "" {
		return &judge.Finding{ID: "clock", Level: worst.Level, Stage: worst.Stage, Text: why, Fix: f.NTP.fix()}
	}
	if why := f.ahead(); why != "" {
		_, worst := dated(found, "-expired")
		return &judge.Finding{ID: "clock-ahead", Level: worst.Level, Stage: worst.Stage, Text: why, Fix: f.NTP.fix()}
	}
	return nil
}

// behind returns why the clock is behind; empty if it is not. later is the number of files that
// begin later than now.
func (f Facts) behind(later int) string {
	says := "the clock says " + minute(f.Now)
	if last := f.lastPassed(); last.At.After(f.Now) {
		return fmt.Sprintf("%s, which is before %s (%s): it is behind", says, last.What, minute(last.At))
	}
	switch {
	case f.NTP.Synchronized:
		return ""
	case later >= 2:
		return fmt.Sprintf("%s, and %d files here begin later: it is behind", says, later)
	case f.all(func(l Life) bool { return f.Now.Before(l.From) }):
		return says + ", and all certificates here begin later, the CA's too: it is behind"
	}
	return ""
}

// ahead returns why the clock is ahead; empty if it may be right.
func (f Facts) ahead() string {
	if f.NTP.Synchronized || len(f.Lives) < 2 || !f.all(func(l Life) bool { return f.Now.Sub(l.Until) > dead }) {
		return ""
	}
	last := slices.MaxFunc(f.Lives, func(a, b Life) int { return a.Until.Compare(b.Until) })
	return fmt.Sprintf("the clock says %s, and all %d certificates here had expired by %s, more than a year before: it is ahead. If it is right, replace the CA: virtpki ca rollover start",
		minute(f.Now), len(f.Lives), minute(last.Until))
}

// lastPassed returns the latest of the moments that have passed.
func (f Facts) lastPassed() (last Passed) {
	for _, p := range f.Passed {
		if p.At.After(last.At) {
			last = p
		}
	}
	return last
}

// all reports whether something holds for all lifetimes, with that of a CA among them.
func (f Facts) all(holds func(Life) bool) bool {
	return slices.ContainsFunc(f.Lives, func(l Life) bool { return l.CA }) &&
		!slices.ContainsFunc(f.Lives, func(l Life) bool { return !holds(l) })
}

// dated returns the files with a finding about their dates, and the finding that matters most. A
// wrong clock is worth a warning even if nothing follows yet: it dates all that is signed.
func dated(found []judge.Finding, suffix string) (files []string, worst judge.Finding) {
	worst = judge.Finding{Level: judge.Warning, Stage: judge.Host}
	for _, one := range found {
		if !strings.HasSuffix(one.ID, suffix) {
			continue
		}
		if !slices.Contains(files, one.File) {
			files = append(files, one.File)
		}
		if one.Level == judge.Error && worst.Level != judge.Error {
			worst = one
		}
	}
	return files, worst
}

// minute words a moment. A day is too coarse: a certificate may begin later on the same day.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
