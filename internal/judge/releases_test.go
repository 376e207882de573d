package judge

import (
	"strings"
	"testing"
	"time"

	"virtpki/internal/lab"
	"virtpki/internal/libvirt"
)

// noPackages requests a root without packages of its own.
func noPackages(lab.Release) []string { return nil }

// qemuPackages are the packages of the scripts with guests, so that one root serves both.
func qemuPackages(release lab.Release) []string {
	packages := []string{"qemu-system-x86", "qemu-utils", "libvirt-daemon-driver-qemu"}
	if split, _ := release.Holds(">=11"); split {
		packages = append(packages, "libvirt-daemon-driver-secret", "libvirt-daemon-driver-storage")
	}
	return packages
}

// labHost is a host of a release, with the targets that its packages name.
type labHost struct {
	*lab.Host
	release lab.Release
	targets []libvirt.Release
}

// onReleases runs a test on a host of each release: VIRTPKI_RELEASES names them.
func onReleases(t *testing.T, test func(t *testing.T, h *labHost), packages func(lab.Release) []string) {
	t.Helper()
	for _, release := range lab.Tested(t) {
		t.Run(release.String(), func(t *testing.T) { test(t, newLabHost(t, release, packages(release)...)) })
	}
}

func newLabHost(t *testing.T, release lab.Release, packages ...string) *labHost {
	t.Helper()
	root, err := lab.Root(t.Context(), release, packages...)
	if err != nil {
		t.Fatal(err)
	}
	top, _, _ := strings.Cut(root, ":") // the layer that has the database of packages
	targets, err := libvirt.InstalledReleases(t.Context(), top)
	if err != nil {
		t.Fatal(err)
	}
	host, err := lab.NewHost(t.Context(), lab.HostConfig{Root: root, Name: "hv1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	return &labHost{host, release, targets}
}

func (h *labHost) libvirt() libvirt.Release { return h.targets[0] }

func TestClientsOnReleases(t *testing.T) {
	onReleases(t, func(t *testing.T, h *labHost) {
		n, seed := amount(t, 300)
		g := newGenerator(seed, time.Now())
		folder := t.TempDir()
		sets := clientSets(t, g, n, folder)
		n = len(sets)
		if err := h.Put(t.Context(), folder, "/root/sets"); err != nil {
			t.Fatal(err)
		}
		texts := askVirsh(t, h.Command(t.Context(), "virsh", "-q", "-c", "test:///default"), pkipathScript("/root/sets", n), n)
		compareClients(t, sets, texts, h.libvirt(), time.Now())
	}, noPackages)
}
