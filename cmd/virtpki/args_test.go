package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/usage"
)

// TestArgumentsAreNamed checks that every command names missing and surplus arguments in the words
// of its own usage.
func TestArgumentsAreNamed(t *testing.T) {
	root := newRoot(newEnv())
	usage.NameArguments(root)
	checked := 0
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, child := range cmd.Commands() {
			visit(child)
		}
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if cmd.Args == nil && slices.ContainsFunc(slices.Collect(maps.Keys(flag.Annotations)), isGroup) {
				t.Errorf("%s has --%s in a group, and says nothing of its arguments", cmd.CommandPath(), flag.Name)
			}
		})
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

// isGroup reports whether an annotation of a flag says that it is in a group.
func isGroup(annotation string) bool {
	return strings.HasPrefix(annotation, "cobra_annotation_") && !strings.Contains(annotation, "bash_completion")
}
