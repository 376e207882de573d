package calendar

import "time"

// maxSteps is more than an expression needs that has a next time.
const maxSteps = 1000

// clock is a time in parts, which need not be normal: the 32nd of a month, say.
type clock struct {
	year, month, day, hour, minute, micro int
	in                                    *time.Location
}

func clockOf(t time.Time) clock {
	return clock{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()*second + t.Nanosecond()/1000, t.Location()}
}

func (c clock) time() time.Time {
	return time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.micro/second, c.micro%second*1000, c.in)
}

// Next returns the first time after t that an expression matches; the zero time if there is none.
func (e Expression) Next(t time.Time) time.Time {
	zone := e.zone
	if zone == nil {
		zone = t.Location()
	}
	c := clockOf(t.Add(time.Microsecond).Truncate(time.Microsecond).In(zone))
	for range maxSteps {
		c = clockOf(c.time())
		if c.year > lastYear {
			break
		}
		next, matches, ok := e.step(c)
		if !ok {
			break
		}
		if matches {
			return next.time().In(t.Location())
		}
		c = next
	}
	return time.Time{}
}

// step brings a clock nearer to the next match. matches reports that it is one; ok is false if
// there is none any more.
func (e Expression) step(c clock) (next clock, matches, ok bool) {
	lower := []*int{&c.year, &c.month, &c.day, &c.hour, &c.minute, &c.micro}
	first := []int{0, 1, 1, 0, 0, 0}
	for i, chain := range []chain{e.year, e.month, e.day, e.hour, e.minute, e.micro} {
		if i == 2 && e.fromTheEnd {
			chain = chain.fromEndOf(c)
		}
		reset := func(from int) {
			for k := from; k < len(lower); k++ {
				*lower[k] = first[k]
			}
		}
		v, found := chain.match(*lower[i])
		if !found && i == 0 {
			return c, false, false
		}
		if !found {
			*lower[i-1]++
			reset(i)
			return c, false, true
		}
		if v != *lower[i] {
			*lower[i] = v
			reset(i + 1)
			if normal := clockOf(c.time()); normal != c { // a day that the month does not have, an hour that the clock skips
				return over(c, normal), false, true
			}
		}
		if i == 2 && !e.matchesDay(c) {
			c.day++
			reset(3)
			return c, false, true
		}
	}
	return c, true, true
}

// over returns where to go on after a clock that was not normal: at the start of the month, the
// day or the hour that it led to. As in systemd, a repetition that leads over the end of two of
// them at once starts only one of them again.
func over(c, normal clock) clock {
	switch {
	case normal.year != c.year:
		normal.month, normal.day = 1, 1
	case normal.month != c.month:
		normal.day = 1
	case normal.day != c.day:
		normal.hour = 0
	case normal.hour != c.hour:
		normal.minute = 0
	case normal.minute != c.minute:
		normal.micro %= second
	}
	return normal
}

// matchesDay reports whether the day of a clock is one of the days of the week.
func (e Expression) matchesDay(c clock) bool {
	day := time.Date(c.year, time.Month(c.month), c.day, 12, 0, 0, 0, time.UTC).Weekday()
	return e.days == 0 || e.days>>((day+6)%7)&1 == 1
}

// match returns the smallest value of a list that is not below v.
func (c chain) match(v int) (value int, found bool) {
	if len(c) == 0 {
		return v, true
	}
	for _, one := range c {
		k := one.start
		if k < v {
			if one.repeat == 0 {
				continue
			}
			k += (v - k + one.repeat - 1) / one.repeat * one.repeat
			if one.stop != noStop && k > one.stop {
				continue
			}
		}
		if !found || k < value {
			value, found = k, true
		}
	}
	return value, found
}

// fromEndOf returns the days of a month that a list counts from its end: 1 is the last one.
func (c chain) fromEndOf(month clock) chain {
	last := time.Date(month.year, time.Month(month.month)+1, 0, 12, 0, 0, 0, time.UTC).Day()
	days := make(chain, len(c))
	for i, one := range c {
		days[i] = component{last + 1 - one.start, noStop, one.repeat}
		if one.stop != noStop {
			days[i].start, days[i].stop = last+1-one.stop, last+1-one.start
		}
	}
	return days
}
