package systemd

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestHostileUnit has units of an image that are small, and that would fill the memory or keep a run
// busy for hours.
func TestHostileUnit(t *testing.T) {
	large := begin + "A=" + strings.Repeat("x", 900_000) + "\n"
	links := func(n int, rest files) files {
		for i := range n {
			rest[fmt.Sprintf("%s.d/%d.conf", etc, i)] = "-> /etc/drop-in"
		}
		return rest
	}
	named := func(n int) string { return begin + strings.Repeat("EnvironmentFile=/etc/env\n", n) }
	value := begin + "Environment=A=" + strings.Repeat("x", 1<<16) + "\n"
	run := "ExecStart=/usr/sbin/libvirtd\n"
	for name, test := range map[string]struct {
		files files
		err   error
		runs  bool
	}{
		"some drop-ins":         {links(10, files{lib: begin + run, "etc/drop-in": begin + "a=\n"}), nil, true},
		"many drop-ins":         {links(maxFiles+1, files{lib: begin + run, "etc/drop-in": begin}), errTooMuch, false},
		"large drop-ins":        {links(3, files{lib: begin + run, "etc/drop-in": large}), errTooMuch, false},
		"an environment file":   {files{lib: named(2) + run, "etc/env": "A=b\n"}, nil, true},
		"many of them":          {files{lib: named(maxFiles+1) + run, "etc/env": ""}, errTooMuch, false},
		"many by a pattern":     {files{lib: begin + strings.Repeat("EnvironmentFile=/etc/*\n", maxFiles) + run, "etc/a": "", "etc/b": ""}, errTooMuch, false},
		"large ones":            {files{lib: named(3) + run, "etc/env": large}, errTooMuch, false},
		"a long command line":   {files{lib: value + "ExecStart=/a " + strings.Repeat("${A}", 1000) + "\n" + run}, nil, false},
		"many arguments":        {files{lib: value + "ExecStart=/a " + strings.Repeat("${A} ", 1000) + "\n" + run}, nil, false},
		"many empty variables":  {files{lib: begin + "Environment=A='" + strings.Repeat(" ", 1<<16) + "'\nExecStart=/a " + strings.Repeat("$A ", 1000) + "\n" + run}, nil, false},
		"many commands":         {files{lib: value + strings.Repeat("ExecStart=/a ${A}\n", 1000) + run}, nil, false},
		"a long word":           {files{lib: begin + "ExecStart=/a " + strings.Repeat("${", maxArg) + "\n" + run}, nil, false},
		"a long value and more": {files{lib: value + "ExecStart=/a ${A}\n" + run}, nil, true},
	} {
		root := t.TempDir()
		write(t, root, test.files)
		service, err := at(root).Service("libvirtd.service")
		if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Errorf("%s: error %v, want %v", name, err, test.err)
		}
		if err != nil {
			continue
		}
		if _, runs := service.Argv("libvirtd"); runs != test.runs {
			t.Errorf("%s: its command line is known: %t", name, runs)
		}
	}
}
