package libvirt

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// installedPackages are the packages that tell by their version which libvirt and which QEMU a
// machine has: Debian's name, then that of RPM distributions.
var installedPackages = []struct{ product, deb, rpm string }{
	{"libvirt", "libvirt0", "libvirt-libs"},
	{"qemu", "qemu-system-common", "qemu-kvm-core"},
	{"qemu", "qemu-utils", "qemu-common"},
}

// InstalledReleases asks the package manager of the tree at root ("" or "/" is this machine)
// which libvirt and QEMU are installed, and returns at most one of each. It is an error if
// neither is installed.
func InstalledReleases(ctx context.Context, root string) ([]Release, error) {
	var targets []Release
	for _, p := range installedPackages {
		if len(targets) > 0 && targets[len(targets)-1].Product == p.product {
			continue
		}
		if t, err := installedRelease(ctx, root, p.product, p.deb, p.rpm); err == nil {
			targets = append(targets, t)
		}
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("dpkg-query and rpm know of no installed libvirt or QEMU")
	}
	return targets, nil
}

func installedRelease(ctx context.Context, root, product, deb, rpm string) (Release, error) {
	version, err := debVersion(ctx, root, deb)
	if err != nil {
		version, err = rpmVersion(ctx, root, rpm)
	}
	if err != nil {
		return Release{}, err
	}
	return ParseRelease(product + "-" + withoutEpoch(version))
}

func debVersion(ctx context.Context, root, name string) (string, error) {
	if root == "" {
		root = "/"
	}
	out, err := exec.CommandContext(ctx, "dpkg-query", "--admindir="+filepath.Join(root, ResolveBelow(root, "var/lib/dpkg")), "-W", "-f", "${db:Status-Abbrev}${Version}\n", name).Output()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(out), "\n")
	version, installed := strings.CutPrefix(line, "ii ")
	if !installed {
		return "", fmt.Errorf("%s is not installed", name)
	}
	return strings.TrimSpace(version), nil
}

func rpmVersion(ctx context.Context, root, name string) (string, error) {
	if root == "" {
		root = "/"
	}
	out, err := exec.CommandContext(ctx, "rpm", "--root", root, "-q", "--qf", "%{VERSION}-%{RELEASE}\n", name).Output()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line, nil
}

// withoutEpoch takes Debian's "1:" away.
func withoutEpoch(version string) string {
	if _, rest, ok := strings.Cut(version, ":"); ok {
		return rest
	}
	return version
}
