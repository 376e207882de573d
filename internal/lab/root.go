package lab

import (
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

// basePackages are in every root: the daemon and its clients, the judges
// (certtool, openssl), and what the lab and its tests use to look around.
const basePackages = "libvirt-daemon,libvirt-clients,gnutls-bin,openssl,iproute2,mount,passwd,procps,strace"

// Usable returns nil where hosts can be made, else an error that says what is
// missing here. It looks only, it does not try.
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

// Root returns the folder that holds the release's file system, with packages on
// top of libvirt, certtool and openssl, and builds it first if it is not there:
// some fifteen seconds and 250 MB each. Hosts use it read-only, any number at once.
//
// Roots are kept in $VIRTPKI_LAB_CACHE, else in /var/cache/virtpki-lab, under a
// name that stands for the release, its packages and the recipe: a change of any
// makes a new one. Packages come from $VIRTPKI_LAB_MIRROR, else deb.debian.org.
// Processes that want the same root wait for each other.
func Root(ctx context.Context, release Release, packages ...string) (string, error) {
	root := newRoot(release, packages)
	if _, err := os.Stat(root.dir); err == nil {
		return root.dir, nil
	}
	if err := root.build(ctx); err != nil {
		return "", fmt.Errorf("unpacking Debian %s: %w", release.Name, err)
	}
	return root.dir, nil
}

type root struct {
	release  string
	packages string
	mirror   string
	dir      string
}

func newRoot(release Release, extra []string) root {
	r := root{release: release.Name, packages: basePackages, mirror: "http://deb.debian.org/debian"}
	for _, p := range slices.Sorted(slices.Values(extra)) {
		r.packages += "," + p
	}
	if mirror := os.Getenv("VIRTPKI_LAB_MIRROR"); mirror != "" {
		r.mirror = mirror
	}
	sum := sha256.Sum256([]byte(rootScript + "\x00" + r.packages))
	r.dir = filepath.Join(cacheDir(), r.release+"-"+hex.EncodeToString(sum[:6]))
	return r
}

func cacheDir() string {
	if dir := os.Getenv("VIRTPKI_LAB_CACHE"); dir != "" {
		return dir
	}
	return "/var/cache/virtpki-lab"
}

// build runs root.sh under the root's lock, which root.sh and its children hold
// for as long as one of them lives, and in a mount namespace, so that nothing
// mmdebstrap mounts can stay behind on the machine.
func (r root) build(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(r.dir), 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "flock", r.dir+".lock",
		"unshare", "--mount", "--propagation", "private",
		"sh", "-c", rootScript, "root.sh", r.release, r.packages, r.mirror, r.dir)
	cmd.WaitDelay = time.Second // the build itself goes on, for whoever wants the root next
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
