package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// changingCalls are the system calls that change files, as strace names them: a
// question mark stands before those that not every architecture has. openat
// counts where it may make a file.
const changingCalls = "?creat,?open,openat,?openat2,write,?writev,pwrite64," +
	"?chmod,fchmod,fchmodat,?fchmodat2,?chown,?lchown,fchown,fchownat," +
	"fsync,fdatasync,syncfs,?sync_file_range,ftruncate,truncate,?fallocate," +
	"?rename,?renameat,renameat2,?link,linkat,?symlink,symlinkat," +
	"?mkdir,mkdirat,?unlink,?rmdir,unlinkat,flock,fsetxattr,setxattr,exit_group"

// step is one system call of a run at which a fault can be injected.
type step struct {
	call string // its name
	nth  int    // which of this name it is in its thread, from 1
	what string // the line that strace wrote
	own  bool   // it touches the root, where strace can make it fail
}

var (
	tracedCall   = regexp.MustCompile(`^(\d+) +([a-z0-9_]+)\(`)
	tracedResult = regexp.MustCompile(`\(INJECTED\)| = \?$|exit_group\(0 <unfinished \.\.\.>$`)
)

// readTrace lists the steps of a run, in order, and the index of the one at which
// a fault was injected: -1 when none was. A run that was killed has met its fault
// in a call that has no result.
func readTrace(trace, root string) (steps []step, hit int) {
	counts := make(map[string]int)  // by thread and name
	current := make(map[string]int) // the step that a thread is in, or -1
	hit = -1
	killed := strings.Contains(trace, "+++ killed by SIGKILL +++")
	for line := range strings.Lines(trace) {
		line = strings.TrimSuffix(line, "\n")
		thread, _, _ := strings.Cut(line, " ")
		if m := tracedCall.FindStringSubmatch(line); m != nil {
			counts[thread+m[2]]++
			current[thread] = -1
			if own := touches(line, m[2], root); own || isReport(line, m[2]) {
				current[thread] = len(steps)
				steps = append(steps, step{m[2], counts[thread+m[2]], line, own})
			}
		}
		result := tracedResult.FindString(line)
		if i, ok := current[thread]; ok && i >= 0 && (result == "(INJECTED)" || result != "" && killed) {
			hit = i
		}
	}
	return steps, hit
}

// touches reports whether a call changes something below root.
func touches(line, call, root string) bool {
	switch {
	case !strings.Contains(line, "<"+root) && !strings.Contains(line, `"`+root):
		return false
	case strings.HasPrefix(call, "open"):
		return strings.Contains(line, "O_CREAT")
	}
	return true
}

// isReport reports whether a call comes after the work: it tells people, or ends.
func isReport(line, call string) bool {
	return call == "exit_group" || call == "write" && strings.Contains(line, "write(1<")
}

// injector runs commands under strace.
type injector struct {
	binary string
	folder string // of its own, for traces
}

// needStrace skips where faults cannot be injected.
func needStrace(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("injecting faults wants Linux and root")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
}

// outcome is how a run ended.
type outcome struct {
	stdout, stderr string
	status         int // -1: killed
	steps          []step
	hit            int // the index in steps of the injected fault, or -1
}

// run runs a command; with inject, in strace's words, under strace.
func (in injector) run(t *testing.T, root string, command []string, inject ...string) outcome {
	t.Helper()
	var args []string
	trace := filepath.Join(in.folder, filepath.Base(filepath.Dir(root))+".trace")
	if inject != nil {
		args = append(args, "strace", "-f", "-qq", "-y", "-s", "0", "-o", trace, "-e", "trace="+changingCalls)
		args = append(args, inject...)
	}
	args = append(append(args, in.binary), command...)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "ROOT", root)
	}
	var stdout, stderr strings.Builder
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A spare processor for each goroutine keeps one from changing threads, by
	// which strace counts.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=8", "GOGC=off")
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o := outcome{stdout: stdout.String(), stderr: stderr.String(), status: cmd.ProcessState.ExitCode(), hit: -1}
	if inject != nil {
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		o.steps, o.hit = readTrace(string(text), root)
	}
	return o
}

// count is a run under strace without a fault.
func (in injector) count(t *testing.T, root string, command []string) outcome {
	t.Helper()
	return in.run(t, root, command, "-e", "signal=none")
}

// at injects a fault into one call: "signal=KILL", "error=ENOSPC". strace keeps a
// count in each thread, so the fault may meet another step, or none.
func (s step) at(fault string) []string {
	return []string{"-e", fmt.Sprintf("inject=%s:%s:when=%d", s.call, fault, s.nth)}
}

// from injects a fault into one call and all of the same name that follow.
func (s step) from(fault string) []string {
	return []string{"-e", fmt.Sprintf("inject=%s:%s:when=%d+", s.call, fault, s.nth)}
}
