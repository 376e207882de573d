package inspect

import (
	"strings"
	"testing"
	"time"
)

func TestCronRuns(t *testing.T) {
	now := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		line         string
		every, delay time.Duration
	}{
		{"17 4 * * * root /usr/bin/virtpki renew --quiet", 24 * time.Hour, 0},
		{"17 4 * * * root /usr/bin/virtpki renew --quiet --jitter=10m", 24*time.Hour + 10*time.Minute, 10 * time.Minute},
		{"17 4 * * * root /usr/bin/virtpki renew '--jitter=2h' --quiet", 26 * time.Hour, 2 * time.Hour},
		{"17 4 * * mon-fri root virtpki renew --jitter 10m --quiet", 72*time.Hour + 10*time.Minute, 10 * time.Minute},
		{"@weekly root virtpki renew", 7 * 24 * time.Hour, 0},
		{"17 4 * * * root /usr/bin/virtpki check", 0, 0},
		{"# 17 4 * * * root /usr/bin/virtpki renew", 0, 0},
		{"0 0 30 2 * root virtpki renew", 0, 0},
		{"PATH=/usr/sbin:/usr/bin", 0, 0},
		{"", 0, 0},
	} {
		if every, delay := cronRuns(test.line, now); every != test.every || delay != test.delay {
			t.Errorf("%q: %v, %v, want %v, %v", test.line, every, delay, test.every, test.delay)
		}
	}
}

// TestOften proposes what makes a short certificate be renewed in time.
func TestOften(t *testing.T) {
	const unit = "/etc/systemd/system/virtpki-renew.timer"
	for _, test := range []struct {
		name   string
		r      renews
		window time.Duration
		want   string
	}{
		{"a timer", renews{delay: time.Hour}, 8 * time.Hour, "sed -i 's/^OnCalendar=.*/OnCalendar=hourly/' " + unit},
		{"a short window", renews{}, time.Hour, "sed -i 's/^OnCalendar=.*/OnCalendar=minutely/' " + unit},
		{"a delay longer than the window", renews{delay: time.Hour}, 30 * time.Minute, `OnCalendar=minutely\nRandomizedDelaySec=0\n' >` + unit + ".d/zz-often.conf"},
		{"drop-ins", renews{dropIns: true}, 8 * time.Hour, `[Timer]\nOnCalendar=\nOnCalendar=hourly\n' >` + unit + ".d/zz-often.conf"},
		{"a crontab", renews{crontab: "/etc/cron.d/virtpki", delay: 10 * time.Minute}, 8 * time.Hour, `sed -i -E 's/^([0-9]+) +[0-9]+ /\1 * /' /etc/cron.d/virtpki`},
		{"a crontab that would have to run each minute", renews{crontab: "/etc/cron.d/virtpki"}, time.Hour, ""},
	} {
		if got := test.r.often(test.window, unit, false); got != test.want && (test.want == "" || !strings.HasSuffix(got, test.want)) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestHostileCrontab looks at the crontab of an image that is to keep check running for minutes.
func TestHostileCrontab(t *testing.T) {
	now := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	crontab := strings.Repeat("* 15-23 * * * x renew\n", maxCrontab/22)
	start := time.Now()
	if every, _ := crontabRuns(crontab, now); every.Round(time.Second) != 15*time.Hour+time.Minute {
		t.Errorf("every %v", every)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if every, _ := crontabRuns("SHELL=/bin/sh\n\n17 4 * * * root virtpki renew\n17 */6 * * * root virtpki renew\n", now); every != 6*time.Hour {
		t.Errorf("of two lines: every %v", every)
	}
}
