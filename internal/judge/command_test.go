package judge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"virtpki/internal/libvirt"
)

// These tests compare the command that people type with a real virsh as well. The command checks
// directories instead of sets, and reports findings on places beside those on the files. virsh has
// to fail for every error, except those of the other side.

func TestCommandAgainstVirsh(t *testing.T) {
	needs(t, "virsh", "dpkg-query", "go")
	root := t.TempDir()
	sets := disturbedSets(t, root, 60)
	texts := askVirsh(t, exec.Command("virsh", "-q", "-c", "test:///default"), pkipathScript(root, len(sets)), len(sets))
	compareCommand(t, buildCommand(t), installedLibvirt(t), root, sets, texts)
}

// TestCommandOnReleases has the command judge for the virsh of each release.
func TestCommandOnReleases(t *testing.T) {
	onReleases(t, func(t *testing.T, h *labHost) {
		root := t.TempDir()
		sets := disturbedSets(t, root, 20)
		if err := h.Put(t.Context(), root, "/root/sets"); err != nil {
			t.Fatal(err)
		}
		texts := askVirsh(t, h.Command(t.Context(), "virsh", "-q", "-c", "test:///default"), pkipathScript("/root/sets", len(sets)), len(sets))
		compareCommand(t, buildCommand(t), h.libvirt(), root, sets, texts)
	}, noPackages)
}

// disturbedSets writes directories. Some of them hold files that a set of bytes cannot describe.
func disturbedSets(t testing.TB, root string, usual int) []Set {
	n, seed := amount(t, usual)
	g := newGenerator(seed, time.Now())
	sets := clientSets(t, g, n, root)
	for i := range sets {
		if g.chance(0.3) {
			g.disturb(t, filepath.Join(root, strconv.Itoa(i)))
		}
	}
	return sets
}

func pkipathScript(root string, n int) string {
	return virshScript(n, func(i int) string { return fmt.Sprintf("test+tls://127.0.0.1:1/default?pkipath=%s/%d", root, i) })
}

// compareCommand compares the command's output for each directory with virsh's texts.
func compareCommand(t *testing.T, command string, target libvirt.Release, root string, sets []Set, texts []string) {
	t.Helper()
	accepted, later, wrong := 0, 0, 0
	for i, text := range texts {
		word := askCommand(t, command, "check", "client", "--pkipath", filepath.Join(root, strconv.Itoa(i)), "--for", target.String())
		accepts := refusedConnection(text)
		if accepts {
			accepted++
		}
		if accepts && word.inSession() {
			later++
		}
		if err := word.agrees(accepts); err != nil {
			if wrong++; wrong <= 3 || wrong <= 40 && testing.Verbose() {
				t.Errorf("set %d: %v; virsh says %q\n%s\n%s", i, err, text, word.People, findingLines(word.Findings))
			}
			if os.Getenv("VIRTPKI_DESCRIBE") != "" {
				t.Log(describe(sets[i]))
			}
		}
	}
	t.Logf("%d folders for %s: %d accepted (%d for the other side to refuse), %d refused, %d disagreements", len(sets), target, accepted, later, len(sets)-accepted, wrong)
	if wrong > 3 {
		t.Errorf("%d disagreements in all", wrong)
	}
	if accepted < len(sets)/10 || accepted > len(sets)*9/10 {
		t.Errorf("%d of %d accepted: the generator is lopsided", accepted, len(sets))
	}
}

// commandWord is the whole output of check for a directory.
type commandWord struct {
	Findings []Finding
	Verdicts []struct {
		Says  string
		Works bool
	}
	People string // the verdict as people get it
	Status int
}

func (w commandWord) own() bool {
	for _, f := range w.Findings {
		if f.Level == Error && f.Stage != Session {
			return true
		}
	}
	return false
}

func (w commandWord) inSession() bool { return Refused(w.Findings) && !w.own() }

// agrees returns an error if the output does not match a virsh that connects, or one that refuses.
func (w commandWord) agrees(accepts bool) error {
	if len(w.Verdicts) != 1 {
		return fmt.Errorf("%d verdicts", len(w.Verdicts))
	}
	status, want := 0, "virsh would connect with these files"
	switch {
	case !accepts:
		status, want = 3, "virsh would not connect with these files"
	case w.inSession():
		status, want = 3, "virsh would connect with these files, but the server would refuse it"
	}
	for _, f := range w.Findings {
		if f.ID == "no-client-pair" && accepts {
			want = "the server would refuse virsh with these files: there is no client certificate"
		}
	}
	switch {
	case w.own() == accepts:
		return fmt.Errorf("its own side refuses: %v", w.own())
	case w.Status != status:
		return fmt.Errorf("status %d, want %d", w.Status, status)
	case w.Verdicts[0].Says != want, !strings.HasPrefix(strings.Replace(w.People, ": ok, ", ": ", 1), "client files: "+want), w.Verdicts[0].Works != (status == 0):
		return fmt.Errorf("the verdicts are %+v and %q, want %q", w.Verdicts, w.People, want)
	}
	return nil
}

