package inspect

import (
	"testing"
	"time"
)

func TestRenewsEvery(t *testing.T) {
	for _, test := range []struct {
		unit string
		want time.Duration
	}{
		{"", 0},
		{"[Timer]\nOnCalendar=daily\nRandomizedDelaySec=1h\n", 24 * time.Hour},
		{"[Timer]\nOnCalendar=daily\n OnCalendar= hourly \n", time.Hour},
		{"[Timer]\nOnCalendar=*-*-* *:00/15\n", 0},
	} {
		if got := renewsEvery(test.unit); got != test.want {
			t.Errorf("%q: %v, want %v", test.unit, got, test.want)
		}
	}
}
