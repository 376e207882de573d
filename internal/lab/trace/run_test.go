//go:build linux

package trace_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"virtpki/internal/lab/trace"
)

// build makes the program of internal/lab/tracee.
func build(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: nothing is built")
	}
	program := filepath.Join(t.TempDir(), "tracee")
	if out, err := exec.Command("go", "build", "-o", program, "../tracee").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// run has a shell run a script in a directory, and lists the calls that concern it.
func run(t *testing.T, tracee, folder, script string, decide func(trace.Call) trace.Verdict) (calls []trace.Call, out string, err error) {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(shell, "-c", script)
	cmd.Dir = folder
	var text strings.Builder
	cmd.Stdout, cmd.Stderr = &text, &text
	err = trace.Tracee{Path: tracee}.Run(cmd, func(c trace.Call) trace.Verdict {
		if c.Name != trace.Exit && !strings.Contains(c.Path, folder) {
			return trace.Verdict{}
		}
		calls = append(calls, c)
		return decide(c)
	})
	return calls, text.String(), err
}

func goOn(trace.Call) trace.Verdict { return trace.Verdict{} }

// index returns the place of a call; the test fails if the call is missing.
func index(t *testing.T, calls []trace.Call, want trace.Call) int {
	t.Helper()
	i := slices.IndexFunc(calls, func(c trace.Call) bool {
		return c.Name == want.Name && c.Path == want.Path && c.Changes == want.Changes
	})
	if i < 0 {
		t.Errorf("%+v is not among %+v", want, calls)
	}
	return i
}

// The calls of a program and of those that it starts come in order. They have the paths that
// they lead to, for every form of name and descriptor.
func TestRunSeesCalls(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	calls, out, err := run(t, build(t), folder, `cd sub && echo text >file && mv file ../moved && cat ../moved && exit 3`, goOn)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || out != "text\n" {
		t.Fatalf("%v, %q, want exit status 3 and the text", err, out)
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	last := -1
	for _, want := range []trace.Call{
		{Name: "openat", Path: in("sub/file"), Changes: true},
		{Name: "write", Path: in("sub/file"), Changes: true},
		{Name: "renameat2", Path: in("sub/file") + " -> " + in("moved"), Changes: true},
		{Name: "openat", Path: in("moved")},
		{Name: "read", Path: in("moved")},
	} {
		i := index(t, calls, want)
		if i < last {
			t.Errorf("%v comes too early", want)
		}
		last = i
	}
	if calls[len(calls)-1].Name != trace.Exit {
		t.Errorf("the last call is %v", calls[len(calls)-1])
	}
}

// A call that fails is not carried out, and the program is told why.
func TestRunHasCallsFail(t *testing.T) {
	folder := t.TempDir()
	_, out, err := run(t, build(t), folder, `LC_ALL=C; export LC_ALL; : >one; echo >two; cat one; mv one three`, func(c trace.Call) trace.Verdict {
		switch {
		case c.Name == "openat" && strings.HasSuffix(c.Path, "two"):
			return trace.Verdict{Errno: syscall.ENOSPC}
		case c.Name == "read":
			return trace.Verdict{Errno: syscall.EMFILE}
		case c.Name == "renameat2":
			return trace.Verdict{Errno: syscall.EROFS}
		}
		return trace.Verdict{}
	})
	for _, want := range []string{"No space left", "Too many open files", "Read-only file system"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not among what was said: %v\n%s", want, err, out)
		}
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 || left[0].Name() != "one" {
		t.Errorf("%v, %v, want one alone", left, err)
	}
}

// A killed program ends before the call, and the programs that it has started end with it.
func TestRunKills(t *testing.T) {
	folder := t.TempDir()
	_, _, err := run(t, build(t), folder, `: >one; (: >two; : >three); : >four`, func(c trace.Call) trace.Verdict {
		return trace.Verdict{Kill: strings.HasSuffix(c.Path, "three")}
	})
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("%v, want that it was killed", err)
	}
	for name, want := range map[string]bool{"one": true, "two": true, "three": false, "four": false} {
		if _, err := os.Stat(filepath.Join(folder, name)); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", name, err, want)
		}
	}
}

// All threads of a program are seen, and their calls one at a time: this program of Go's, with
// many goroutines that each make a directory.
func TestRunSeesThreads(t *testing.T) {
	folder := t.TempDir()
	source := filepath.Join(folder, "main.go")
	text := `package main

import (
	"fmt"
	"os"
	"sync"
)

func main() {
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() { os.Mkdir(fmt.Sprint(os.Args[1], "/made-", i), 0o755) })
	}
	group.Wait()
}
`
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "program")
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	busy, made := false, 0
	cmd := exec.Command(program, folder)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=8")
	err := trace.Tracee{Path: build(t)}.Run(cmd, func(c trace.Call) trace.Verdict {
		if busy {
			t.Error("two calls at once")
		}
		busy = true
		defer func() { busy = false }()
		if c.Name != "mkdirat" {
			return trace.Verdict{}
		}
		made++
		if made == 50 {
			return trace.Verdict{Errno: syscall.ENOSPC}
		}
		return trace.Verdict{}
	})
	there, globErr := filepath.Glob(folder + "/made-*")
	if err != nil || globErr != nil || made != 100 || len(there) != 99 {
		t.Errorf("%v, %v: %d calls, %d folders, want 100 and one less", err, globErr, made, len(there))
	}
}

// A file that is not a program is an error, and the run leaves nothing behind.
func TestRunWithoutProgram(t *testing.T) {
	tracee := build(t)
	for _, program := range []string{tracee, filepath.Join(t.TempDir(), "missing")} {
		if err := (trace.Tracee{Path: program}).Run(exec.Command("/nonexistent"), goOn); err == nil {
			t.Errorf("%s: no error", program)
		}
	}
}

// Only the calls that are named are reported, and a name that does not exist is an error.
func TestRunReportsNamedCalls(t *testing.T) {
	folder, tracee := t.TempDir(), build(t)
	var seen []string
	cmd := exec.Command("/bin/sh", "-c", "mkdir one && mkdir two && mv one three")
	cmd.Dir = folder
	err := trace.Tracee{Path: tracee, Calls: []string{"mkdirat", "renameat2"}}.Run(cmd, func(c trace.Call) trace.Verdict {
		seen = append(seen, c.Name)
		return trace.Verdict{}
	})
	if err != nil || slices.ContainsFunc(seen, func(name string) bool { return name != "mkdirat" && name != "renameat2" }) || !slices.Contains(seen, "renameat2") {
		t.Errorf("%v, %v, want the named calls alone", err, seen)
	}
	for _, calls := range [][]string{{"nonsense"}, {"mkdirat", "mkdirat"}} {
		if err := (trace.Tracee{Path: tracee, Calls: calls}).Run(exec.Command("/bin/true"), goOn); err == nil {
			t.Errorf("%q: no error", calls)
		}
	}
}
