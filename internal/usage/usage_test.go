package usage

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

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
		NameArguments(cmd)
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
