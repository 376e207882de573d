package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Clock returns a finding on the machine's clock if several files are valid only later: then the
// clock is slow, and the files are not all wrong.
func Clock(found []Finding, now time.Time) []Finding {
	var files []string
	level, stage := Note, Host
	for _, f := range found {
		if !strings.HasSuffix(f.ID, "-future") {
			continue
		}
		if !slices.Contains(files, f.File) {
			files = append(files, f.File)
		}
		if level != Error && f.Level == Error {
			level, stage = f.Level, f.Stage
		}
	}
	if len(files) < 2 {
		return nil
	}
	return []Finding{{ID: "clock", Level: level, Stage: stage, Text: fmt.Sprintf("the clock says %s, and %d files here begin later: it is behind", day(now), len(files)), Fix: "set the clock"}}
}
