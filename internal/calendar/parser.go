package calendar

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// parser reads an expression from left to right.
type parser struct {
	Expression
	left   string
	failed bool
}

// next returns the next byte; 0 at the end.
func (p *parser) next() byte { return byteAt(p.left, 0) }

func byteAt(text string, i int) byte {
	if i < len(text) {
		return text[i]
	}
	return 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// fail ends the reading.
func (p *parser) fail() { p.left, p.failed = "", true }

// skipSpaces skips the spaces between two parts.
func (p *parser) skipSpaces() { p.left = strings.TrimLeft(p.left, " ") }

var dayNames = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

// weekday takes the name of a day, whole or by its first three letters.
func (p *parser) weekday() (nr int, ok bool) {
	for nr, name := range dayNames {
		for _, form := range []string{name, name[:3]} {
			if len(p.left) < len(form) || !strings.EqualFold(p.left[:len(form)], form) {
				continue
			}
			if c := byteAt(p.left, len(form)); c != 0 && !strings.ContainsRune("-., ", rune(c)) {
				p.fail()
				return 0, false
			}
			p.left = p.left[len(form):]
			return nr, true
		}
	}
	return 0, false
}

// weekdays takes the list of days, if the expression starts with one. A comma may end the list,
// a range may not stay open.
func (p *parser) weekdays() {
	for open, first := -1, true; ; first = false {
		nr, ok := p.weekday()
		if !ok {
			if !first {
				p.fail()
			}
			return
		}
		if open > nr {
			p.fail()
			return
		}
		for day := nr; day >= open && day >= 0; day-- {
			p.days |= 1 << day
			if open < 0 {
				break
			}
		}
		switch {
		case p.left == "":
			return
		case p.next() == ' ':
			p.skipSpaces()
			return
		case p.next() == ',':
			open, p.left = -1, p.left[1:]
		case open >= 0:
			p.fail()
			return
		case strings.HasPrefix(p.left, ".."):
			open, p.left = nr, p.left[2:]
		case p.next() == '-':
			open, p.left = nr, p.left[1:]
		default:
			p.fail()
			return
		}
		if p.left == "" || p.next() == ' ' {
			p.skipSpaces()
			if open >= 0 {
				p.fail()
			}
			return
		}
	}
}

// date takes a date, if there is one. It returns true if that was the whole expression: the
// seconds since 1970.
func (p *parser) date() (whole bool) {
	if p.left == "" {
		return false
	}
	if p.next() == '@' {
		return p.epoch()
	}
	start := p.left
	first := p.chain(false)
	if c := p.next(); !p.failed && (c == 0 || c == ':') { // it is a time
		p.left = start
		return false
	}
	p.dash()
	second := p.chain(false)
	if c := p.next(); c == 0 || c == ' ' {
		p.month, p.day = first, second
		p.skipSpaces()
		return false
	}
	if p.fromTheEnd {
		p.fail()
	}
	p.dash()
	p.year, p.month, p.day = first, second, p.chain(false)
	if c := p.next(); c != 0 && c != ' ' {
		p.fail()
	}
	p.skipSpaces()
	return false
}

// dash takes what separates two parts of a date: a tilde before a day that is counted from the
// end of the month.
func (p *parser) dash() {
	switch p.next() {
	case '~':
		p.fromTheEnd = true
	case '-':
	default:
		p.fail()
		return
	}
	p.left = p.left[1:]
}

// epoch takes the seconds since 1970.
func (p *parser) epoch() bool {
	digits := p.left[1 : 1+countDigits(p.left[1:])]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix() {
		p.fail()
		return true
	}
	p.left = p.left[1+len(digits):]
	t := time.Unix(n, 0).UTC()
	p.zone = time.UTC
	p.year, p.month, p.day = only(t.Year()), only(int(t.Month())), only(t.Day())
	p.hour, p.minute, p.micro = only(t.Hour()), only(t.Minute()), only(t.Second()*second)
	return true
}

// time takes the time of the day: midnight if there is none.
func (p *parser) time() {
	if p.failed {
		return
	}
	p.micro = only(0)
	if p.left == "" {
		p.hour, p.minute = only(0), only(0)
		return
	}
	p.hour = p.chain(false)
	p.colon()
	p.minute = p.chain(false)
	if p.left == "" {
		return
	}
	p.colon()
	p.micro = p.chain(true)
}

func (p *parser) colon() {
	if p.next() != ':' {
		p.fail()
		return
	}
	p.left = p.left[1:]
}

// chain takes the list of one part. micro says that it is in seconds, with a fraction.
func (p *parser) chain(micro bool) (c chain) {
	if p.next() == '*' {
		p.left = p.left[1:]
		if micro {
			return chain{{0, noStop, second}}
		}
		return nil
	}
	for {
		c = append(c, p.component(micro))
		if p.failed || len(c) > maxEntries {
			p.fail()
			return nil
		}
		if p.next() != ',' {
			return c
		}
		p.left = p.left[1:]
	}
}

// component takes one entry of a list: START, START..STOP, each with /REPEAT or without.
func (p *parser) component(micro bool) component {
	v := component{p.number(micro), noStop, 0}
	if strings.HasPrefix(p.left, "..") {
		p.left = p.left[2:]
		v.stop, v.repeat = p.number(micro), 1
		if micro {
			v.repeat = second
		}
	}
	if p.next() == '/' {
		p.left = p.left[1:]
		if v.repeat = p.number(micro); v.repeat == 0 {
			p.fail()
		}
	} else if v.start > math.MaxInt32-v.repeat || micro && v.stop != noStop && v.start+v.repeat > v.stop {
		p.fail()
	}
	if c := p.next(); c != 0 && !strings.ContainsRune(" ,-~:", rune(c)) {
		p.fail()
	}
	return v
}

// number takes a number. One of seconds may have a fraction, of which six digits count.
func (p *parser) number(micro bool) int {
	digits := p.left[:countDigits(p.left)]
	n, err := strconv.Atoi(digits)
	if err != nil || n > math.MaxInt32 {
		p.fail()
		return 0
	}
	p.left = p.left[len(digits):]
	if !micro {
		return n
	}
	n *= second
	if p.next() == '.' && byteAt(p.left, 1) != '.' {
		p.left = p.left[1:]
		n += p.fraction()
	}
	if n > math.MaxInt32 {
		p.fail()
	}
	return n
}

// fraction takes the digits behind a point, as microseconds.
func (p *parser) fraction() int {
	n := countDigits(p.left)
	if n == 0 {
		p.fail()
		return 0
	}
	digits := (p.left[:n] + "000000")[:6]
	micros, _ := strconv.Atoi(digits) // six digits
	if byteAt(p.left, 6) >= '5' && isDigit(byteAt(p.left, 6)) {
		micros++
	}
	p.left = p.left[n:]
	return micros
}

func countDigits(text string) (n int) {
	for isDigit(byteAt(text, n)) {
		n++
	}
	return n
}
