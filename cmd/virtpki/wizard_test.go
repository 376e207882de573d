package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"virtpki/internal/lab/terminal"
)

// TestWizard runs every script of testdata/wizard: the interactive setup at a terminal emulator.
func TestWizard(t *testing.T) {
	params := scriptParams("../../testdata/wizard")
	params.Cmds["dialog"] = terminal.Command(atTerminal, tidyScreen)
	params.Cmds["eachleft"] = terminal.EachLeft(atTerminal)
	params.Cmds["eachreturned"] = terminal.EachReturned(atTerminal, "The same without questions:")
	testscript.Run(t, params)
}

// atTerminal returns a program of a script, with the script's environment.
func atTerminal(ts *testscript.TestScript, args []string) *exec.Cmd {
	program := args[0]
	for _, folder := range filepath.SplitList(ts.Getenv("PATH")) {
		if path, err := exec.LookPath(filepath.Join(folder, args[0])); err == nil {
			program = path
			break
		}
	}
	cmd := exec.Command(program, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "NOW", "HOST", "ADDRESSES", "TERM", "NO_COLOR"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// The parts of a screen that differ each time.
var (
	serialText = regexp.MustCompile(`\b[0-9A-F]{28,32}\b`)
	idText     = regexp.MustCompile(`OU=CA [0-9a-f]{8}`)
)

// tidyScreen replaces the parts that differ each time with fixed words.
func tidyScreen(screen string) string {
	screen = serialText.ReplaceAllString(screen, "SERIAL")
	return idText.ReplaceAllString(screen, "OU=CA ID")
}
