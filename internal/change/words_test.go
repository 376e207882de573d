package change

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// TestText holds the words of a job in the order in which they are printed, done and not
// done.
func TestText(t *testing.T) {
	now := time.Now()
	m := machine.New()
	m.Root = t.TempDir()
	path := filepath.Join(m.Root, "file")
	j := NewJob(m)
	if got := string(j.Text(false, now)); got != "nothing to do\n" {
		t.Errorf("an empty job: %q", got)
	}
	j.Did("proven %q", "a\nb")
	if got, want := string(j.Text(true, now)), "would say: proven \"a\\nb\"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := j.Plan.File(path, []byte("text"), 0o640, nil); err != nil {
		t.Fatal(err)
	}
	j.Note("not in here")
	for _, test := range []struct {
		dryRun bool
		want   string
	}{
		{false, "created  0640 " + path + "\nproven \"a\\nb\"\n"},
		{true, "would create  0640 " + path + "\nwould say: proven \"a\\nb\"\n"},
	} {
		if got := string(j.Text(test.dryRun, now)); got != test.want {
			t.Errorf("dry run %v: %q, want %q", test.dryRun, got, test.want)
		}
	}
}

// TestBrief expects the facts first, then one file by its name or the number of many.
func TestBrief(t *testing.T) {
	now := time.Now()
	m := machine.New()
	m.Root = t.TempDir()
	j := NewJob(m)
	if got := string(j.Brief(now)); got != "nothing to do\n" {
		t.Errorf("an empty job: %q", got)
	}
	j.Did("proven")
	for _, want := range []string{"proven\ncreated  0640 " + m.Root + "/a\n", "proven\n2 files and directories written (-v lists them)\n"} {
		name := map[bool]string{true: "/a", false: "/b"}[len(j.Plan.Changes()) == 0]
		if err := j.Plan.File(m.Root+name, []byte("text"), 0o640, nil); err != nil {
			t.Fatal(err)
		}
		if got := string(j.Brief(now)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for _, test := range []struct {
		change store.Change
		dryRun bool
		want   string
	}{
		{store.Change{Action: store.Replace, Path: "/a", Mode: 0o600}, false, "replaced 0600 /a"},
		{store.Change{Action: store.Create, Path: "/a", Mode: 0o755, Dir: true}, false, "created  0755 /a/"},
		{store.Change{Action: store.Adjust, Path: "/a", Mode: 0o644}, true, "would adjust  0644 /a"},
		{store.Change{Action: store.Remove, Path: "/a", Mode: 0o644}, true, "would remove  0644 /a"},
	} {
		if got := Line(test.change, test.dryRun); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// TestResult expects an empty list, not null.
func TestResult(t *testing.T) {
	data, err := json.Marshal(NewJob(machine.New()).Result(time.Now()))
	if err != nil || strings.Contains(string(data), "null") || strings.Contains(string(data), "revoked") {
		t.Errorf("%s, %v", data, err)
	}
}
