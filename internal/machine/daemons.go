package machine

import (
	"context"
	"os"
	"slices"
	"time"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
)

// Running returns the daemons that run here and respond soon. Only root may ask them.
func (m *Machine) Running(ctx context.Context) []running.Daemon {
	if os.Geteuid() != 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	daemons, _ := running.Find(ctx, m.Root, m.Sysconfdir)
	return daemons
}

// packageDatabases are the directories in which dpkg and rpm keep the list of installed
// packages.
var packageDatabases = []string{"/var/lib/dpkg", "/var/lib/rpm", "/usr/lib/sysimage/rpm"}

// InstalledRelease returns the release of an installed product, and false if it is not known.
func (m *Machine) InstalledRelease(ctx context.Context, product string) (libvirt.Release, bool) {
	if !slices.ContainsFunc(packageDatabases, func(path string) bool { return m.Tree().Exists(m.Path(path)) }) {
		return libvirt.Release{}, false
	}
	targets, err := libvirt.InstalledReleases(ctx, m.Root)
	if err != nil {
		return libvirt.Release{}, false
	}
	for _, target := range targets {
		if target.Product == product {
			return target, true
		}
	}
	return libvirt.Release{}, false
}
