package renewal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The file of the last run has the time since which the CA has not responded. Anybody may have
// written it.
func TestUnansweredSince(t *testing.T) {
	const now = 1_800_000_000
	head := "# HELP virtpki_x y\n"
	for name, test := range map[string]struct {
		file string
		want int64
	}{
		"no file":         {"", now},
		"of another":      {"# HELP node_x y\n" + unansweredMetric + " 5\n", now},
		"it did answer":   {head + unansweredMetric + " 0\n", now},
		"it did not":      {head + unansweredMetric + " 1799990000\n", 1_799_990_000},
		"in the future":   {head + unansweredMetric + " 1900000000\n", now},
		"no number":       {head + unansweredMetric + " x\n", now},
		"negative":        {head + unansweredMetric + " -5\n", now},
		"another's name":  {head + unansweredMetric + "x 5\n", now},
		"after something": {head + "virtpki_x 7\n" + unansweredMetric + " 7\n", 7},
		"large":           {head + strings.Repeat("x", maxMetrics), now},
	} {
		path := filepath.Join(t.TempDir(), "v.prom")
		if test.file != "" {
			if err := os.WriteFile(path, []byte(test.file), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := unansweredSince(path, now); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}
