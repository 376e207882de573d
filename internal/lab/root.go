package lab

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

//go:embed root.sh
var rootScript string

//go:embed layer.sh
var layerScript string

//go:embed virtproxyd.sh
var virtproxydScript string

// basePackages are in every root: the daemon and its clients, the judges (certtool, openssl),
// and the tools with which the lab and its tests look around.
const basePackages = "libvirt-daemon,libvirt-clients,gnutls-bin,openssl,iproute2,mount,passwd,procps,strace"

// Usable returns nil where hosts can be made, else an error that names the missing tool or
// right. It only looks, it does not try.
func Usable() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("a lab host needs Linux, this is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("a lab host needs root (namespaces and mounts)")
	}
	for _, program := range []string{"mmdebstrap", "unshare", "nsenter", "flock", "pivot_root"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("a lab host needs %s (Debian packages mmdebstrap and util-linux): %w", program, err)
		}
	}
	return nil
}

// Root returns the directories that hold the release's file system, with colons between them:
// overlayfs lays each over the next. It has packages on top of libvirt, certtool and openssl.
// Root builds first what does not exist: some fifteen seconds and 300 MB for a release, some
// five seconds for a layer with packages.
//
// Roots are kept in $VIRTPKI_LAB_CACHE, else in /var/cache/virtpki-lab, under a name that
// stands for the release, its packages and the recipe: a change of any makes a new one.
// Packages come from $VIRTPKI_LAB_MIRROR, else deb.debian.org. Processes that want the same
// root wait for each other.
func Root(ctx context.Context, release Release, packages ...string) (string, error) {
	suite, mirror := release.suite(), cmp.Or(os.Getenv("VIRTPKI_LAB_MIRROR"), "http://deb.debian.org/debian")
	base := cached(suite, rootScript+"\x00"+basePackages)
	if err := whole(ctx, base, rootScript, suite, basePackages, mirror); err != nil {
		return "", fmt.Errorf("unpacking Debian %s: %w", suite, err)
	}
	root := base
	if len(packages) > 0 {
		list := strings.Join(slices.Sorted(slices.Values(packages)), ",")
		layer := cached(suite, base+"\x00"+layerScript+"\x00"+list)
		if err := whole(ctx, layer, layerScript, list, base); err != nil {
			return "", fmt.Errorf("installing %s on Debian %s: %w", list, suite, err)
		}
		root = layer + ":" + base
	}
	if release.Daemon() == "libvirtd" {
		return root, nil
	}
	over := cached(release.Name, virtproxydScript)
	if err := whole(ctx, over, virtproxydScript, suite, mirror); err != nil {
		return "", fmt.Errorf("building %s: %w", release.Name, err)
	}
	return over + ":" + root, nil
}

// cached is the directory of something that is made by a recipe.
func cached(name, recipe string) string {
	sum := sha256.Sum256([]byte(recipe))
	return filepath.Join(cacheDir(), name+"-"+hex.EncodeToString(sum[:6]))
}

func cacheDir() string {
	if dir := os.Getenv("VIRTPKI_LAB_CACHE"); dir != "" {
		return dir
	}
	return "/var/cache/virtpki-lab"
}

// whole makes a directory by a script, unless it exists. The script runs under the directory's
// lock, which it and its children hold for as long as one of them lives, and in a mount
// namespace, so that nothing mmdebstrap mounts can stay behind on the machine. TMPDIR names a
// directory of the machine, which programs in a root do not have.
func whole(ctx context.Context, dir, script string, args ...string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	line := append([]string{dir + ".lock", "unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"}, args...)
	cmd := exec.CommandContext(ctx, "env", append([]string{"--unset=TMPDIR", "flock"}, append(line, dir)...)...)
	cmd.WaitDelay = time.Second // the build itself goes on, for the next process that wants the directory
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
