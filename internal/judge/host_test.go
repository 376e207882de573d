package judge

import (
	"crypto/x509"
	"testing"
	"time"
)

// A coming expiry is a note, a warning in the last week and an error on the last day. There is no
// finding before the certificate is due or after it has expired.
func TestEnds(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	tests := []struct {
		life, left time.Duration
		level      Level
		in         string
	}{
		{365 * day, 122 * day, "", ""},
		{365 * day, 121 * day, Note, "in 121 days"},
		{365 * day, 7*day + time.Hour, Note, "in 7 days"},
		{365 * day, 7 * day, Warning, "in 7 days"},
		{365 * day, 47 * time.Hour, Warning, "in 47 hours"},
		{365 * day, day + time.Hour, Warning, "in 25 hours"},
		{365 * day, day, Error, "in 24 hours"},
		{365 * day, time.Hour, Error, "in 1 hour"},
		{365 * day, 59 * time.Minute, Error, "within the hour"},
		{365 * day, 0, Error, "within the hour"},
		{365 * day, -time.Second, "", ""},
		{day, 9 * time.Hour, "", ""},
		{day, 7 * time.Hour, Error, "in 7 hours"},
		{7 * day, 2 * day, Warning, "in 2 days"},
	}
	for _, tt := range tests {
		cert := &x509.Certificate{NotBefore: now.Add(tt.left - tt.life), NotAfter: now.Add(tt.left)}
		due := func(c *x509.Certificate) time.Time { return c.NotAfter.Add(-c.NotAfter.Sub(c.NotBefore) / 3) }
		j := &hostJudge{Machine: Machine{Now: now, Due: due}}
		j.ends("/c", cert, "virtpki renew", "")
		text := "it expires " + tt.in + ", on " + cert.NotAfter.Format("2006-01-02 15:04 UTC")
		switch {
		case tt.level == "" && len(j.found) == 0:
		case len(j.found) != 1 || j.found[0].Level != tt.level || j.found[0].Text != text:
			t.Errorf("%v of %v left: %+v, want %q %q", tt.left, tt.life, j.found, tt.level, text)
		}
	}
}

// TestShortLife reports certificates that may expire between two runs of the timer.
func TestShortLife(t *testing.T) {
	now := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		due, end time.Duration // from now
		renews   time.Duration
		want     Level // empty for nothing
	}{
		{60 * 24 * time.Hour, 90 * 24 * time.Hour, 24 * time.Hour, ""},
		{16 * time.Hour, 24 * time.Hour, 0, Note},
		{16 * time.Hour, 24 * time.Hour, 24 * time.Hour, Warning},
		{16 * time.Hour, 24 * time.Hour, time.Hour, ""},
		{time.Hour, 25 * time.Hour, 24 * time.Hour, ""},
		{0, 6 * 24 * time.Hour, 7 * 24 * time.Hour, Warning},
		{-3 * time.Hour, -time.Hour, 24 * time.Hour, ""},
	} {
		cert := &x509.Certificate{NotAfter: now.Add(test.end)}
		j := &hostJudge{Machine: Machine{Now: now, Renews: test.renews, Due: func(*x509.Certificate) time.Time { return now.Add(test.due) }}}
		j.short("/cert.pem", cert)
		var got Level
		if len(j.found) > 0 {
			got = j.found[0].Level
		}
		if got != test.want {
			t.Errorf("due in %v, ends in %v, every %v: %q, want %q", test.due, test.end, test.renews, got, test.want)
		}
	}
}
