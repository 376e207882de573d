package machine

import (
	"slices"
	"testing"
)

func TestSysconfdirOf(t *testing.T) {
	for _, c := range []struct {
		system string
		here   []string
		want   string
	}{
		{"linux", []string{"/opt/homebrew/etc/libvirt"}, "/etc"},
		{"freebsd", nil, "/usr/local/etc"},
		{"darwin", nil, "/usr/local/etc"},
		{"darwin", []string{"/usr/local/bin/brew"}, "/usr/local/etc"},
		{"darwin", []string{"/opt/homebrew/bin/brew"}, "/opt/homebrew/etc"},
		{"darwin", []string{"/opt/homebrew/bin/brew", "/usr/local/bin/brew"}, "/opt/homebrew/etc"},
		{"darwin", []string{"/opt/homebrew/bin/brew", "/usr/local/bin/brew", "/usr/local/etc/libvirt"}, "/usr/local/etc"},
		{"darwin", []string{"/opt/homebrew/etc/libvirt", "/usr/local/etc/libvirt"}, "/opt/homebrew/etc"},
	} {
		if got := sysconfdirOf(c.system, func(path string) bool { return slices.Contains(c.here, path) }); got != c.want {
			t.Errorf("%s with %v: %s, want %s", c.system, c.here, got, c.want)
		}
	}
}
