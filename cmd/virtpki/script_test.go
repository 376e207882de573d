package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/internal/program"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary act as virtpki: scripts run the real program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"virtpki": func() { os.Exit(runInterruptible(scriptedEnv(), os.Args[1:])) },
	})
}

// scriptedNow returns the time of a script: that of NOW, or of the file that NOW names after an @,
// so that a program can set the clock.
func scriptedNow() (time.Time, error) {
	text := os.Getenv("NOW")
	if file, ok := strings.CutPrefix(text, "@"); ok {
		data, err := os.ReadFile(file)
		if err != nil {
			return time.Time{}, err
		}
		text = strings.TrimSpace(string(data))
	}
	return time.Parse(time.RFC3339, text)
}

// scriptedEnv returns the env of a script. The variables NOW, HOST and ADDRESSES stand for the
// clock, the name and the addresses of the machine.
func scriptedEnv() *env {
	e := newEnv()
	if now, err := scriptedNow(); err == nil {
		e.here.Now = func() time.Time { return now }
	}
	if os.Getenv("TTY") == "" { // without TTY, never ask on the terminal of the person who runs the tests
		e.askLine = func(string) (string, error) { return "", program.ErrNoTerminal }
	}
	e.here.Hostname = func() (string, error) {
		if os.Getenv("HOST") == "panic" {
			panic("asked for by a test")
		}
		return os.Getenv("HOST"), nil
	}
	e.here.Addresses = func() ([]net.IP, error) {
		var ips []net.IP
		for _, text := range strings.Fields(os.Getenv("ADDRESSES")) {
			ips = append(ips, net.ParseIP(text))
		}
		return ips, nil
	}
	return e
}

// TestScripts runs every script of testdata/script.
func TestScripts(t *testing.T) { testscript.Run(t, scriptParams("../../testdata/script")) }

// scriptParams returns the parameters for a directory of scripts.
func scriptParams(dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           scriptCondition,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOST", "hv1")
			env.Setenv("NOW", "2027-01-01T12:00:00Z")
			env.Setenv("TERM", "xterm-256color")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"clean":      cmdClean,
			"exit":       cmdExit,
			"finds":      cmdFinds,
			"keysclosed": cmdKeysClosed,
			"fixes":      cmdFixes,
			"unfixed":    cmdUnfixed,
			"inwords":    cmdInWords,
			"mode":       cmdMode,
			"same":       cmdSame,
		},
	}
}

// scriptCondition evaluates [root]: whether the tests run as root.
func scriptCondition(cond string) (bool, error) {
	if cond == "root" {
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// cmdExit runs a program and checks its exit status: exit 3 virtpki ...
func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: exit STATUS program args...")
	}
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// cmdMode checks the permission bits of files: mode 0600 file...
func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args[1:] {
		info, err := os.Stat(ts.MkAbs(file))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s: mode %s, want %s", file, got, args[0])
		}
	}
}

// cmdSame checks that a tree is unchanged since the first call: same TREE NAME
func cmdSame(ts *testscript.TestScript, _ bool, args []string) {
	out, err := exec.Command("sh", "-c", `cd "$1" && find . -exec ls -ldn --full-time {} + && find . -type f -exec cksum {} +`, "sh", ts.MkAbs(args[0])).Output()
	ts.Check(err)
	snapshot := ts.MkAbs("." + args[1] + ".snapshot")
	before, err := os.ReadFile(snapshot)
	if err != nil {
		ts.Check(os.WriteFile(snapshot, out, 0o600))
		return
	}
	if string(before) != string(out) {
		ts.Fatalf("%s has changed:\n%s\nwas:\n%s", args[0], out, before)
	}
}

var (
	createCall = regexp.MustCompile(`(?:openat|open|creat)\((?:[^<"]*<([^>]*)>, )?"([^"]*\.tmp|[^"]*key[^"]*)", [^)]*O_CREAT[^,]*, (0\d+)\)`)
	chmodCall  = regexp.MustCompile(`fchmod\(\d+<([^>]*)>, (0\d+)|chmod(?:at)?\((?:[^<"]*<([^>]*)>, )?"([^"]*)", (0\d+)`)
	renameCall = regexp.MustCompile(`rename(?:at2?)?\((?:[^<"]*<([^>]*)>, )?"([^"]*)", (?:[^<"]*<([^>]*)>, )?"([^"]*)"`)
)

// cmdKeysClosed reads an strace log of a run: keysclosed TRACE COUNT, with COUNT as the number of
// keys made. It checks that no private key was ever readable or writable by others. With ! it
// checks that one was.
func cmdKeysClosed(ts *testscript.TestScript, neg bool, args []string) {
	opened := make(map[string]bool) // files that had group or other bits at some time
	keys, open := 0, ""
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if m := createCall.FindStringSubmatch(line); m != nil && m[3] != "0600" {
			opened[filepath.Join(m[1], m[2])] = true
		}
		if m := chmodCall.FindStringSubmatch(line); m != nil && m[2]+m[5] != "0600" {
			opened[filepath.Join(m[1], m[3], m[4])] = true
		}
		m := renameCall.FindStringSubmatch(line)
		if m == nil || !strings.HasSuffix(m[4], "key.pem") && !strings.HasSuffix(m[4], "key-pending.pem") {
			continue
		}
		keys++
		from, to := filepath.Join(m[1], m[2]), filepath.Join(m[3], m[4])
		if opened[from] || opened[to] {
			open = to
		}
	}
	if neg != (open != "") {
		ts.Fatalf("key open to others: %q", open)
	}
	if fmt.Sprint(keys) != args[1] {
		ts.Fatalf("saw %d keys made, want %s", keys, args[1])
	}
}
