package clock

import (
	"testing"
	"time"

	"virtpki/internal/judge"
)

func TestJudge(t *testing.T) {
	at := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	ca, leaf := Life{true, at(2027), at(2037)}, Life{false, at(2027), at(2028)}
	of := func(id string, level judge.Level, file string) judge.Finding {
		return judge.Finding{ID: id, Level: level, File: file, Stage: judge.Own}
	}
	built, signed := Passed{at(2026), "this program was made", true}, Passed{at(2030), "the newest certificate begins", false}
	for _, test := range []struct {
		name   string
		facts  Facts
		found  []judge.Finding
		id     string
		level  judge.Level
		stage  judge.Stage
		reason string // with which the text ends
	}{
		{"nothing known", Facts{Now: at(2027)}, nil, "", "", "", ""},
		{"right", Facts{Now: at(2028), Passed: []Passed{built}, Lives: []Life{ca, leaf}}, nil, "", "", "", ""},
		{"before the build", Facts{Now: at(1970), Passed: []Passed{built}}, nil, "clock", judge.Warning, judge.Host, "the clock says 1970-01-01 00:00 UTC, which is before this program was made (2026-01-01 00:00 UTC): it is behind"},
		{"before the build, and a daemon does not start", Facts{Now: at(1970), Passed: []Passed{built}}, []judge.Finding{of("crl-future", judge.Note, "/c"), of("cert-future", judge.Error, "/a")}, "clock", judge.Error, judge.Own, "the clock says 1970-01-01 00:00 UTC, which is before this program was made (2026-01-01 00:00 UTC): it is behind"},
		{"before the newest record, which a clock that was ahead has signed", Facts{Now: at(2028), Passed: []Passed{signed, built}, Lives: []Life{ca, leaf}}, []judge.Finding{of("crl-future", judge.Note, "/c")}, "", "", "", ""},
		{"before the newest record", Facts{Now: at(2028), Passed: []Passed{signed, built}, Lives: []Life{ca, leaf}}, []judge.Finding{of("cert-future", judge.Error, "/a")}, "clock", judge.Error, judge.Own, "the clock says 2028-01-01 00:00 UTC, which is before the newest certificate begins (2030-01-01 00:00 UTC): it is behind"},
		{"the record counts although NTP says otherwise", Facts{Now: at(2028), Passed: []Passed{signed}, NTP: NTP{Synchronized: true}}, []judge.Finding{of("cert-future", judge.Error, "/a")}, "clock", judge.Error, judge.Own, "the clock says 2028-01-01 00:00 UTC, which is before the newest certificate begins (2030-01-01 00:00 UTC): it is behind"},
		{"at the newest record", Facts{Now: at(2030), Passed: []Passed{signed}}, []judge.Finding{of("cert-future", judge.Error, "/a")}, "", "", "", ""},
		{"one file begins later", Facts{Now: at(2027)}, []judge.Finding{of("cert-future", judge.Error, "/a"), of("cert-future", judge.Error, "/a")}, "", "", "", ""},
		{"two files begin later", Facts{Now: at(2020)}, []judge.Finding{of("cert-future", judge.Note, "/a"), of("ca-future", judge.Error, "/b")}, "clock", judge.Error, judge.Own, "the clock says 2020-01-01 00:00 UTC, and 2 files here begin later: it is behind"},
		{"two files begin later, and NTP keeps the clock", Facts{Now: at(2020), NTP: NTP{Synchronized: true}}, []judge.Finding{of("cert-future", judge.Error, "/a"), of("ca-future", judge.Error, "/b")}, "", "", "", ""},
		{"a CA alone begins later", Facts{Now: at(2026), Passed: []Passed{built}, Lives: []Life{ca}}, []judge.Finding{of("ca-future", judge.Error, "/b")}, "clock", judge.Error, judge.Own, "the clock says 2026-01-01 00:00 UTC, and all certificates here begin later, the CA's too: it is behind"},
		{"a leaf alone begins later", Facts{Now: at(2026), Lives: []Life{leaf}}, []judge.Finding{of("cert-future", judge.Error, "/b")}, "", "", "", ""},
		{"a CA begins later than its leaf", Facts{Now: at(2027), Lives: []Life{leaf, {true, at(2028), at(2038)}}}, []judge.Finding{of("ca-future", judge.Error, "/b")}, "", "", "", ""},
		{"all expired long ago", Facts{Now: at(2041), Lives: []Life{ca, leaf}}, []judge.Finding{of("ca-expired", judge.Error, "/b")}, "clock-ahead", judge.Error, judge.Own, "the clock says 2041-01-01 00:00 UTC, and all 2 certificates here had expired by 2037-01-01 00:00 UTC, more than a year before: it is ahead. If it is right, replace the CA: virtpki ca rollover start"},
		{"all expired long ago, and NTP keeps the clock", Facts{Now: at(2041), Lives: []Life{ca, leaf}, NTP: NTP{Synchronized: true}}, nil, "", "", "", ""},
		{"all expired this year", Facts{Now: at(2037).AddDate(0, 6, 0), Lives: []Life{ca, leaf}}, nil, "", "", "", ""},
		{"the CA lives", Facts{Now: at(2035), Lives: []Life{ca, leaf}}, nil, "", "", "", ""},
		{"no CA", Facts{Now: at(2041), Lives: []Life{leaf, leaf}}, nil, "", "", "", ""},
		{"a CA alone expired", Facts{Now: at(2041), Lives: []Life{ca}}, nil, "", "", "", ""},
	} {
		got := Judge(test.found, test.facts)
		if got == nil {
			got = &judge.Finding{}
		}
		if got.ID != test.id || got.Level != test.level || got.Stage != test.stage || got.Text != test.reason {
			t.Errorf("%s: %+v", test.name, *got)
		}
	}
}

func TestFix(t *testing.T) {
	for _, test := range []struct{ shown, fix string }{
		{"", "set the clock"},
		{"Timezone=Etc/UTC\nCanNTP=yes\nNTP=no\nNTPSynchronized=no\n", "timedatectl set-ntp true"},
		{"CanNTP=no\nNTP=no\n", "set the clock"},
		{"CanNTP=yes\nNTP=yes\nNTPSynchronized=no\n", "set the clock: NTP is on but has not set it (timedatectl timesync-status)"},
		{"yes\n=\n\x1b[2J=yes", "set the clock"},
	} {
		if got := parse(test.shown).fix(); got != test.fix {
			t.Errorf("%q: %q", test.shown, got)
		}
	}
	if !parse("NTPSynchronized=yes").Synchronized || parse("NTPSynchronized=no").Synchronized {
		t.Error("synchronized is not read")
	}
}

// FuzzParse checks that the fix is a whole command only if systemd can have NTP and does not.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "NTP=yes\nCanNTP=yes\nNTPSynchronized=no\n", "NTP=no\nCanNTP=yes\n", "CanNTP=yes=no\r\n", "=\n", "NTP\nNTP=yes\nNTP=no"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, properties string) {
		n := parse(properties)
		if command := n.fix() == "timedatectl set-ntp true"; command != (n.Possible && !n.On) {
			t.Errorf("%q: %+v, %s", properties, n, n.fix())
		}
	})
}
