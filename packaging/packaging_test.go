package packaging_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"virtpki/internal/lab"
	"virtpki/internal/lab/labscript"
)

// all says whether every architecture and platform is packaged.
var all = os.Getenv("VIRTPKI_DIST") == "all"

// TestPackages builds the packages in two directories, compares them, and uses them.
func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no packages")
	}
	if _, err := exec.LookPath("nfpm"); err != nil {
		t.Skip("nfpm is not here: make test builds it")
	}
	t.Parallel()
	source := filepath.Join(t.TempDir(), "a")
	made := dist(t, "..", source, "sh")
	t.Run("lint", func(t *testing.T) { t.Parallel(); lint(t, made) })
	t.Run("contents", func(t *testing.T) { t.Parallel(); contents(t, made) })
	t.Run("apk", func(t *testing.T) { t.Parallel(); apk(t, made) })
	t.Run("recipes", func(t *testing.T) { t.Parallel(); recipes(t, made) })
	t.Run("reproducible", func(t *testing.T) {
		t.Parallel()
		again := dist(t, source, filepath.Join(t.TempDir(), "another", "directory", "with a longer name"),
			"unshare", "--mount", "sh", "-c", anotherLibvirt, "sh", "sh")
		if first, second := read(t, made, "SHA256SUMS"), read(t, again, "SHA256SUMS"); first != second {
			t.Errorf("two directories, on hosts with different libvirts, give different packages:\n%s\n%s", first, second)
		}
	})
	t.Run("install", func(t *testing.T) { t.Parallel(); install(t, made) })
}

// anotherLibvirt runs a command on a machine where libvirtd reads files at paths of its own.
const anotherLibvirt = `
set -e
mkdir -p /etc/libvirt
mount -t tmpfs another /etc/libvirt
printf '%s_file = "/etc/libvirt/tls/%s.pem"\n' key key cert cert ca ca >/etc/libvirt/libvirtd.conf
exec "$@"
`

// Every recipe leaves HTTP/2 out of the program, which saves 0.4 MB. Releases do not inline the
// functions of other modules, which saves 0.3 MB.
func TestRecipes(t *testing.T) {
	for _, name := range []string{"../Makefile", "dist.sh", "PKGBUILD"} {
		if !strings.Contains(read(t, ".", name), "-gcflags=all=-l -gcflags=std= -gcflags=virtpki/...=") {
			t.Errorf("%s has the functions of other modules inlined", name)
		}
	}
	for _, name := range []string{"../Makefile", "dist.sh", "PKGBUILD", "virtpki.rb", "virtpki.nix"} {
		if !strings.Contains(read(t, ".", name), "nethttpomithttp2") {
			t.Errorf("%s builds virtpki without the tag nethttpomithttp2", name)
		}
	}
}

// "make dist" hands dist.sh to a shell, as the tests do: the file itself is not executable.
func TestMakeDist(t *testing.T) {
	cmd := exec.Command("make", "-n", "-C", "..", "dist")
	out, err := cmd.Output()
	if want := " sh packaging/dist.sh build/dist\n"; err != nil || !strings.Contains(string(out), want) {
		t.Errorf("make -n dist (%v) does not run%s:\n%s", err, want, out)
	}
}

// dist copies the source from one directory to another, builds the packages there by a shell that
// line starts, and returns their directory.
func dist(t *testing.T, from, dir string, line ...string) string {
	t.Helper()
	copySource(t, from, dir)
	cmd := exec.Command(line[0], append(line[1:], "packaging/dist.sh")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1795000000")
	if !all {
		cmd.Env = append(cmd.Env, "ARCHES="+runtime.GOARCH, "PLATFORMS=linux/"+runtime.GOARCH, "SBOM=")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("dist.sh: %v\n%s", err, out)
	}
	return filepath.Join(dir, "build", "dist")
}

// copySource copies the project without build results and without git. Files that are not
// committed yet are packaged too.
func copySource(t *testing.T, from, dir string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); path == filepath.Join(from, "build") || name == ".git" || name == ".github" {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// files returns the packages with that ending in their names.
func files(t *testing.T, dir, ending string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s was made: %v", ending, err)
	}
	return found
}

// lint checks that lintian and rpmlint print nothing.
func lint(t *testing.T, made string) {
	for ending, linter := range map[string][]string{
		".deb": {"lintian", "--allow-root", "--fail-on", "error,warning,info"},
		".rpm": {"rpmlint", "--strict", "--config", "rpmlint.toml"},
	} {
		if _, err := exec.LookPath(linter[0]); err != nil {
			t.Errorf("%s is not here: make test installs it", linter[0])
			continue
		}
		for _, file := range files(t, made, ending) {
			cmd := exec.Command(linter[0], append(linter[1:], file)...)
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s %s: %v\n%s", linter[0], filepath.Base(file), err, out)
			}
		}
	}
}

