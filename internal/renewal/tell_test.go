package renewal

import (
	"slices"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	soon := Installed{Path: "a", DueFrom: noon}
	late := Installed{Path: "b", DueFrom: noon.AddDate(0, 1, 0), Reasons: []string{"due because of --force", "its key is missing"}}
	for _, c := range []struct {
		name   string
		report Report
		want   string
	}{
		{"nothing installed", Report{Outcome: Idle}, "nothing is installed here\n"},
		{"nothing due", Report{Outcome: Idle, Installed: []Installed{late, soon}}, "nothing is due; next: a on 2026-06-01\n"},
		{"one that a daemon reads elsewhere", Report{Outcome: Idle, Installed: []Installed{late, soon}, Own: []string{"c: expired"}}, ""},
		{"one that nobody needs", Report{Outcome: Idle, Installed: []Installed{late, soon}, Unused: []string{"c: expired"}}, ""},
		{"a daemon that is stale", Report{Outcome: Idle, Installed: []Installed{soon}, Stale: []string{"libvirtd serves another"}}, "libvirtd serves another: would reload it\n"},
		{"something due", Report{Outcome: Due, Installed: []Installed{soon, late}, Due: []Installed{late}}, "b: due because of --force; its key is missing\n"},
		{"requested", Report{Outcome: Requested, Due: []Installed{late}}, "b: due because of --force; its key is missing\n"},
	} {
		if got := string(c.report.Text()); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// With quiet, cron does not mail the notes that repeat each night. It still mails that a daemon
// is about to serve an expired certificate.
func TestWarnings(t *testing.T) {
	asked := Report{Left: []string{"left"}, Told: []string{"the requests are in FILE"}, Next: []string{"virtpki sign FILE"}}
	if got := asked.Warnings(true); !slices.Equal(got, asked.Told) || asked.NextText() != "Next:\n  virtpki sign FILE\n" {
		t.Errorf("requested: %q, %q", got, asked.NextText())
	}
	r := Report{CAEnds: noon, Left: []string{"left"}, Own: []string{"custom"}}
	if got := r.Warnings(true); !slices.Equal(got, []string{"custom"}) {
		t.Errorf("quiet: %q", got)
	}
	soon := Report{CAEnds: noon, CASoon: true, Left: []string{"left"}}
	if got := soon.Warnings(true); len(got) != 1 || !strings.Contains(got[0], "the CA expires on 2026-06-01") {
		t.Errorf("quiet, and the CA ends soon: %q", got)
	}
	if soon.caDue() == nil || r.caDue() != nil || !soon.Result(noon).Due {
		t.Errorf("the CA ends soon: %v, %v", soon.caDue(), soon.Result(noon))
	}
	if got := r.Warnings(false); len(got) != 3 || got[1] != "left" || got[2] != "custom" {
		t.Errorf("%q", got)
	}
}