// askCommand runs check twice: with the output for programs and with that for people.
func askCommand(t testing.TB, command string, args ...string) commandWord {
	t.Helper()
	var w commandWord
	out, status := runCommand(t, command, append(args, "--json")...)
	if err := json.Unmarshal(out, &w); err != nil {
		t.Fatalf("%q: status %d: %v\n%s", args, status, err, out)
	}
	w.Status = status
	out, status = runCommand(t, command, args...)
	if status != w.Status {
		t.Errorf("%q: status %d, and %d with --json", args, status, w.Status)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "client files: ") {
			w.People = line
		}
	}
	return w
}

func runCommand(t testing.TB, command string, args ...string) (out []byte, status int) {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if status = cmd.ProcessState.ExitCode(); status != 0 && status != 3 {
		t.Fatalf("%q: status %d\n%s", args, status, stderr.Bytes())
	}
	return out, status
}

// buildCommand builds virtpki. It also looks at the sources itself: the go command keeps a test's
// result until a file changes that the test has opened or inspected, and does not see which files a
// build opens.
func buildCommand(t testing.TB) string {
	t.Helper()
	sources, err := filepath.Glob("../../cmd/virtpki/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatalf("the sources of the command: %d, %v", len(sources), err)
	}
	for _, name := range sources {
		if _, err := os.Stat(name); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "virtpki")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "nethttpomithttp2", "-o", path, "virtpki/cmd/virtpki").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// disturb changes a directory in a way that a set of bytes does not show. It makes no FIFO, since
// virsh would wait for ever at one.
func (g *generator) disturb(t testing.TB, folder string) {
	t.Helper()
	name := pick(g, "cacert.pem", "cacrl.pem", "clientcert.pem", "clientcert.pem", "clientkey.pem", "clientkey.pem")
	path := filepath.Join(folder, name)
	instead := func(target string) error { return errors.Join(os.RemoveAll(path), os.Symlink(target, path)) }
	beside := func(name string) error { return copyFile(path, filepath.Join(folder, name)) }
	ways := []func() error{
		func() error { return os.RemoveAll(path) },
		func() error { return instead("nowhere") },
		func() error { return instead(name) }, // a loop
		func() error { return instead("/dev/null") },
		func() error { return instead(".") },
		func() error { return instead("cacert.pem/" + name) },
		func() error { return instead(strings.Repeat("long", 100)) },
		func() error { return errors.Join(beside("elsewhere/"+name), instead("elsewhere/"+name)) },
		func() error { return grow(path, 2<<20) },
		func() error { return grow(path, 40<<20) },
		func() error { return os.Chmod(path, pick(g, os.FileMode(0), 0o400, 0o600, 0o666, 0o4755)) },
		func() error { return os.Chmod(folder, pick(g, os.FileMode(0o700), 0o777, 0o1777, 0)) },
		func() error { return os.Chown(path, 65534, 65534) },
		func() error { return os.Chown(folder, 65534, 65534) },
		func() error {
			return beside(pick(g, "servercert.pem", "serverkey.pem", "crl.pem", "ca-cert.pem", "client-cert.pem", "clientcert0.pem", "clientkey0.pem", "cakey.pem"))
		},
		func() error { return numbered(folder, copyFile) },
		func() error { return numbered(folder, os.Rename) },
		func() error {
			return errors.Join(os.RemoveAll(filepath.Join(folder, "clientcert.pem")), os.RemoveAll(filepath.Join(folder, "clientkey.pem")))
		},
	}
	if err := pick(g, ways...)(); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.EISDIR) {
		t.Fatal(err)
	}
}

// numbered renames the pair to a further one, which libvirt 11.10 reads.
func numbered(folder string, give func(from, to string) error) error {
	at := func(name string) string { return filepath.Join(folder, name) }
	return errors.Join(give(at("clientcert.pem"), at("clientcert0.pem")), give(at("clientkey.pem"), at("clientkey0.pem")))
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o644))
}

// grow appends zero bytes to a file, without using the disk for them.
func grow(path string, size int64) error {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return os.Truncate(path, size)
}
