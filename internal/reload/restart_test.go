package reload

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/change"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
)

// One loop starts and restarts daemons: the command, then looks until the daemon is there.
func TestBring(t *testing.T) {
	d := running.Daemon{Daemon: libvirt.Daemon{Name: "libvirtd"}}
	for _, c := range []struct {
		name    string
		command string
		after   int // looks that find nothing; -1: the run is interrupted at the first
		err     string
		looks   int
	}{
		{"there at once", "echo started", 0, "", 1},
		{"there after a while", "true", 2, "", 3},
		{"a command that fails", "exit 7", 0, `restarting it with "exit 7": exit status 7`, 0},
		{"not there in time", "true", -1, "it did not respond within", 1},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var output bytes.Buffer
		j, looks := &change.Job{}, 0
		r := New(machine.New(), Options{Restart: c.command, Output: &output}, j)
		_, err := r.bring(ctx, "restart", func(context.Context) (running.Daemon, bool) {
			looks++
			if c.after < 0 {
				cancel()
			}
			return d, c.after >= 0 && looks > c.after
		})
		cancel()
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || looks != c.looks {
			t.Errorf("%s: %v after %d looks, want %q after %d", c.name, err, looks, c.err, c.looks)
		}
		if said := slices.Equal(j.Done, []string{"libvirtd was restarted"}); said != (c.err == "") {
			t.Errorf("%s: told %q", c.name, j.Done)
		}
		if strings.HasPrefix(c.command, "echo") && output.String() != "started\n" {
			t.Errorf("%s: the command's output is %q", c.name, &output)
		}
	}
}

// Without a command a daemon with files of its own is left as it is: a reload would switch it
// to the default files.
func TestRestartWithoutCommand(t *testing.T) {
	r := New(machine.New(), Options{}, &change.Job{})
	d := running.Daemon{Address: "localhost:1"}
	d.Files.Custom = true
	if _, err := r.refresh(t.Context(), d); !errors.Is(err, ErrNeedsRestart) {
		t.Errorf("%v, want that it needs a restart", err)
	}
}
