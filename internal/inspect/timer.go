package inspect

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"virtpki/internal/calendar"
	"virtpki/internal/judge"
	"virtpki/internal/machine"
	"virtpki/internal/systemd"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// The unit that virtpki generate systemd writes.
const (
	timerUnit  = "virtpki-renew.timer"
	renewTimer = "/etc/systemd/system/" + timerUnit
)

// renews is how often a machine renews its certificates by itself.
type renews struct {
	every   time.Duration // the longest time between two runs, with all delays; zero if nothing is known
	delay   time.Duration // the part of it by which a run may be late
	crontab string        // the file whose line it is; empty for the timer
	dropIns bool          // files beside the timer change it
}

// renewsOf finds out how often a machine renews: by the timer with its drop-ins, or by a crontab.
// It asks no systemd: a timer that is there counts.
func renewsOf(m *machine.Machine) (r renews) {
	timer, err := systemd.Look(m.Tree(), m.Root).Timer(timerUnit)
	if err == nil {
		r = renews{every: timer.Longest(m.Now()), delay: timer.Delay}
		r.dropIns = m.Tree().Exists(m.Path(renewTimer)+".d") || !m.Tree().Exists(m.Path(renewTimer))
	}
	file := m.Path(filepath.Join(m.Sysconfdir, "cron.d/virtpki"))
	data, _ := m.Tree().ReadFile(file, maxCrontab) // an unreadable file does not run anything
	if every, delay := crontabRuns(string(data), m.Now()); every > 0 && (r.every == 0 || every < r.every) {
		r = renews{every: every, delay: delay, crontab: file}
	}
	return r
}

// How much of a crontab counts, in bytes, and in lines that run renew: each takes a while to look
// through.
const (
	maxCrontab   = 1 << 16
	maxCronLines = 64
)

// crontabRuns is [cronRuns] for the line of a crontab that runs virtpki renew most often.
func crontabRuns(text string, now time.Time) (every, delay time.Duration) {
	looked := 0
	for line := range strings.Lines(text) {
		if !strings.Contains(line, " renew") {
			continue
		}
		if looked++; looked > maxCronLines {
			break
		}
		if e, d := cronRuns(line, now); e > 0 && (every == 0 || e < every) {
			every, delay = e, d
		}
	}
	return every, delay
}

// cronRuns returns the longest time between two runs of virtpki renew by a line of a crontab, and
// the part of it by which a run may be late; zero if the line does not run it.
func cronRuns(line string, now time.Time) (every, delay time.Duration) {
	times, command, err := calendar.ParseCron(strings.TrimSpace(line))
	if err != nil || !strings.Contains(command, " renew") {
		return 0, 0
	}
	if _, text, ok := strings.Cut(command, "--jitter"); ok {
		text, _, _ = strings.Cut(strings.Trim(text, "= '"), " ")
		delay, _ = pki.ParseValidity(strings.Trim(text, "'")) // renew refuses another text
	}
	if every = calendar.Longest(now, times); every >= calendar.Forever-delay {
		return 0, 0
	}
	return every + delay, delay
}

// often returns the command that has a certificate checked so often that it does not expire
// between two runs; empty if none is known.
func (r renews) often(window time.Duration, timer string, live bool) string {
	step, sooner := time.Hour, "hourly"
	if window < step+r.delay+time.Hour {
		step, sooner = time.Minute, "minutely"
	}
	if r.crontab != "" {
		if step == time.Minute {
			return ""
		}
		return fmt.Sprintf(`sed -i -E 's/^([0-9]+) +[0-9]+ /\1 * /' %s`, termtext.ShellWord(r.crontab))
	}
	lines := []string{"OnCalendar=" + sooner}
	if window < step+r.delay {
		lines = append(lines, "RandomizedDelaySec=0")
	}
	reload := ""
	if live {
		reload = " && systemctl daemon-reload"
	}
	if !r.dropIns && len(lines) == 1 {
		return fmt.Sprintf("sed -i 's/^OnCalendar=.*/%s/' %s%s", lines[0], termtext.ShellWord(timer), reload)
	}
	folder := termtext.ShellWord(timer + ".d")
	return fmt.Sprintf(`mkdir -p %s && printf '[Timer]\nOnCalendar=\n%s\n' >%s%s`, folder, strings.Join(lines, `\n`), termtext.ShellWord(timer+".d/zz-often.conf"), reload)
}

// often is [renews.often] for an installed certificate.
func (c *inspector) often(cert string) string {
	certs, err := pki.ParseCertificates(c.files.read(cert).Data)
	if err != nil {
		return ""
	}
	return c.renews.often(certs[0].NotAfter.Sub(c.machine.Due(certs[0])), c.m.Path(renewTimer), c.m.Live())
}

// oftener makes the machine renew often enough for a certificate with a short lifetime.
func oftener(x *fixer, t trouble) (string, bool) {
	if t.ID != "short-life" || t.Level != judge.Warning {
		return "", false
	}
	fix := x.often(t.File)
	return fix, fix != ""
}
