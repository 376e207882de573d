package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"virtpki/internal/lab"
	"virtpki/internal/lab/labscript"
)

// TestE2E runs every script of testdata/e2e against the libvirt of every Debian release, on hosts
// of the lab. It uses the real virtpki, libvirtd and virsh, and never this machine's own files.
// VIRTPKI_RELEASES="bookworm trixie" limits the releases.
func TestE2E(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real libvirtd")
	}
	if err := lab.Usable(); err != nil {
		t.Skip(err)
	}
	releases := e2eReleases(t)
	t.Parallel() // hosts wait for their daemons most of the time
	tools, err := lab.BootFiles("../../internal/lab/systemd")
	if err != nil {
		t.Fatal(err)
	}
	tools[buildProgram(t, "../../internal/lab/vnctls")] = "/usr/bin/vnctls"
	tools[buildProgram(t, "../../internal/lab/vaultd")] = "/usr/bin/vaultd"
	config := labscript.Config{Binary: buildStatic(t), Tools: tools, Whole: os.Getenv("VIRTPKI_RELEASES") != ""}
	for _, release := range releases {
		config.Release = release
		config.Env = []string{"BENCH=" + absolute(t, "../../bench"), "DOCS=" + absolute(t, "../../docs"), "QEMU=" + qemuPackages(t, release), "VIEWERS=" + viewerPackages(t, release), "TOOLS=" + toolPackages(t, release), "SYSTEMD=" + systemdPackages}
		params := labscript.Params(t.Context(), "../../testdata/e2e", config)
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, params)
		})
	}
}

// e2eReleases returns the releases that VIRTPKI_RELEASES names, or all of them. It starts to build
// virtproxyd at once, while other tests run.
func e2eReleases(t *testing.T) []lab.Release {
	list := os.Getenv("VIRTPKI_RELEASES")
	releases, err := lab.Select(list)
	if err != nil {
		t.Fatal(err)
	}
	if list == "" {
		releases = append(releases, lab.Virtproxyd)
	}
	// Go starts the last of the parallel tests first: let that be the release with the longest scripts.
	slices.SortStableFunc(releases, func(a, b lab.Release) int { return longest(a) - longest(b) })
	if slices.Contains(releases, lab.Virtproxyd) {
		go lab.Root(t.Context(), lab.Virtproxyd) // the tests that need the root report its errors
	}
	return releases
}

// longest is 1 for the release on which the longest scripts run, and 0 for the others.
func longest(release lab.Release) int {
	if release.Name == "bookworm" {
		return 1
	}
	return 0
}

// systemdPackages are on hosts that boot, and that run jobs by the clock. The packages that
// scripts need are grouped in few such sets: each set is a root of its own to unpack, for every
// release.
const systemdPackages = "cloud-init,cron,systemd"

// toolPackages are the other programs that make or carry certificates.
func toolPackages(t *testing.T, release lab.Release) string {
	hasCore, err := release.Holds(">=9") // before that, another package has an older Ansible
	if err != nil {
		t.Fatal(err)
	}
	packages := "easy-rsa,golang-cfssl,openssh-server"
	if hasCore {
		packages += ",ansible-core"
	}
	switch release.Name { // their scripts run there alone
	case "bookworm":
		packages += ",certmonger"
	case "trixie":
		packages += ",openssl,p11-kit,pkcs11-provider,softhsm2,swtpm"
	}
	return packages
}

// qemuPackages are the packages of a host with guests. All scripts share them, so that one root
// serves them all.
func qemuPackages(t *testing.T, release lab.Release) string {
	packages := "qemu-system-x86,qemu-utils,libvirt-daemon-driver-qemu"
	split, err := release.Holds(">=11") // before that, it was one package with the daemon
	if err != nil {
		t.Fatal(err)
	}
	if split {
		packages += ",libvirt-daemon-driver-secret,libvirt-daemon-driver-storage"
	}
	return packages
}

// viewerPackages are the clients of displays, and the packages that give QEMU SPICE.
func viewerPackages(t *testing.T, release lab.Release) string {
	packages := "gvncviewer,spice-client-gtk"
	split, err := release.Holds(">=11") // before that, SPICE came with QEMU
	if err != nil {
		t.Fatal(err)
	}
	if split {
		packages += ",qemu-system-modules-spice"
	}
	return packages
}

// buildStatic builds virtpki in the same way as a release, without cgo, so that one binary runs on
// every Debian.
func buildStatic(t *testing.T) string {
	t.Helper()
	return buildProgram(t, ".")
}

// buildProgram builds the program in a directory in the same way.
func buildProgram(t *testing.T, folder string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-o", binary, ".")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", folder, err, out)
	}
	return binary
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}
