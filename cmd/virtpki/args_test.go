package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestArgumentsAreNamed holds every command to words of its own usage where
// arguments are missing or too many.
func TestArgumentsAreNamed(t *testing.T) {
	root := newRoot(newEnv())
	wordArgs(root)
	checked := 0
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, child := range cmd.Commands() {
			visit(child)
		}
		if cmd.Args == nil || cmd.HasSubCommands() {
			return
		}
		for _, args := range [][]string{nil, slices.Repeat([]string{"x"}, 9)} {
			if err := cmd.Args(cmd, args); err != nil {
				checked++
				if strings.Contains(err.Error(), "arg(s)") || strings.Contains(err.Error(), "unknown command") {
					t.Errorf("%s with %d arguments: %v", cmd.CommandPath(), len(args), err)
				}
			}
		}
	}
	visit(root)
	if checked < 20 {
		t.Errorf("saw %d refusals alone", checked)
	}
}
