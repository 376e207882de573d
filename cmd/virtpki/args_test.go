package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if (flag.Annotations[oneOrMore] != nil || flag.Annotations[oneAtMost] != nil || flag.Annotations[allOrNone] != nil) && cmd.Args == nil {
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

// TestGroupsAreNamed holds the groups of flags, as cobra keeps them, to words of the usage:
// a command that does not look at them itself would end with cobra's.
func TestGroupsAreNamed(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"", "x: one of --a, --b is missing"},
		{"a", ""},
		{"a b", "x: --a and --b exclude each other"},
		{"a c", "x: --c and --d go together, and --d is missing"},
		{"b d", "x: --c and --d go together, and --c is missing"},
		{"b c d", ""},
	} {
		cmd := &cobra.Command{Use: "x", Args: cobra.NoArgs, Run: func(*cobra.Command, []string) {}}
		for _, name := range []string{"a", "b", "c", "d"} {
			cmd.Flags().Bool(name, false, "")
		}
		cmd.MarkFlagsOneRequired("a", "b")
		cmd.MarkFlagsMutuallyExclusive("a", "b")
		cmd.MarkFlagsRequiredTogether("c", "d")
		wordArgs(cmd)
		for _, name := range strings.Fields(c.given) {
			if err := cmd.Flags().Set(name, "true"); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Args(cmd, nil); err == nil && c.want != "" || err != nil && err.Error() != c.want {
			t.Errorf("with %q: %v, want %q", c.given, err, c.want)
		}
		if theirs := cmd.ValidateFlagGroups(); (theirs == nil) != (c.want == "") {
			t.Errorf("with %q cobra says %v", c.given, theirs)
		}
	}
}
