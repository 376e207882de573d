package pki

import (
	"fmt"
	"strconv"
	"time"
)

// The default lifetimes.
const (
	DefaultCAValidity   = 10 * Year
	DefaultLeafValidity = Year
	DefaultCRLValidity  = 30 * Day

	// Backdate is the time before now at which a certificate begins, so that a host with a clock a
	// little behind accepts it at once.
	Backdate = Day

	Day  = 24 * time.Hour
	Year = 365 * Day
)

// maxValidity keeps every expiry well below the year 9999, the last that a certificate can name
// (RFC 5280 section 4.1.2.5).
const maxValidity = 200 * Year

// ParseValidity reads a lifetime: a whole number and a unit, s, m, h, d (24
// hours) or y (365 days), such as "90s", "12h", "30d", "1y".
func ParseValidity(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': Day, 'y': Year}
	if s == "" {
		return 0, fmt.Errorf("empty duration (write 12h, 30d or 1y)")
	}
	unit, known := units[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 40)
	if !known || err != nil || s[0] == '+' {
		return 0, fmt.Errorf("bad duration %q (write 12h, 30d or 1y)", s)
	}
	if n == 0 || n > uint64(maxValidity/unit) {
		return 0, fmt.Errorf("duration %q out of range (more than nothing, at most 200y)", s)
	}
	return time.Duration(n) * unit, nil
}

// FormatValidity prints d as [ParseValidity] reads it, in the largest unit that
// holds it without a remainder; a fraction of a second is dropped.
func FormatValidity(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{Year, "y"}, {Day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d >= u.size && d%u.size == 0 {
			return fmt.Sprintf("%d%s", d/u.size, u.name)
		}
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
