package calendar

import (
	"testing"
	"time"
)

func TestLongest(t *testing.T) {
	for _, test := range []struct {
		texts []string
		want  time.Duration
	}{
		{[]string{"daily"}, day},
		{[]string{"Sat,Sun 12:00"}, 6 * day},
		{[]string{"*:*:*"}, time.Second},
		{[]string{"09..17:*:*"}, 15*time.Hour + time.Second},
		{[]string{"Mon..Fri 09..17:*"}, 63*time.Hour + time.Minute},
		{[]string{"daily", "08,16:00"}, 8 * time.Hour},
		{[]string{"monthly"}, 31 * day},
		{[]string{"*-02-29"}, 1461 * day},
		{[]string{"2027-05-01"}, Forever},
		{nil, Forever},
	} {
		var all []Schedule
		for _, text := range test.texts {
			e, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		if got := Longest(newYear, all...); got.Round(time.Second) != test.want {
			t.Errorf("%q: %v, want %v", test.texts, got, test.want)
		}
	}
}

func TestCron(t *testing.T) {
	for _, test := range []struct{ line, next, rest string }{
		{"17 4 * * * root virtpki renew", "2027-01-02 04:17:00", "root virtpki renew"},
		{"*/20\t*  * * * x y", "2027-01-01 12:20:00", "x y"},
		{"0 0 1 * mon x", "2027-01-04 00:00:00", "x"},
		{"0 0 */2 * mon x", "2027-01-11 00:00:00", "x"},
		{"0 0 29 feb 7 x", "2027-02-07 00:00:00", "x"},
		{"0 8-18/5,23 * JAN Sun x", "2027-01-03 08:00:00", "x"},
		{"@Hourly x", "2027-01-01 13:00:00", "x"},
		{"0 0 31 4 * x", "", "x"},
		{"0 0 29 2 * x", "2028-02-29 00:00:00", "x"},
	} {
		c, rest, err := ParseCron(test.line)
		if err != nil {
			t.Error(err)
			continue
		}
		got := ""
		if next := c.Next(newYear); !next.IsZero() {
			got = next.Format(time.DateTime)
		}
		if got != test.next || rest != test.rest {
			t.Errorf("%q: %q, %q", test.line, got, rest)
		}
	}
	for _, line := range []string{"", "@reboot x", "60 * * * * x", "* 24 * * * x", "* * 0 * * x", "* * * 13 * x", "* * * * 8 x", "5/15 * * * * x", "9-5 * * * * x", "*/0 * * * * x", "1,,2 * * * * x", "SHELL=/bin/sh", "a b c d e"} {
		if c, _, err := ParseCron(line); err == nil {
			t.Errorf("%q: %+v", line, c)
		}
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90": 90 * time.Second, "1h 30min": 90 * time.Minute, "1h30m": 90 * time.Minute, "2.5 days": 60 * time.Hour, "1M": month, "1 month": month,
		"5us 3ms": 3005 * time.Microsecond, "infinity": Forever, "1w1d": 8 * day, "0": 0, "999999999y": Forever, "1y": year, "5 3": 8 * time.Second,
	} {
		if got, err := ParseSpan(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "-1", "h", "1.", "1.s", "1 x", "12.34.56", "infinity 1", "99999999999999999999"} {
		if got, err := ParseSpan(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// FuzzCron looks for lines that are taken and have no sensible next time.
func FuzzCron(f *testing.F) {
	for _, seed := range []string{"17 4 * * * root x", "*/5 1-3,8 29 feb sun x", "@daily x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if c, _, err := ParseCron(line); err == nil {
			if next := c.Next(newYear); !next.IsZero() && !next.After(newYear) {
				t.Fatalf("%q: %v", line, next)
			}
		}
		if span, err := ParseSpan(line); err == nil && span < 0 {
			t.Fatalf("%q: %v", line, span)
		}
	})
}

func BenchmarkLongest(b *testing.B) {
	e, err := Parse("Mon..Fri 04:00")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Longest(newYear, e)
	}
}
