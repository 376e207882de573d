package systemd

import (
	"time"

	"virtpki/internal/calendar"
)

// Timer holds when systemd starts the service of a timer unit (systemd.timer(5)).
type Timer struct {
	Calendar []calendar.Schedule // OnCalendar=
	// Repeat is the shortest time from one run to the next by OnUnitActiveSec= and
	// OnUnitInactiveSec=; zero for none.
	Repeat time.Duration
	// Delay is how much later than planned a run may start: RandomizedDelaySec= unless it is
	// always the same, and AccuracySec=.
	Delay time.Duration
}

// usualAccuracy is AccuracySec= where a unit does not set it.
const usualAccuracy = time.Minute

// Timer reads a timer unit and its drop-ins. If the unit does not exist, the error is
// fs.ErrNotExist. A masked unit starts nothing.
func (m Machine) Timer(name string) (*Timer, error) {
	lines, err := m.lines(name)
	if err != nil {
		return nil, err
	}
	r := timerReader{accuracy: usualAccuracy}
	for _, l := range lines {
		if l.section == "Timer" {
			r.read(l, name)
		}
	}
	r.Delay = r.accuracy
	if !r.fixed {
		r.Delay += r.randomized
	}
	return &r.Timer, nil
}

// Longest returns the longest time between two runs, from a time on; zero if the timer starts
// nothing again and again.
func (t *Timer) Longest(from time.Time) time.Duration {
	longest := calendar.Longest(from, t.Calendar...)
	if t.Repeat > 0 {
		longest = min(longest, t.Repeat)
	}
	if longest >= calendar.Forever-t.Delay {
		return 0
	}
	return longest + t.Delay
}

// timerReader gathers the settings from the lines of a unit.
type timerReader struct {
	Timer
	accuracy, randomized time.Duration
	fixed                bool
}

// read takes one line. An empty value of any time takes back all times before it, and a value
// that cannot be read counts for nothing.
func (r *timerReader) read(l line, unit string) {
	switch l.key {
	case "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar":
		if l.value == "" {
			r.Calendar, r.Repeat = nil, 0
			return
		}
	}
	value, _ := expandSpecifiers(l.value, unit)
	span, err := calendar.ParseSpan(value)
	switch l.key {
	case "OnCalendar":
		if len(r.Calendar) == maxCalendar {
			return
		}
		if e, err := calendar.Parse(value); err == nil {
			r.Calendar = append(r.Calendar, e)
		}
	case "OnUnitActiveSec", "OnUnitInactiveSec":
		if err == nil && (r.Repeat == 0 || span < r.Repeat) {
			r.Repeat = span
		}
	case "RandomizedDelaySec":
		if err == nil {
			r.randomized = min(span, maxDelay)
		}
	case "AccuracySec":
		if err == nil {
			r.accuracy = min(span, maxDelay)
		}
	case "FixedRandomDelay":
		r.fixed = isTrue(l.value, r.fixed)
	}
}

// maxCalendar is how many times of OnCalendar= count: each takes a while to look through, and the
// unit of an image may have any number.
const maxCalendar = 64

// maxDelay is longer than any delay that makes sense.
const maxDelay = 100 * 365 * 24 * time.Hour

// isTrue reads a boolean; another text leaves it as it was.
func isTrue(text string, was bool) bool {
	switch text {
	case "1", "yes", "y", "true", "t", "on":
		return true
	case "0", "no", "n", "false", "f", "off":
		return false
	}
	return was
}
