package calendar

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/internal/lab"
)

// packages are those of the scripts that boot, so that one root serves both.
var packages = []string{"cloud-init", "cron", "systemd"}

// runs is the number of runs that are compared for each expression.
const runs = 4

// batch is the number of expressions that one call of systemd-analyze is given.
const batch = 100

// TestAgainstSystemd compares random expressions with systemd-analyze calendar: whether it takes
// them, and the next times. VIRTPKI_SETS says how many, VIRTPKI_SEED repeats a run.
func TestAgainstSystemd(t *testing.T) {
	for _, release := range lab.Tested(t) {
		if name := release.String(); strings.Contains(name, "bullseye") || strings.Contains(name, "bookworm") {
			continue // up to 252, systemd skips matches after a repetition that leads over the end of a year
		}
		t.Run(release.String(), func(t *testing.T) { on(t, release) })
	}
}

func on(t *testing.T, release lab.Release) {
	root, err := lab.Root(t.Context(), release, packages...)
	if err != nil {
		t.Fatal(err)
	}
	host, err := lab.NewHost(t.Context(), lab.HostConfig{Root: root, Name: "hv1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	n, seed := number(t, "VIRTPKI_SETS", 600), number(t, "VIRTPKI_SEED", uint64(rand.Uint32()))
	r := random{rand.New(rand.NewPCG(seed, 1)), slices.DeleteFunc(zones, func(zone string) bool {
		_, err := os.Stat(filepath.Join(root, "usr/share/zoneinfo", zone))
		return err != nil
	})}
	taken := 0
	for start := uint64(0); start < n; start += batch {
		texts := make([]string, batch)
		for i := range texts {
			texts[i] = r.expression()
		}
		base := newYear.Add(time.Duration(r.IntN(3*365*24*3600)) * time.Second)
		args := append([]string{"TZ=UTC", "systemd-analyze", "calendar", "--iterations=" + strconv.Itoa(runs), "--base-time=" + base.Format("2006-01-02 15:04:05 UTC"), "--"}, texts...)
		out, _ := host.Command(t.Context(), "env", args...).Output() // it ends with 1 where one of them is wrong
		said := parseAnalyze(out)
		for _, text := range texts {
			want, ok := said[text]
			if !ok {
				want = "refused"
			} else {
				taken++
			}
			if got := ours(text, base); got != want {
				t.Errorf("%q after %v: systemd says %s, we say %s (VIRTPKI_SEED=%d)", text, base, want, got, seed)
			}
		}
	}
	t.Logf("%d expressions, %d of them taken, VIRTPKI_SEED=%d", n, taken, seed)
	if taken < int(n)/3 {
		t.Errorf("systemd takes %d of %d", taken, n)
	}
}

// parseAnalyze returns the times that systemd-analyze has printed for each expression.
func parseAnalyze(out []byte) map[string]string {
	said := make(map[string]string)
	text := ""
	for line := range strings.Lines(string(bytes.TrimSpace(out))) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		switch name = strings.TrimSpace(name); {
		case name == "Original form":
			text = value
			said[text] = ""
		case name == "Normalized form" && text == "": // the two are the same
			text = value
			said[text] = ""
		case name == "":
			text = ""
		case name == "Next elapse" || strings.HasPrefix(name, "Iter"):
			if at, err := time.Parse("Mon 2006-01-02 15:04:05 MST", value); err == nil {
				said[text] += at.Format(time.DateTime) + " "
			}
		}
	}
	return said
}

// ours returns our times in the same form.
func ours(text string, base time.Time) (times string) {
	e, err := Parse(text)
	if err != nil {
		return "refused"
	}
	for range runs {
		if base = e.Next(base); base.IsZero() {
			break
		}
		times += base.Format(time.DateTime) + " "
	}
	return times
}

func number(t *testing.T, variable string, otherwise uint64) uint64 {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// zones have their clocks changed at other times, or are no whole hours away.
var zones = []string{"Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"}

// random makes expressions as people write them, and some that nobody does.
type random struct {
	*rand.Rand
	zones []string
}

func (r random) of(texts ...string) string { return texts[r.IntN(len(texts))] }

func (r random) expression() string {
	if r.IntN(12) == 0 {
		return r.of("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "anually", "Bi-Annually", "fortnightly") + r.zone()
	}
	text := r.days() + r.date() + r.clock() + r.zone()
	for r.IntN(10) == 0 && len(text) > 0 {
		i := r.IntN(len(text))
		text = text[:i] + r.of("", "", "*", "-", "~", "/", ",", "..", ":", " ", "0", "9", ".5") + text[i+r.IntN(2):]
	}
	return strings.Trim(strings.ReplaceAll(text, "@", ""), " ")
}

func (r random) days() string {
	day := func() string { return r.of(append(dayNames, "mon", "TUE", "Wed", "thu", "fri", "Sat", "sun")...) }
	switch r.IntN(8) {
	case 0:
		return day() + " "
	case 1:
		return day() + ".." + day() + " "
	case 2:
		return day() + "," + day() + ".." + day() + r.of("", ",") + r.of(" ", "  ")
	case 3:
		return day() + "-" + day() + " "
	}
	return ""
}

func (r random) date() string {
	switch r.IntN(4) {
	case 0:
		return ""
	case 1:
		return r.chain(1, 12) + r.of("-", "~") + r.chain(1, 31) + " "
	}
	return r.of("*", "*", "*", "*", r.chain(2026, 2032), "28", "2027..2099/3") + "-" + r.of("*", r.chain(1, 12)) + r.of("-", "-", "~") + r.of("*", r.chain(1, 31)) + " "
}

func (r random) clock() string {
	switch r.IntN(5) {
	case 0:
		return ""
	case 1:
		return r.chain(0, 23) + ":" + r.chain(0, 59)
	case 2:
		return r.chain(0, 23) + ":" + r.chain(0, 59) + ":" + r.chain(0, 59) + r.of("", ".5", ".1234567")
	}
	return r.of("*", r.chain(0, 23)) + ":" + r.of("*", "00", r.chain(0, 59)) + r.of("", ":00", ":*", ":0/20", ":"+r.chain(0, 59))
}

func (r random) zone() string {
	if len(r.zones) == 0 || r.IntN(4) > 0 {
		return r.of("", "", "", " UTC")
	}
	return " " + r.zones[r.IntN(len(r.zones))]
}

// chain returns the values of one part, now and then a wrong one.
func (r random) chain(from, to int) string {
	value := func() string { return fmt.Sprintf(r.of("%d", "%02d"), from+r.IntN(to-from+1+r.IntN(20)/19)) }
	switch r.IntN(7) {
	case 0:
		return value() + "," + value()
	case 1:
		return value() + ".." + value()
	case 2:
		return value() + "/" + strconv.Itoa(r.IntN(1+(to-from)/2))
	case 3:
		return fmt.Sprintf("%d..%d/%d", from, to, 1+r.IntN(4))
	case 4:
		return value() + ".." + value() + "," + value() + "/" + value()
	case 5:
		return "*"
	}
	return value()
}