// contents checks the files in each kind of package, and that a package touches no other place.
func contents(t *testing.T, made string) {
	source := "-" + strings.TrimSpace(read(t, "../internal/program", "VERSION")) + ".tar.gz"
	listers := map[string][]string{
		".deb":         {"sh", "-c", `dpkg-deb --fsys-tarfile "$0" | tar -t`},
		".rpm":         {"rpm", "-qlp", "--nosignature"},
		".apk":         {"tar", "-tzf"},
		".pkg.tar.zst": {"sh", "-c", `zstd -dcq "$0" | tar -t`},
		"64.tar.gz":    {"tar", "-tzf"},
		source:         {"tar", "-tzf"},
	}
	common := []string{"usr/bin/virtpki", "usr/share/man/man1/virtpki-renew.1.gz", "usr/share/bash-completion/completions/virtpki",
		"usr/share/fish/vendor_completions.d/virtpki.fish", "usr/share/doc/virtpki/README.md"}
	wanted := map[string][]string{
		".deb":         append(common, "usr/lib/systemd/system/virtpki-renew.timer", "usr/share/doc/virtpki/copyright", "usr/share/zsh/vendor-completions/_virtpki"),
		".rpm":         append(common, "usr/lib/systemd/system/virtpki-renew.timer", "usr/share/licenses/virtpki/THIRD-PARTY", "usr/share/zsh/site-functions/_virtpki"),
		".apk":         append(common, "usr/share/licenses/virtpki/LICENSE", "usr/share/zsh/site-functions/_virtpki"),
		".pkg.tar.zst": append(common, "usr/lib/systemd/system/virtpki-renew.service", "usr/share/licenses/virtpki/THIRD-PARTY"),
		"64.tar.gz":    {"/virtpki", "/man/virtpki.1.gz", "/completion/_virtpki", "/LICENSE", "/THIRD-PARTY", "/docs/tutorial.md"},
		source:         {"/go.mod", "/cmd/virtpki/main.go", "/packaging/dist.sh", "/LICENSE"},
	}
	outside := regexp.MustCompile(`(?m)^[./]*(etc|var|home|root|opt)/.*$`)
	for ending, lister := range listers {
		for _, file := range files(t, made, ending) {
			out, err := exec.Command(lister[0], append(lister[1:], file)...).Output()
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			}
			for _, want := range wanted[ending] {
				if !strings.Contains(string(out), want+"\n") {
					t.Errorf("%s lacks %s", filepath.Base(file), want)
				}
			}
			if found := outside.FindString(string(out)); found != "" {
				t.Errorf("%s has %s", filepath.Base(file), found)
			}
		}
	}
	program := exec.Command("sh", "-c", `tar -xzOf "$0" --wildcards '*/virtpki' >"$1" && go version -m "$1"`,
		files(t, made, "-linux-"+runtime.GOARCH+".tar.gz")[0], filepath.Join(t.TempDir(), "virtpki"))
	if out, err := program.CombinedOutput(); err != nil || !strings.Contains(string(out), "-tags=nethttpomithttp2") {
		t.Errorf("the program in the tarball: %v\n%s", err, out)
	}
}

// install runs testdata/*.txtar on hosts of the lab: on one release by default, on those that
// VIRTPKI_RELEASES names, or on all.
func install(t *testing.T, made string) {
	if err := lab.Usable(); err != nil {
		t.Skip(err)
	}
	names := os.Getenv("VIRTPKI_RELEASES")
	if names == "" && !all {
		names = "trixie"
	}
	releases, err := lab.Select(names)
	if err != nil {
		t.Fatal(err)
	}
	boot, err := lab.BootFiles("../internal/lab/systemd")
	if err != nil {
		t.Fatal(err)
	}
	for _, release := range releases {
		config := labscript.Config{Release: release, Tools: boot, Env: []string{
			"DEB=" + files(t, made, "_"+runtime.GOARCH+".deb")[0], "RPM=" + files(t, made, rpmArch[runtime.GOARCH]+".rpm")[0],
			"ARCH=" + runtime.GOARCH, "SCRIPTS=" + absolute(t, "scripts"),
		}}
		params := labscript.Params(t.Context(), "testdata", config)
		t.Run(release.String(), func(t *testing.T) { testscript.Run(t, params) })
	}
}

// rpmArch are the names that rpm gives to architectures.
var rpmArch = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

func absolute(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}
