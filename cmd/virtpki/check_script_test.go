package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/inspect"
	"virtpki/internal/judge"

	"github.com/rogpeppe/go-internal/testscript"
)

// checked runs check with --json and returns its findings. The variable AS is the number of the user
// who runs it; root does without it. A finding with a command needs a script that types the command.
func checked(ts *testscript.TestScript, args []string) []inspect.Placed {
	command := append([]string{"virtpki", "check", "--json"}, args...)
	if as := ts.Getenv("AS"); as != "" {
		command = append([]string{"setpriv", "--reuid", as, "--regid", as, "--clear-groups"}, command...)
	}
	err := ts.Exec(command[0], command[1:]...)
	var report inspect.Result
	if jsonErr := json.Unmarshal([]byte(ts.ReadFile("stdout")), &report); jsonErr != nil {
		ts.Fatalf("check %s: %v, %v", strings.Join(args, " "), err, jsonErr)
	}
	ts.Check(untyped(report.Findings))
	return report.Findings
}

// cmdFinds checks that there is a finding: finds ID LEVEL args-of-check... With ! it checks that
// there is none with that id.
func cmdFinds(ts *testscript.TestScript, neg bool, args []string) {
	i := slices.IndexFunc(checked(ts, args[2:]), func(f inspect.Placed) bool { return f.ID == args[0] && string(f.Level) == args[1] })
	if (i < 0) != neg {
		ts.Fatalf("finding %s %s: found at %d", args[0], args[1], i)
	}
}

// cmdFixes requires a finding and types the fix that it names: fixes ID LEVEL args-of-check...
// Afterwards there must be fewer findings, no new ones, and every private key must still exist.
func cmdFixes(ts *testscript.TestScript, _ bool, args []string) {
	found := checked(ts, args[2:])
	i := slices.IndexFunc(found, func(f inspect.Placed) bool { return f.ID == args[0] && string(f.Level) == args[1] })
	if i < 0 {
		ts.Fatalf("no finding %s %s", args[0], args[1])
	}
	if found[i].Fix == "" {
		ts.Fatalf("%s names no command", args[0])
	}
	keys := privateKeys(ts)
	ts.Logf("fix: %s", found[i].Fix)
	if err := ts.Exec("sh", "-e", "-c", found[i].Fix); err != nil {
		ts.Fatalf("the command that fixes %s: %v", args[0], err)
	}
	left := checked(ts, args[2:])
	if slices.ContainsFunc(left, func(f inspect.Placed) bool {
		return f.ID == args[0] && f.File == found[i].File && f.Text == found[i].Text
	}) || len(left) >= len(found) {
		ts.Fatalf("%s is there still after: %s", args[0], found[i].Fix)
	}
	for _, f := range left {
		if !slices.ContainsFunc(found, func(b inspect.Placed) bool { return b.ID == f.ID && b.File == f.File }) {
			ts.Fatalf("%s of %s is new after: %s", f.ID, f.File, found[i].Fix)
		}
	}
	after := privateKeys(ts)
	for sum, path := range keys {
		if after[sum] == "" && !strings.HasPrefix(found[i].Fix, "virtpki ") { // renew keeps the previous key, and no older one
			ts.Fatalf("the key of %s is gone after: %s", path, found[i].Fix)
		}
	}
}

// cmdUnfixed requires a finding that names no fix, because nothing has to be done: unfixed ID
// LEVEL args-of-check...
func cmdUnfixed(ts *testscript.TestScript, _ bool, args []string) {
	found := checked(ts, args[2:])
	i := slices.IndexFunc(found, func(f inspect.Placed) bool { return f.ID == args[0] && string(f.Level) == args[1] })
	if i < 0 || found[i].Fix != "" {
		ts.Fatalf("finding %s %s without a fix: found at %d", args[0], args[1], i)
	}
}

// cmdInWords requires a finding with a step in words as its fix, and no finding of that id with a
// command: inwords ID LEVEL args-of-check...
func cmdInWords(ts *testscript.TestScript, _ bool, args []string) {
	worded := false
	for _, f := range checked(ts, args[2:]) {
		switch {
		case f.ID != args[0]:
		case judge.IsCommand(f.Fix):
			ts.Fatalf("%s names a command: %s", f.ID, f.Fix)
		default:
			worded = worded || string(f.Level) == args[1] && f.Fix != ""
		}
	}
	if !worded {
		ts.Fatalf("no finding %s %s with a step in words", args[0], args[1])
	}
}

// privateKeys returns the files below the script's directory that hold a private key, by the hash
// of the file.
func privateKeys(ts *testscript.TestScript) map[[sha256.Size]byte]string {
	keys := make(map[[sha256.Size]byte]string)
	err := filepath.WalkDir(ts.MkAbs("."), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // a directory that a script has closed
		}
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte("PRIVATE KEY-----")) {
			keys[sha256.Sum256(data)] = path
		}
		return nil
	})
	ts.Check(err)
	return keys
}

// cmdClean checks that there are neither errors nor warnings: clean args-of-check...
func cmdClean(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("virtpki", append([]string{"check", "--strict"}, args...)...)
	if (err != nil) != neg {
		ts.Fatalf("check --strict %s: %v", strings.Join(args, " "), err)
	}
}
