package terminal

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// Builder makes the command of a script's arguments, and leaves its streams unset.
type Builder func(ts *testscript.TestScript, args []string) *exec.Cmd

// Command is a testscript command that plays a dialog:
//
//	dialog [-size 80x24] [-plain] [-status N] [-stdout FILE] [-raw FILE] FILE[,FILE...] PROGRAM ARG...
//
// -stdout takes the program's stdout away from the terminal, -raw keeps everything that was
// written to it. FILE holds the dialog; several are played as one. The program has to end with
// the status. Screens are written into the directory screens, the last one as last.
func Command(build Builder, tidy func(string) string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		call := readCall(ts, neg, args)
		cmd := build(ts, call.program)
		if call.stdout != "" {
			out, err := os.Create(ts.MkAbs(call.stdout))
			ts.Check(err)
			defer out.Close()
			cmd.Stdout = out
		}
		if call.raw != "" {
			call.stage.Raw = ts.MkAbs(call.raw)
		}
		call.stage.Screens, call.stage.Tidy = ts.MkAbs("screens"), tidy
		status, screen, err := call.stage.Play(cmd, call.dialog)
		ts.Logf("%s", screen)
		ts.Check(err)
		if status != call.status {
			ts.Fatalf("exit status %d, want %d", status, call.status)
		}
		ts.Check(os.MkdirAll(call.stage.Screens, 0o755))
		ts.Check(os.WriteFile(ts.MkAbs("screens/last.txt"), []byte(screen), 0o644))
	}
}

// call is a script's line after parsing.
type call struct {
	stage   Stage
	status  int
	stdout  string
	raw     string
	dialog  Dialog
	program []string
}

func readCall(ts *testscript.TestScript, neg bool, args []string) call {
	c := call{}
	var size string
	flags := flag.NewFlagSet("dialog", flag.ContinueOnError)
	flags.StringVar(&size, "size", "80x250", "")
	flags.BoolVar(&c.stage.Plain, "plain", false, "")
	flags.IntVar(&c.status, "status", 0, "")
	flags.StringVar(&c.stdout, "stdout", "", "")
	flags.StringVar(&c.raw, "raw", "", "")
	ts.Check(flags.Parse(args))
	if neg || flags.NArg() < 2 {
		ts.Fatalf("usage: dialog [-size 80x24] [-plain] [-status N] [-stdout FILE] FILE PROGRAM ARG...")
	}
	_, err := fmt.Sscanf(size, "%dx%d", &c.stage.Columns, &c.stage.Rows)
	ts.Check(err)
	for _, file := range strings.Split(flags.Arg(0), ",") {
		d, err := ParseDialog(ts.ReadFile(file))
		ts.Check(err)
		c.dialog = append(c.dialog, d...)
	}
	c.program = flags.Args()[1:]
	return c
}

// EachLeft is a testscript command that takes dialog's arguments. It plays the dialog once for
// each prompt, up to it, and presses ctrl-c there. The program must end with the status, and
// must not change any file of the script's directory.
func EachLeft(build Builder) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		c := readCall(ts, neg, args)
		before := tree(ts)
		for _, q := range c.dialog.prompts() {
			status, screen, err := c.stage.Play(build(ts, c.program), c.dialog.leave(q, "ctrl-c"))
			ts.Check(err)
			if status != c.status {
				ts.Fatalf("ctrl-c at %q: exit status %d, want %d\n%s", c.dialog[q].Argument, status, c.status, screen)
			}
			if after := tree(ts); after != before {
				ts.Fatalf("ctrl-c at %q: files have changed:\n%s\nwere:\n%s", c.dialog[q].Argument, after, before)
			}
		}
	}
}

// tree lists the contents of the script's directory, with times.
func tree(ts *testscript.TestScript) string {
	out, err := exec.Command("find", ts.MkAbs("."), "-printf", `%p %m %s %T@ %i\n`).Output()
	ts.Check(err)
	return string(out)
}

// EachReturned is a testscript command that takes dialog's arguments. It plays the dialog once
// for each prompt but the first, with a step back at it. The program's output at the end, from
// the line that holds mark on, must be the same as without the step back.
func EachReturned(build Builder, mark string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		c := readCall(ts, neg, args)
		want := c.playTo(ts, build, c.dialog, mark)
		for _, q := range c.dialog.prompts()[1:] {
			if got := c.playTo(ts, build, c.dialog.goBack(q, "ctrl-z"), mark); got != want {
				ts.Fatalf("back at %q: the end is\n%s\nwant\n%s", c.dialog[q].Argument, got, want)
			}
		}
	}
}

func (c call) playTo(ts *testscript.TestScript, build Builder, d Dialog, mark string) string {
	status, screen, err := c.stage.Play(build(ts, c.program), d)
	ts.Check(err)
	_, end, found := strings.Cut(screen, mark)
	if status != c.status || !found {
		ts.Fatalf("exit status %d, want %d and %q\n%s", status, c.status, mark, screen)
	}
	return end
}
