package systemd

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"
)

func TestTimer(t *testing.T) {
	now := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	const unit, dropIn = "etc/systemd/system/virtpki-renew.timer", "etc/systemd/system/virtpki-renew.timer.d/50.conf"
	for _, test := range []struct {
		name  string
		units files
		want  time.Duration
	}{
		{"a day, and what may come on top of it", files{unit: "[Timer]\nOnCalendar=daily\nRandomizedDelaySec=1h\nPersistent=true\n"}, 25*time.Hour + time.Minute},
		{"the same delay each time", files{unit: "[Timer]\nOnCalendar=daily\nRandomizedDelaySec=1h\nFixedRandomDelay=yes\nAccuracySec=1s\n"}, 24*time.Hour + time.Second},
		{"two times a day", files{unit: "[Timer]\nOnCalendar=*-*-* 04:00:00\nOnCalendar=16:00\nAccuracySec=0\n"}, 12 * time.Hour},
		{"weekdays", files{unit: "[Timer]\nOnCalendar=Mon..Fri 04:00\nAccuracySec=0\n"}, 72 * time.Hour},
		{"a drop-in adds", files{unit: "[Timer]\nOnCalendar=weekly\nAccuracySec=0\n", dropIn: "[Timer]\nOnCalendar=*:0/15\n"}, 15 * time.Minute},
		{"a drop-in replaces", files{unit: "[Timer]\nOnCalendar=hourly\nAccuracySec=0\n", dropIn: "[Timer]\nOnCalendar=\nOnCalendar=weekly\n"}, 7 * 24 * time.Hour},
		{"an empty value takes back all times", files{unit: "[Timer]\nOnCalendar=hourly\nOnBootSec=\nAccuracySec=0\nOnUnitActiveSec=2h 30min\n"}, 150 * time.Minute},
		{"both", files{unit: "[Timer]\nOnCalendar=daily\nOnUnitActiveSec=1d\nOnUnitInactiveSec=90\nAccuracySec=0\n"}, 90 * time.Second},
		{"another section, and an unknown time", files{unit: "[Unit]\nOnCalendar=hourly\n[Timer]\nOnCalendar=fortnightly\nOnUnitActiveSec=soon\n"}, 0},
		{"once", files{unit: "[Timer]\nOnCalendar=2027-05-01\nOnBootSec=15min\n"}, 0},
		{"masked", files{unit: ""}, 0},
		{"a delay without an end", files{unit: "[Timer]\nOnCalendar=daily\nRandomizedDelaySec=infinity\n"}, 24*time.Hour + maxDelay + time.Minute},
	} {
		tree := t.TempDir()
		write(t, tree, test.units)
		timer, err := at(tree).Timer("virtpki-renew.timer")
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := timer.Longest(now); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if _, err := at(t.TempDir()).Timer("virtpki-renew.timer"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no unit: %v", err)
	}
}

// TestHostileTimer looks at the timer of an image that is to keep check running for hours: many times
// that never come and take long to look for, many that come often, and a line without an end.
func TestHostileTimer(t *testing.T) {
	now := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	fill := func(line string) string {
		return "[Timer]\nAccuracySec=0\n" + strings.Repeat(line, (maxUnit-64)/len(line))
	}
	for name, test := range map[string]struct {
		unit string
		want time.Duration
	}{
		"never":    {"[Timer]\nOnCalendar=hourly\nAccuracySec=0\n" + strings.Repeat("OnCalendar=Mon *-02-30\n", 10000), time.Hour},
		"often":    {fill("OnCalendar=*:0/15\n"), 15 * time.Minute},
		"one line": {fill("\\\n"), 0},
	} {
		tree := t.TempDir()
		write(t, tree, files{"etc/systemd/system/virtpki-renew.timer": test.unit})
		start := time.Now()
		timer, err := at(tree).Timer("virtpki-renew.timer")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := timer.Longest(now); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}
