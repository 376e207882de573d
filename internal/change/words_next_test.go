package change

import "testing"

// TestNextText shows the form of the next steps: one block, a line each, never wrapped.
func TestNextText(t *testing.T) {
	var j Job
	if got := j.NextText(); got != "" {
		t.Errorf("nothing to do, and %q", got)
	}
	j.Next("restart %s: it reads its configuration only when it starts", "libvirtd")
	j.Next("systemctl %s\x1b[2J", "daemon-reload")
	other := &Job{}
	other.Next("on other hosts: virtpki reload")
	j.Merge(other)
	want := "Next:\n  restart libvirtd: it reads its configuration only when it starts\n  systemctl daemon-reload\\x1b[2J\n  on other hosts: virtpki reload\n"
	if got := j.NextText(); string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if len(j.Notes) != 0 {
		t.Errorf("a step is among the notes: %q", j.Notes)
	}
}
