package judge

import (
	"slices"
	"testing"
)

func TestWithoutSanity(t *testing.T) {
	for _, id := range loading {
		if !slices.ContainsFunc(Catalogue(), func(e Entry) bool { return e.ID == id }) {
			t.Errorf("no finding has the id %q", id)
		}
	}
	found := []Finding{{ID: "cert-expired", Level: Error}, {ID: "key-mismatch", Level: Error}, {ID: "issuer-missing", Level: Error}}
	if got := WithoutSanity(found); len(got) != 1 || got[0].ID != "key-mismatch" || found[0].ID != "cert-expired" {
		t.Errorf("got %+v, and left %+v", got, found)
	}
}
