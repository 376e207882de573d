package issuer

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"virtpki/internal/judge"
)

// Every finding of a trial has an entry, and every entry a finding. No id of the judge's is used.
func TestCatalogue(t *testing.T) {
	source, err := os.ReadFile("traps.go")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, match := range regexp.MustCompile(`say\("([a-z-]+)"`).FindAllSubmatch(source, -1) {
		said = append(said, string(match[1]))
	}
	explained := judge.IDs(entries)
	slices.Sort(said)
	slices.Sort(explained)
	if len(said) < 9 || !slices.Equal(said, explained) {
		t.Errorf("traps.go says %q, and the catalogue explains %q", said, explained)
	}
	for _, e := range entries {
		if e.Cause == "" || e.Fix == "" || e.Stage != judge.Host || slices.Contains(judge.IDs(judge.Catalogue()), e.ID) {
			t.Errorf("bad entry %+v", e)
		}
	}
}
