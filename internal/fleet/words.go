package fleet

import (
	"fmt"
	"strings"
	"time"

	"virtpki/internal/termtext"
)

// Text says what a run has done, or would do, but for the notes.
func (r *Report) Text(of *Request, now time.Time) termtext.Text {
	var b strings.Builder
	line := func(format string, args ...any) { termtext.Fprintf(&b, format+"\n", args...) }
	switch {
	case of.DryRun:
		for _, p := range r.Would {
			line("%s", p.text())
		}
		line("would make %s, %d there already", termtext.Count(r.Hosts-r.There, "bundle", "bundles"), r.There)
		return termtext.Text(b.String())
	case r.Made == 0:
		line("nothing to do: %s in %s", termtext.Count(r.There, "bundle is", "bundles are"), r.Out)
		return termtext.Text(b.String())
	}
	out := r.Out
	if of.ToStdout() {
		out = "the archive"
	}
	days := int(r.NotAfter.Sub(now).Round(24*time.Hour).Hours() / 24)
	line("made %s in %s: %s until %s (%d days)", termtext.Count(r.Made, "bundle", "bundles"), out,
		termtext.Count(r.Certificates, "certificate", "certificates"), termtext.Day(r.NotAfter), days)
	if r.There > 0 {
		line("%s there already", termtext.Count(r.There, "bundle was", "bundles were"))
	}
	return termtext.Text(b.String())
}

func (p *Planned) text() string {
	if p.Names == "" {
		return "would make " + p.Place
	}
	return fmt.Sprintf("would make %s for %s", p.Place, p.Names)
}

// Text words the progress of a run that has made so many bundles in this time.
func (c Count) Text(made int, elapsed time.Duration) string {
	text := fmt.Sprintf("%d of %s", c.Made+c.There, termtext.Count(c.Total, "bundle", "bundles"))
	if c.Device {
		text += " (signed by the device, one at a time)"
	}
	if made == 0 || elapsed <= 0 {
		return text
	}
	rate := float64(made) / elapsed.Seconds()
	left := time.Duration(float64(c.Left()) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s, %.1f a second, %v left", text, rate, left)
}
