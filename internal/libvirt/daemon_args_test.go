package libvirt

import (
	"maps"
	"strings"
	"testing"
)

func TestDaemonOptions(t *testing.T) {
	for _, c := range []struct {
		line   string // arguments, with | between them
		config string
		listen bool
	}{
		{"libvirtd", "", false},
		{"libvirtd|--listen", "", true},
		{"libvirtd|-l", "", true},
		{"libvirtd|--config|/a", "/a", false},
		{"libvirtd|--config=/a", "/a", false},
		{"libvirtd|--conf=/a", "/a", false},
		{"libvirtd|--c|/a|--li", "/a", true},
		{"libvirtd|--ver", "", false}, // verbose or version
		{"libvirtd|-f|/a", "/a", false},
		{"libvirtd|-f/a", "/a", false},
		{"libvirtd|-dlf|/a", "/a", true},
		{"libvirtd|-vlf/a", "/a", true},
		{"libvirtd|-f|/a|-f|/b", "/b", false},
		{"libvirtd|-p|-l|--timeout|--config|-d", "", false},
		{"libvirtd|--pid-file=/x|-t120|-l", "", true},
		{"libvirtd|-f", "", false},
		{"libvirtd|--|-l", "", false},
		{"libvirtd|-z-l", "", true},
		{"", "", false},
		{"-f|/a", "", false}, // the program's name
	} {
		args := strings.Split(c.line, "|")
		if got := ConfigOption(args); got != c.config {
			t.Errorf("%s: conf %q, want %q", c.line, got, c.config)
		}
		if got := ListenOption(args); got != c.listen {
			t.Errorf("%s: listen %t, want %t", c.line, got, c.listen)
		}
	}
	if got := daemonOptions(nil); !maps.Equal(got, map[string]string{}) {
		t.Errorf("no arguments: %v", got)
	}
}
