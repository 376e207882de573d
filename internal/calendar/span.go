package calendar

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// units are the names of units of time (systemd.time(7); systemd, src/basic/time-util.c). Of two
// that a text starts with, the first one counts.
var units = []struct {
	name string
	is   time.Duration
}{
	{"seconds", time.Second}, {"second", time.Second}, {"sec", time.Second}, {"s", time.Second},
	{"minutes", time.Minute}, {"minute", time.Minute}, {"min", time.Minute},
	{"months", month}, {"month", month}, {"M", month},
	{"msec", time.Millisecond}, {"ms", time.Millisecond}, {"m", time.Minute},
	{"hours", time.Hour}, {"hour", time.Hour}, {"hr", time.Hour}, {"h", time.Hour},
	{"days", day}, {"day", day}, {"d", day},
	{"weeks", 7 * day}, {"week", 7 * day}, {"w", 7 * day},
	{"years", year}, {"year", year}, {"y", year},
	{"usec", time.Microsecond}, {"us", time.Microsecond}, {"µs", time.Microsecond}, {"μs", time.Microsecond},
}

const (
	day   = 24 * time.Hour
	month = 2629800 * time.Second
	year  = 31557600 * time.Second
)

// Forever is the length of a span that does not end, or is longer than a duration can be.
const Forever = time.Duration(math.MaxInt64)

// ParseSpan reads a span of time as a unit has it: "1h 30min", "90", "2.5 days", "infinity". A
// number without a unit is seconds.
func ParseSpan(text string) (time.Duration, error) {
	left := trim(text)
	if left == "infinity" {
		return Forever, nil
	}
	sum, bad := time.Duration(0), fmt.Errorf("%q: not a span of time", text)
	if left == "" {
		return 0, bad
	}
	for left != "" {
		var one time.Duration
		var ok bool
		if one, left, ok = cutSpan(left); !ok {
			return 0, bad
		}
		if sum > Forever-one {
			return Forever, nil
		}
		sum += one
	}
	return sum, nil
}

// whitespace holds the characters that systemd takes for a space.
const whitespace = " \t\n\r"

func trim(text string) string { return strings.TrimLeft(text, whitespace) }

// cutSpan takes one number with its unit from a text.
func cutSpan(text string) (span time.Duration, left string, ok bool) {
	text = strings.TrimPrefix(text, "+")
	digits := text[:countDigits(text)]
	text = text[len(digits):]
	fraction := ""
	if strings.HasPrefix(text, ".") {
		fraction = text[1 : 1+countDigits(text[1:])]
		if text = text[1+len(fraction):]; fraction == "" {
			return 0, "", false
		}
	}
	if digits == "" && fraction == "" {
		return 0, "", false
	}
	unit := time.Second
	left = trim(text)
	for _, u := range units {
		if rest, found := strings.CutPrefix(left, u.name); found {
			unit, left, text = u.is, trim(rest), ""
			break
		}
	}
	if left == text && text != "" {
		return 0, "", false
	}
	n, err := strconv.ParseInt("0"+digits, 10, 64)
	if err != nil || n >= int64(Forever/unit) {
		return Forever, left, err == nil
	}
	span = time.Duration(n) * unit
	for m := unit / time.Microsecond / 10; fraction != ""; fraction, m = fraction[1:], m/10 {
		span += time.Duration(fraction[0]-'0') * m * time.Microsecond
	}
	return span, left, true
}
