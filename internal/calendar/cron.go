package calendar

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Cron is when a line of a crontab runs (crontab(5); vixie-cron, entry.c).
type Cron struct {
	minute, hour, day, month, weekday uint64 // a bit for each value
	either                            bool   // one of the day and the weekday is enough: both are given
}

// cronNames are the names of values; the first one of months is 1.
var (
	cronMonths = strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec")
	cronDays   = strings.Fields("sun mon tue wed thu fri sat")
)

var cronShorthands = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// ParseCron reads the times at the start of a line of a crontab, and returns the rest of it.
func ParseCron(line string) (c Cron, rest string, err error) {
	first, rest, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	if times, ok := cronShorthands[strings.ToLower(first)]; ok {
		c, _, err = ParseCron(times)
		return c, rest, err
	}
	rest = line
	var fields [5]string
	for i := range fields {
		rest = strings.TrimLeft(rest, " \t")
		end := strings.IndexAny(rest+" ", " \t")
		fields[i], rest = rest[:end], rest[end:]
	}
	ok := true
	for i, f := range []struct {
		bits     *uint64
		from, to int
		names    []string
	}{{&c.minute, 0, 59, nil}, {&c.hour, 0, 23, nil}, {&c.day, 1, 31, nil}, {&c.month, 1, 12, cronMonths}, {&c.weekday, 0, 7, cronDays}} {
		bits, good := cronField(fields[i], f.from, f.to, f.names)
		*f.bits, ok = bits, ok && good
	}
	if !ok {
		return Cron{}, "", fmt.Errorf("%q: not the times of a crontab", line)
	}
	if c.weekday>>7&1 == 1 { // Sunday too
		c.weekday |= 1
	}
	c.either = fields[2][0] != '*' && fields[4][0] != '*'
	return c, strings.TrimLeft(rest, " \t"), nil
}

// cronField reads one field: a list of values, ranges and steps.
func cronField(field string, from, to int, names []string) (bits uint64, ok bool) {
	for entry := range strings.SplitSeq(field, ",") {
		span, step, stepped := strings.Cut(entry, "/")
		every := 1
		if stepped {
			if every, ok = cronNumber(step, 1, to+1, nil); !ok {
				return 0, false
			}
		}
		low, high := from, to
		if span != "*" {
			first, last, isRange := strings.Cut(span, "-")
			if low, ok = cronNumber(first, from, to, names); !ok {
				return 0, false
			}
			switch high, ok = cronNumber(last, from, to, names); {
			case isRange && (!ok || high < low):
				return 0, false
			case !isRange && stepped:
				return 0, false
			case !isRange:
				high = low
			}
		}
		for v := low; v <= high; v += every {
			bits |= 1 << v
		}
	}
	return bits, bits != 0
}

// cronNumber reads a value, as a number or by its name.
func cronNumber(text string, from, to int, names []string) (int, bool) {
	for i, name := range names {
		if strings.EqualFold(text, name) {
			return i + from, true
		}
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && int(n) >= from && int(n) <= to
}

// cronHorizon is the number of days in which every possible time comes once: eight years, as
// 1900 or 2100 may lie between two leap years.
const cronHorizon = 8*366 + 1

// Next returns the first time after t; the zero time if there is none.
func (c Cron) Next(t time.Time) time.Time {
	t = t.Truncate(time.Minute).Add(time.Minute)
	for range cronHorizon {
		if c.matches(t) {
			for at := t; at.Day() == t.Day(); at = at.Add(time.Minute) {
				if c.hour>>at.Hour()&1 == 1 && c.minute>>at.Minute()&1 == 1 {
					return at
				}
			}
		}
		t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
	}
	return time.Time{}
}

// matches reports whether it runs on the day of t.
func (c Cron) matches(t time.Time) bool {
	day, weekday := c.day>>t.Day()&1 == 1, c.weekday>>t.Weekday()&1 == 1
	if c.month>>t.Month()&1 == 0 {
		return false
	}
	if c.either {
		return day || weekday
	}
	return day && weekday
}
