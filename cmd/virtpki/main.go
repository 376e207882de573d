// Command virtpki makes TLS for libvirt and keeps it working: a CA, server and
// client certificates in libvirt's own places, the matching daemon
// configuration, and the list of admitted clients.
//
// Each command has a file of its own here. It reads flags, calls the packages
// that decide, and words the outcome for people; see docs/hacking.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"virtpki/internal/cakey"
	"virtpki/internal/hint"
	"virtpki/internal/program"
	"virtpki/internal/usage"
)

// Exit statuses. Each help text ends with those its command can have.
const (
	exitDone        = 0
	exitError       = 1
	exitUsage       = 2
	exitRefused     = 3 // a check says no
	exitInterrupted = 130
)

func main() { os.Exit(runInterruptible(newEnv(), os.Args[1:])) }

// runInterruptible is run until a signal ends it.
func runInterruptible(e *env, args []string) int {
	defer program.Catch()
	if err := program.CheckLimits(); err != nil {
		e.sayError(err)
		return exitError
	}
	program.HearPipes()
	ctx, stop := program.Interruptible(e.changes.Wait, e.giveUp)
	defer stop()
	code := run(ctx, e, args)
	if code == program.ExitPipe {
		program.DiePiped()
	}
	return code
}

// run executes one command line and returns its exit status. It is the only
// place that prints an error.
func run(ctx context.Context, world *env, args []string) int {
	e := *world
	here := *world.here
	e.here, here.Warn = &here, e.warn
	out := &program.Output{Writer: e.stdout}
	e.interrupted, e.stdout, e.stdin = ctx.Done(), out, program.Input{Reader: e.stdin, Interrupted: ctx.Done()}
	e.devices = &cakey.Devices{TPM: os.Getenv("VIRTPKI_TPM")}
	defer e.devices.Close()
	started := false
	root := newRoot(&e)
	root.SetArgs(args)
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(usage.FlagError)
	usage.NameArguments(root)
	noteStart(root, &started)
	cmd, err := root, usage.CheckDashes(root, args)
	if err == nil {
		cmd, err = root.ExecuteContextC(ctx)
	}
	return e.end(ctx, cmd, out, err, started)
}

// end tells what a command has ended with, and whether all that it has printed has
// arrived. It returns the exit status.
func (e *env) end(ctx context.Context, cmd *cobra.Command, out *program.Output, err error, started bool) int {
	lost := out.Finish()
	if errors.Is(lost, syscall.EPIPE) {
		return program.ExitPipe
	}
	if lost != nil {
		if err != nil && !errors.Is(err, lost) {
			e.printError(cmd, err, exitCode(ctx, err, started))
		}
		err, started = e.lostOutput(lost, err), true
	}
	if err == nil {
		return exitDone
	}
	code := exitCode(ctx, err, started)
	e.printError(cmd, err, code)
	return code
}

// lostOutput words an error of stdout. after is what the command itself ended with.
func (e *env) lostOutput(lost, after error) error {
	if errors.Is(after, lost) {
		lost = after
	}
	if e.changes.Changed() {
		return fmt.Errorf("virtpki made the changes, but could not write its report: %w", lost)
	}
	return lost
}

// giveUp ends a run that was interrupted and does not end by itself.
func (e *env) giveUp() {
	e.warn("error: %v", hint.ErrInterrupted)
	os.Exit(exitInterrupted)
}

// noteStart marks the moment in which cobra has accepted a command line.
// Everything that fails before it is wrong use: cobra has no type for that.
func noteStart(cmd *cobra.Command, started *bool) {
	if runE := cmd.RunE; runE != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return runE(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		noteStart(child, started)
	}
}

func exitCode(ctx context.Context, err error, started bool) int {
	switch {
	case ctx.Err() != nil, errors.Is(err, hint.ErrInterrupted):
		return exitInterrupted
	case !started, hint.IsUsage(err):
		return exitUsage
	case errors.Is(err, hint.ErrRefused):
		return exitRefused
	}
	return exitError
}

// printError words an error: a line with the fault, and a line with the next step; an error
// without a hint gets one.
// A check that says no has already said it.
func (e *env) printError(cmd *cobra.Command, err error, code int) {
	if err == hint.ErrRefused || err == hint.ErrFailed {
		return
	}
	switch {
	case e.sayError(err):
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		e.warn("hint: run it as root")
	case code == exitUsage:
		e.warn("hint: see '%s --help'", cmd.CommandPath())
	}
}
