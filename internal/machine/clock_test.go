package machine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"virtpki/internal/hint"
)

func TestBuiltAt(t *testing.T) {
	at := func(value string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.time", Value: value}}
	}
	for _, c := range []struct {
		name     string
		settings []debug.BuildSetting
		want     time.Time
	}{
		{"nothing recorded", nil, buildFloor},
		{"a commit after the floor", at("2027-03-04T05:06:07Z"), time.Date(2027, 3, 4, 5, 6, 7, 0, time.UTC)},
		{"a commit before the floor", at("2001-03-04T05:06:07Z"), buildFloor},
		{"no time", at("yesterday"), buildFloor},
	} {
		if got := builtAt(c.settings); !got.Equal(c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// lateClock is a machine that sets its clock to right after it has run for late.
func lateClock(late time.Duration, right time.Time) (m *Machine, said *[]string) {
	began := time.Now()
	said = new([]string)
	m = &Machine{built: buildFloor, Warn: func(format string, args ...any) { *said = append(*said, fmt.Sprintf(format, args...)) }}
	m.Now = func() time.Time {
		if up := time.Since(began); up < late {
			return time.Unix(0, 0).Add(up)
		}
		return right
	}
	return m, said
}

func TestWaitClock(t *testing.T) {
	right := buildFloor.Add(time.Hour)
	for _, c := range []struct {
		name    string
		late    time.Duration
		limit   string
		waits   time.Duration
		refused string
	}{
		{"right at once", 0, "10m", 0, ""},
		{"not waited for", time.Minute, "", 0, "the clock says 1970"},
		{"set while it is waited for", 90 * time.Second, "10m", 90 * time.Second, ""},
		{"not set in time", time.Hour, "10m", 10 * time.Minute, "after 10m: the clock says 1970"},
		{"no duration", time.Minute, "long", 0, "bad duration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, said := lateClock(c.late, right)
				began := time.Now()
				err := m.WaitClock(t.Context(), m.Floor(), c.limit)
				if waited := time.Since(began); waited != c.waits {
					t.Errorf("waited %v, want %v", waited, c.waits)
				}
				if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
					t.Errorf("got %v, want %q", err, c.refused)
				}
				if lines := len(*said); c.waits > 0 && err == nil && lines != 2 || c.waits == 0 && lines != 0 {
					t.Errorf("said: %q", *said)
				}
			})
		})
	}
}

func TestWaitClockIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := lateClock(time.Hour, buildFloor)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := m.WaitClock(ctx, m.Floor(), "10m"); !errors.Is(err, hint.ErrInterrupted) {
			t.Errorf("got %v, want %v", err, hint.ErrInterrupted)
		}
	})
}
