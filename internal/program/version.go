package program

import (
	_ "embed"
	"runtime"
	"runtime/debug"
	"strings"
)

// versionFile is the one place of the version. The packages are named after it too.
//
//go:embed VERSION
var versionFile string

// sourceFile is the commit and its date in an archive that git made (export-subst in
// .gitattributes). In a checkout it is a placeholder.
//
//go:embed SOURCE
var sourceFile string

// Build says which virtpki this is, and how it was built.
type Build struct {
	Version  string `json:"version"`            // "0.9.0"
	Commit   string `json:"commit,omitempty"`   // of git, in hex; empty if the build recorded none
	Date     string `json:"date,omitempty"`     // of the commit, as RFC 3339 has it
	Modified bool   `json:"modified,omitempty"` // the checkout differed from the commit
	Go       string `json:"go"`                 // "go1.26.0"
	Platform string `json:"platform"`           // "linux/amd64"
}

// Version returns only the version, "0.9.0".
func Version() string { return strings.TrimSpace(versionFile) }

// ThisBuild returns the version and the facts that the build recorded: Go notes the commit of a
// checkout, and git that of a source archive.
func ThisBuild() Build {
	var settings []debug.BuildSetting
	if info, ok := debug.ReadBuildInfo(); ok {
		settings = info.Settings
	}
	return buildOf(settings, sourceFile)
}

// buildOf returns the build that settings of the Go command and the file SOURCE describe.
func buildOf(settings []debug.BuildSetting, source string) Build {
	b := Build{Version: Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if commit, date, ok := strings.Cut(strings.TrimSpace(source), " "); ok && !strings.HasPrefix(commit, "$") {
		b.Commit, b.Date = commit, date
	}
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String returns the build in one line, without the program's name.
func (b Build) String() string {
	commit := "commit unknown"
	if b.Commit != "" {
		commit = "commit " + b.Commit[:min(12, len(b.Commit))]
	}
	if b.Modified {
		commit += " with changes"
	}
	if b.Date != "" {
		commit += ", " + b.Date
	}
	return b.Version + " (" + commit + ", " + b.Go + " " + b.Platform + ")"
}
