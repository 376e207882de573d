package calendar

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Expression is a calendar expression as OnCalendar= has it (systemd.time(7), "Calendar
// Events"; systemd, src/shared/calendarspec.c).
type Expression struct {
	days        int            // a bit for each day of the week, Monday first; 0 for all of them
	zone        *time.Location // nil for the local one
	fromTheEnd  bool           // the days are counted from the end of the month
	year, month chain
	day         chain
	hour        chain
	minute      chain
	micro       chain // microseconds of the minute
}

// chain lists the values of one part of an expression. An empty one stands for all values.
type chain []component

// component is one entry of a list: a value, a range or a repetition.
type component struct{ start, stop, repeat int }

const (
	second     = int(time.Second / time.Microsecond)
	firstYear  = 1970
	lastYear   = 2199
	maxEntries = 240
	noStop     = -1
)

// errSyntax is the error for a text that is not an expression.
var errSyntax = errors.New("not a calendar expression")

func only(values ...int) (c chain) {
	for _, v := range values {
		c = append(c, component{v, noStop, 0})
	}
	return c
}

// shorthand returns the expression that a word such as daily stands for.
func shorthand(name string) (e Expression, ok bool) {
	e.micro = only(0)
	if name == "minutely" {
		return e, true
	}
	e.minute = only(0)
	if name == "hourly" {
		return e, true
	}
	e.hour = only(0)
	switch name {
	case "daily":
		return e, true
	case "weekly":
		e.days = 1
		return e, true
	}
	e.day = only(1)
	switch name {
	case "monthly":
	case "annually", "yearly", "anually":
		e.month = only(1)
	case "quarterly":
		e.month = only(1, 4, 7, 10)
	case "biannually", "bi-annually", "semiannually", "semi-annually":
		e.month = only(1, 7)
	default:
		return Expression{}, false
	}
	return e, true
}

// Parse reads an expression.
func Parse(text string) (Expression, error) {
	e, err := parse(text)
	if err == nil && !e.valid() {
		err = errSyntax
	}
	if err != nil {
		return Expression{}, fmt.Errorf("%q: %w", text, err)
	}
	return e, nil
}

func parse(text string) (Expression, error) {
	text, zone := cutZone(text)
	if text == "" {
		return Expression{}, errSyntax
	}
	if e, ok := shorthand(strings.ToLower(text)); ok {
		e.zone = zone
		return e, nil
	}
	p := &parser{left: text}
	p.weekdays()
	if !p.date() {
		p.time()
	}
	if p.failed || p.left != "" {
		return Expression{}, errSyntax
	}
	if p.zone == nil {
		p.zone = zone
	}
	p.normalize()
	return p.Expression, nil
}

// cutZone takes the time zone from the end of an expression; nil for the local one.
func cutZone(text string) (string, *time.Location) {
	if at := len(text) - len(" UTC"); at >= 0 && strings.EqualFold(text[at:], " UTC") {
		return text[:at], time.UTC
	}
	at := strings.LastIndexByte(text, ' ')
	if at < 0 || strings.EqualFold(text[at+1:], "local") {
		return text, nil
	}
	zone, err := time.LoadLocation(text[at+1:])
	if err != nil || text[at+1:] == "" {
		return text, nil
	}
	return text[:at], zone
}

// normalize completes years of two digits, and takes all days of the week for none.
func (e *Expression) normalize() {
	if e.days == 1<<7-1 {
		e.days = 0
	}
	if len(e.day) == 0 {
		e.fromTheEnd = false
	}
	for _, c := range []*chain{&e.year, &e.month, &e.day, &e.hour, &e.minute, &e.micro} {
		c.normalize()
	}
	century := func(year int) int {
		switch {
		case year >= 0 && year < 70:
			return year + 2000
		case year >= 70 && year < 100:
			return year + 1900
		}
		return year
	}
	for i := range e.year {
		e.year[i].start, e.year[i].stop = century(e.year[i].start), century(e.year[i].stop)
	}
}

// normalize takes a range with one value for that value, and sorts the entries.
func (c *chain) normalize() {
	for i, v := range *c {
		if v.stop > v.start && v.repeat > 0 {
			v.stop -= (v.stop - v.start) % v.repeat
		}
		if v.stop == v.start {
			v.stop, v.repeat = noStop, 0
		}
		(*c)[i] = v
	}
	slices.SortFunc(*c, func(a, b component) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.stop, b.stop), cmp.Compare(a.repeat, b.repeat))
	})
	*c = slices.Compact(*c)
}

// valid reports whether all values are possible ones.
func (e *Expression) valid() bool {
	return e.year.within(firstYear, lastYear, false) && e.month.within(1, 12, false) && e.day.within(1, 31, e.fromTheEnd) &&
		e.hour.within(0, 23, false) && e.minute.within(0, 59, false) && e.micro.within(0, 60*second-1, false)
}

// within reports whether the values lie between two. A repetition must come at least once. No
// month has less than 28 days that can be counted from its end. As in systemd, each further entry
// of such a list has three days less.
func (c chain) within(from, to int, fromTheEnd bool) bool {
	for _, v := range c {
		if fromTheEnd {
			to -= 3
		}
		last := v.start + v.repeat
		switch {
		case v.start < from || v.start > to || v.repeat > to-from:
			return false
		case v.stop != noStop && (v.stop < from || v.stop > to || last > v.stop):
			return false
		case v.stop == noStop && fromTheEnd && v.start-v.repeat < from:
			return false
		case v.stop == noStop && !fromTheEnd && last > to:
			return false
		}
	}
	return true
}
