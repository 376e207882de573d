package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// checked runs check with --json and returns what it finds.
func checked(ts *testscript.TestScript, args []string) []checkFinding {
	err := ts.Exec("virtpki", append([]string{"check", "--json"}, args...)...)
	var report checkResult
	if jsonErr := json.Unmarshal([]byte(ts.ReadFile("stdout")), &report); jsonErr != nil {
		ts.Fatalf("check %s: %v, %v", strings.Join(args, " "), err, jsonErr)
	}
	return report.Findings
}

// cmdFinds wants a finding: finds ID LEVEL args-of-check... With ! it wants that there
// is none of that id.
func cmdFinds(ts *testscript.TestScript, neg bool, args []string) {
	i := slices.IndexFunc(checked(ts, args[2:]), func(f checkFinding) bool { return f.ID == args[0] && string(f.Level) == args[1] })
	if (i < 0) != neg {
		ts.Fatalf("finding %s %s: found at %d", args[0], args[1], i)
	}
}

// cmdFixes wants a finding, runs the command that it names, and wants that it is gone:
// fixes ID LEVEL args-of-check...
func cmdFixes(ts *testscript.TestScript, _ bool, args []string) {
	same := func(f checkFinding) bool { return f.ID == args[0] && string(f.Level) == args[1] }
	found := checked(ts, args[2:])
	i := slices.IndexFunc(found, same)
	if i < 0 {
		ts.Fatalf("no finding %s %s", args[0], args[1])
	}
	if found[i].Fix == "" {
		ts.Fatalf("%s names no command", args[0])
	}
	ts.Logf("fix: %s", found[i].Fix)
	if err := ts.Exec("sh", "-e", "-c", found[i].Fix); err != nil {
		ts.Fatalf("the command that fixes %s: %v", args[0], err)
	}
	if slices.ContainsFunc(checked(ts, args[2:]), func(f checkFinding) bool {
		return f.ID == args[0] && f.File == found[i].File && f.Text == found[i].Text
	}) {
		ts.Fatalf("%s is there still after: %s", args[0], found[i].Fix)
	}
}

// cmdClean wants neither errors nor warnings: clean args-of-check...
func cmdClean(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("virtpki", append([]string{"check", "--strict"}, args...)...)
	if (err != nil) != neg {
		ts.Fatalf("check --strict %s: %v", strings.Join(args, " "), err)
	}
}
