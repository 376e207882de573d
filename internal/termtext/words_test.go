package termtext

import (
	"net"
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	late := time.Date(2026, 12, 31, 23, 30, 5, 9, time.FixedZone("", -3600))
	for _, c := range []struct{ got, want string }{
		{Day(late), "2027-01-01"},
		{Instant(late), "2027-01-01T00:30:05Z"},
		{Count(0, "entry", "entries"), "0 entries"},
		{Count(1, "entry", "entries"), "1 entry"},
		{Count(2, "entry", "entries"), "2 entries"},
		{Join([]int(nil)), ""},
		{Join([]int{3}), "3"},
		{Join([]net.IP{net.IPv4(192, 0, 2, 1), net.IPv6loopback}), "192.0.2.1, ::1"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
