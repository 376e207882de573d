package inspect

import (
	"strings"
	"time"
)

// renewTimer is the unit that virtpki generate systemd writes.
const renewTimer = "/etc/systemd/system/virtpki-renew.timer"

// shorthands are systemd's names for intervals of a timer (systemd.time(7)).
var shorthands = map[string]time.Duration{
	"minutely": time.Minute, "hourly": time.Hour, "daily": 24 * time.Hour, "weekly": 7 * 24 * time.Hour,
	"monthly": 31 * 24 * time.Hour, "quarterly": 92 * 24 * time.Hour, "semiannually": 184 * 24 * time.Hour, "yearly": 366 * 24 * time.Hour,
}

// renewsEvery returns the interval of a timer unit, by the last of its times; zero if that time is
// not a name.
func renewsEvery(unit string) (every time.Duration) {
	for line := range strings.Lines(unit) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "OnCalendar="); ok {
			every = shorthands[strings.TrimSpace(value)]
		}
	}
	return every
}
