package program

import (
	"regexp"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestBuild(t *testing.T) {
	const commit, archived = "0123456789abcdef0123456789abcdef01234567", "fedcba9876543210fedcba9876543210fedcba98"
	tail := ", " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	git := []debug.BuildSetting{{Key: "CGO_ENABLED", Value: "0"}, {Key: "vcs.revision", Value: commit}, {Key: "vcs.time", Value: "2026-11-26T04:00:00Z"}}
	changed := append(git[:3:3], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	for _, c := range []struct {
		name     string
		settings []debug.BuildSetting
		source   string
		want     string
	}{
		{"nothing recorded", nil, "$Format:%H %cI$\n", "commit unknown"},
		{"source archive", nil, archived + " 2026-11-25T12:00:00+00:00\n", "commit fedcba987654, 2026-11-25T12:00:00+00:00"},
		{"checkout", git, "$Format:%H %cI$\n", "commit 0123456789ab, 2026-11-26T04:00:00Z"},
		{"checkout of an unpacked archive", git, archived + " 2026-11-25T12:00:00+00:00\n", "commit 0123456789ab, 2026-11-26T04:00:00Z"},
		{"checkout with changes", changed, "$Format:%H %cI$\n", "commit 0123456789ab with changes, 2026-11-26T04:00:00Z"},
		{"empty file", nil, "", "commit unknown"},
	} {
		if got, want := buildOf(c.settings, c.source).String(), Version()+" ("+c.want+tail; got != want {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
	}
}

// Packages of all kinds are named after it, and each kind allows less than the next.
func TestVersionIsFitForPackages(t *testing.T) {
	if !regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`).MatchString(Version()) {
		t.Errorf("version %q is not three numbers", Version())
	}
}
