package calendar

import (
	"testing"
	"time"
)

var newYear = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC) // a Friday

func TestNext(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"daily", "2027-01-02 00:00:00"},
		{"Daily", "2027-01-02 00:00:00"},
		{"hourly", "2027-01-01 13:00:00"},
		{"weekly", "2027-01-04 00:00:00"},
		{"semi-annually UTC", "2027-07-01 00:00:00"},
		{"*-*-* 04:00:00", "2027-01-02 04:00:00"},
		{"04:00", "2027-01-02 04:00:00"},
		{"Mon..Wed,Sun 03:30", "2027-01-03 03:30:00"},
		{"mon-wed, 3:30:15", "2027-01-04 03:30:15"},
		{"*:0/15", "2027-01-01 12:15:00"},
		{"*-*-1,15 00:00", "2027-01-15 00:00:00"},
		{"*-02-29", "2028-02-29 00:00:00"},
		{"*-02~01", "2027-02-28 00:00:00"},
		{"Mon *-05~07/1", "2027-05-31 00:00:00"},
		{"*-*~1..3", "2027-01-29 00:00:00"},
		{"27-03-01", "2027-03-01 00:00:00"},
		{"04:00 Asia/Kathmandu", "2027-01-01 22:15:00"},
		{"@1900000000", "2030-03-17 17:46:40"},
		{"2026-01-01", ""},
		{"*-02-30", ""},
	} {
		e, err := Parse(test.text)
		if err != nil {
			t.Error(err)
			continue
		}
		got := ""
		if next := e.Next(newYear); !next.IsZero() {
			got = next.UTC().Format(time.DateTime)
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", " UTC", "bogus", "Mond", "Mon..", "Wed..Mon", "Mon..Tue..Wed", "*-13-01", "*-*-32", "24:00", "12:60", "12:00:60", "1/0:00",
		"*-*~29", "*-*-*-*", "12", "@", "@99999999999999999999", "12:00 Nowhere/At_All", "1..:00", "*:*:0..0.5", "9:5..1", "99999999999:00",
	} {
		if e, err := Parse(text); err == nil {
			t.Errorf("%q: %+v", text, e)
		}
	}
}

// FuzzParse looks for texts that are not refused and have no sensible next time.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"daily", "Mon..Fri *-*~01/3 1,2..7/2:0/15:30.5 Europe/Berlin", "@5", "*-02-30", "2199-12-31 23:59:59.999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		at := newYear
		for range 3 {
			next := e.Next(at)
			if next.IsZero() {
				break
			}
			if !next.After(at) {
				t.Fatalf("%q: %v after %v", text, next, at)
			}
			at = next
		}
	})
}
