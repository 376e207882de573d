package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// full is a stream on which nothing can be written.
type full struct {
	err   error
	tried int
}

func (f *full) Write(data []byte) (int, error) {
	f.tried += len(data)
	return 0, f.err
}

// Every command that cannot print its output ends with an error.
func TestNoOutputIsLostInSilence(t *testing.T) {
	for _, path := range commandPaths(newRoot(newEnv())) {
		t.Run(path, func(t *testing.T) {
			t.Chdir(t.TempDir())
			w := newHostileWorld(t)
			words := strings.Fields(path)[1:]
			for _, line := range append(slices.Clone(hostileCommands[path]), "--help", "--json --root {root}") {
				args := append(slices.Clone(words), w.args(line)...)
				stdout := &full{err: syscall.ENOSPC}
				var stderr bytes.Buffer
				e := w.env(&stderr)
				e.stdout = stdout
				code := run(context.Background(), e, args)
				if stdout.tried > 0 && code != exitError {
					t.Errorf("%s: status %d though its output is lost\n%s", line, code, &stderr)
				}
				if stdout.tried > 0 && !strings.Contains(stderr.String(), syscall.ENOSPC.Error()) {
					t.Errorf("%s: it does not say what is wrong\n%s", line, &stderr)
				}
			}
		})
	}
}

// Completion scripts, and the lost report of a change that was made.
func TestLostOutput(t *testing.T) {
	root := t.TempDir()
	for _, test := range []struct{ line, want string }{
		{"completion bash", "error: no space left"},
		{"completion zsh", "error: no space left"},
		{"__complete sh", "error: no space left"},
		{"--version", "error: no space left"},
		{"--root " + root + " ca init --name Example", "virtpki made the changes, but could not write its report: no space left"},
		{"--root " + root + " ca show --json", "error: no space left"},
		{"--root " + root + " issue client bob --out " + root + "/out --json", "virtpki made the changes"},
		{"--root " + root + " issue host --out " + root + "/fleet hv1 hv2", "virtpki made the changes"},
	} {
		var stderr bytes.Buffer
		e := newEnv()
		e.stdout, e.stderr = &full{err: syscall.ENOSPC}, &stderr
		code := run(t.Context(), e, strings.Fields(test.line))
		if code != exitError || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%s: status %d\n%s", test.line, code, &stderr)
		}
	}
}

// A reader that closes the pipe has read enough: the program ends quietly, by the signal.
func TestClosedPipe(t *testing.T) {
	root := t.TempDir()
	for _, line := range []string{"--help", "version", "--root " + root + " ca init --name Example", "--root " + root + " list", "completion bash"} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		cmd := virtpki(t, strings.Fields(line)...)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = write, &stderr
		cmd.Run()
		write.Close()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !status.Signaled() || status.Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
			t.Errorf("%s: %v\n%s", line, cmd.ProcessState, &stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "etc/pki/CA/cacert.pem")); err != nil {
		t.Errorf("the change is not whole: %v", err)
	}
}

// When nobody reads the verdicts any more, the command stops computing them.
func TestClosedPipeOfAStream(t *testing.T) {
	cmd := exec.Command("sh", "-c", `yes CN=a | exec "$0" dn match CN=b --stdin | head -n 1`, "virtpki")
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(named(t))+":"+os.Getenv("PATH"))
	if out, err := cmd.Output(); err != nil || string(out) != "refused\tCN=a\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// An unwritable stderr changes nothing else.
func TestLostErrors(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer write.Close()
	cmd := virtpki(t, "--root="+t.TempDir(), "list", "--fleet", "/nonexistent")
	cmd.Stderr = write
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitError {
		t.Errorf("%v, want status %d", cmd.ProcessState, exitError)
	}
}

// named returns the path of virtpki, for a shell.
func named(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "virtpki")
	if err := os.Symlink(virtpki(t).Path, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Without descriptors there is one error and no traceback.
func TestFewDescriptors(t *testing.T) {
	dir := t.TempDir()
	program := named(t)
	for _, limit := range []string{"4", "5", "6", "8", "12", "20", "24", "40"} {
		for _, line := range []string{"version", "--root=" + dir + "/" + limit + " ca init --name Example", "--root=" + dir + "/" + limit + " renew", "--root=" + dir + "/" + limit + " check"} {
			cmd := exec.Command("sh", "-c", `ulimit -n `+limit+`; exec "$0" `+line, program)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			cmd.Run()
			said := stderr.String()
			if code := cmd.ProcessState.ExitCode(); code != exitDone && code != exitError && code != exitRefused {
				t.Errorf("%s files, %s: %v\n%s", limit, line, cmd.ProcessState, said)
			}
			if strings.Contains(said, "goroutine") || strings.Contains(said, "runtime") || strings.Count(said, "error:") > 1 {
				t.Errorf("%s files, %s: %s", limit, line, said)
			}
		}
	}
}

// Without memory for the runtime there is one error and no traceback.
func TestLittleAddressSpace(t *testing.T) {
	for kib, code := range map[string]int{"2200000": exitError, "2500000": exitError, "2700000": exitDone, "unlimited": exitDone} {
		cmd := exec.Command("sh", "-c", `ulimit -v `+kib+`; exec "$0" version`, named(t))
		said, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code || strings.Contains(string(said), "goroutine") {
			t.Errorf("%s KiB: %v, want status %d\n%s", kib, cmd.ProcessState, code, said)
		}
		if code == exitError && !strings.HasPrefix(string(said), "virtpki: error: address space is limited to ") {
			t.Errorf("%s KiB: %s", kib, said)
		}
	}
}

// A panic prints one line that names its place, and exits with status 1. A traceback would reveal
// memory of a program that holds keys.
func TestPanicIsOneLine(t *testing.T) {
	root := t.TempDir()
	cmd := virtpki(t, "--root="+root, "bootstrap", "--name=Example")
	cmd.Env = append(cmd.Env, "HOST=panic")
	said, _ := cmd.CombinedOutput()
	want := regexp.MustCompile(`^virtpki: error: internal error: asked for by a test \(script_test\.go:\d+, virtpki .*\)\nvirtpki: hint: report it, with the command that you ran\n$`)
	if code := cmd.ProcessState.ExitCode(); code != exitError || !want.Match(said) {
		t.Errorf("%v\n%s", cmd.ProcessState, said)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}
