package main

import (
	"bytes"
	"strings"
	"testing"

	"virtpki/internal/fleet"
)

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
