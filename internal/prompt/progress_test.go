package prompt

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// If the output is not a terminal, a line comes now and then. The zero value prints none.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	for want, p := range map[int]*Progress{
		1: NewProgress(&out, func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }),
		0: {},
	} {
		out.Reset()
		show := func() { p.Show(7, func(done int, _ time.Duration) string { return fmt.Sprint(done, " done") }) }
		for range 100 {
			show()
		}
		p.last = p.last.Add(-lineEvery)
		show()
		show()
		p.End()
		if got := strings.Count(out.String(), "0 done\n"); got != want || strings.ContainsAny(out.String(), "\r\x1b") {
			t.Errorf("%d lines, want %d: %q", got, want, out.String())
		}
	}
}
