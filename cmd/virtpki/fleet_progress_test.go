package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"virtpki/internal/fleet"
)

func TestProgressText(t *testing.T) {
	tests := []struct {
		count   fleet.Count
		made    int
		elapsed time.Duration
		want    string
	}{
		{fleet.Count{Total: 1000}, 0, time.Second, "0 of 1000 bundles"},
		{fleet.Count{Total: 1000, There: 100, Made: 300}, 300, 3 * time.Second, "400 of 1000 bundles, 100.0 a second, 6s left"},
		{fleet.Count{Total: 10000, Made: 12}, 12, 2 * time.Minute, "12 of 10000 bundles, 0.1 a second, 27h44m40s left"},
		{fleet.Count{Total: 1, Made: 1}, 1, time.Second, "1 of 1 bundle, 1.0 a second, 0s left"},
	}
	for _, tt := range tests {
		if got := progressText(tt.count, tt.made, tt.elapsed); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// Elsewhere than on a terminal a line comes now and then, and none with --quiet.
func TestProgressLines(t *testing.T) {
	for quiet, want := range map[bool]int{false: 1, true: 0} {
		var stderr bytes.Buffer
		e := &env{stderr: &stderr}
		p := e.newProgress(quiet)
		for range 100 {
			p.show(fleet.Count{})
		}
		p.last = p.last.Add(-lineEvery)
		p.show(fleet.Count{})
		p.show(fleet.Count{})
		p.end()
		if got := strings.Count(stderr.String(), "\n"); got != want || strings.ContainsAny(stderr.String(), "\r\x1b") {
			t.Errorf("quiet %v: %d lines, want %d: %q", quiet, got, want, stderr.String())
		}
	}
}
