package judge

import (
	"regexp"
	"testing"
)

func TestCatalogueEntries(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range CertCatalogue() {
		if seen[e.ID] {
			t.Errorf("%s stands there twice", e.ID)
		}
		seen[e.ID] = true
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(e.ID) || e.Cause == "" || e.Fix == "" {
			t.Errorf("entry %+v", e)
		}
		if e.Stage != Own && e.Stage != Session {
			t.Errorf("%s is of the stage %s", e.ID, e.Stage)
		}
	}
}
