package usage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/hint"
	"virtpki/internal/termtext"
)

// NameArguments has cmd and every command below it name the arguments and flags that are
// missing or too many, in the words of its usage line. cobra only counts them.
func NameArguments(cmd *cobra.Command) {
	if check := cmd.Args; check != nil && (!cmd.HasSubCommands() || len(positional(cmd)) > 0) {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			missing := missingFlags(cmd)
			if wanted := positional(cmd); err != nil && len(args) < len(wanted) {
				missing = append(wanted[len(args):], missing...)
			}
			if len(missing) > 0 {
				return fmt.Errorf("%s: %s missing", cmd.CommandPath(), areThere(missing))
			}
			return hint.First(tooMany(cmd, args, err), checkGroups(cmd))
		}
	}
	for _, child := range cmd.Commands() {
		NameArguments(child)
	}
}

// CheckDashes refuses a long option with one dash. cobra would read -out b as -o ut, and b as
// an argument. args are those of the command line, without the program's name.
func CheckDashes(root *cobra.Command, args []string) error {
	cmd, _, err := root.Find(args)
	if err != nil {
		cmd = root // the option stands in the way of the command's name
	}
	before := ""
	for _, arg := range args {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && len(name) > 1 && !takesNext(cmd, before) && cmd.Flag(name) != nil {
			return hint.With(fmt.Errorf("%s: -%s has one dash", cmd.CommandPath(), name), "write two: --%s", name)
		}
		before = arg
	}
	return nil
}

// takesNext reports whether the value of an option is the next argument.
func takesNext(cmd *cobra.Command, arg string) bool {
	var flag *pflag.Flag
	switch name, long := strings.CutPrefix(arg, "--"); {
	case long:
		flag = cmd.Flag(name)
	case len(arg) == 2 && arg[0] == '-':
		flag = cmd.Flags().ShorthandLookup(arg[1:])
	}
	return flag != nil && flag.NoOptDefVal == ""
}

// missingFlags returns the required flags that are not given.
func missingFlags(cmd *cobra.Command) []string {
	var missing []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, required := flag.Annotations[cobra.BashCompOneRequiredFlag]; required && !flag.Changed {
			missing = append(missing, "--"+flag.Name)
		}
	})
	return missing
}

// positional returns the words of the usage line that stand for required arguments: those
// before the first flag and outside of brackets.
func positional(cmd *cobra.Command) []string {
	var words []string
	for _, word := range strings.Fields(cmd.Use)[1:] {
		if strings.HasPrefix(word, "-") {
			break
		}
		if !strings.HasPrefix(word, "[") {
			words = append(words, strings.TrimSuffix(word, "..."))
		}
	}
	return words
}

// The annotations in which cobra keeps its groups of flags (its flag_groups.go). It looks at
// them after the arguments, and its errors have no types.
const (
	allOrNone = "cobra_annotation_required_if_others_set"
	oneOrMore = "cobra_annotation_one_required"
	oneAtMost = "cobra_annotation_mutually_exclusive"
)

// checkGroups names the flags of a group if none of them is given, or too many, or not all.
func checkGroups(cmd *cobra.Command) (err error) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		for _, annotation := range []string{allOrNone, oneOrMore, oneAtMost} {
			for _, group := range flag.Annotations[annotation] {
				if text := groupFault(cmd, annotation, group); text != "" && err == nil {
					err = fmt.Errorf("%s: %s", cmd.CommandPath(), text)
				}
			}
		}
	})
	return err
}

func groupFault(cmd *cobra.Command, annotation, group string) string {
	var given, missing []string
	all := strings.Fields("--" + strings.ReplaceAll(group, " ", " --"))
	for _, flag := range all {
		if cmd.Flags().Changed(flag[len("--"):]) {
			given = append(given, flag)
		} else {
			missing = append(missing, flag)
		}
	}
	switch {
	case annotation == allOrNone && len(given) > 0 && len(missing) > 0:
		return strings.Join(all, " and ") + " go together, and " + areThere(missing) + " missing"
	case annotation == oneOrMore && len(given) == 0:
		return "one of " + strings.Join(missing, ", ") + " is missing"
	case annotation == oneAtMost && len(given) > 1:
		return strings.Join(given, " and ") + " exclude each other"
	}
	return ""
}

// FlagError words cobra's error of a flag: for a bad value it names the flag, the value and
// the kind of value that is wanted. Every error becomes a usage error.
func FlagError(_ *cobra.Command, err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return hint.Usage(err)
	}
	want, known := map[string]string{
		"bool": "neither true nor false", "int": "no number", "duration": "not a duration such as 15s",
	}[bad.GetFlag().Value.Type()]
	if !known {
		return hint.Usage(err)
	}
	return hint.Usagef("--%s: %s is %s", bad.GetFlag().Name, termtext.QuoteShort(bad.GetValue()), want)
}

func areThere(words []string) string {
	if len(words) == 1 {
		return words[0] + " is"
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1] + " are"
}

// tooMany words the error of a command with more arguments than its usage line has. Another
// error stays as it is.
func tooMany(cmd *cobra.Command, args []string, err error) error {
	room, _, _ := strings.Cut(cmd.Use, " -")
	most := len(strings.Fields(room)) - 1
	switch {
	case err == nil || len(args) <= most || strings.Contains(room, "..."):
		return err
	case most == 0:
		return fmt.Errorf("%s takes no arguments: %s is one too many", cmd.CommandPath(), termtext.QuoteShort(args[0]))
	}
	return fmt.Errorf("%s takes %s: %s is one too many", cmd.CommandPath(), termtext.Count(most, "argument", "arguments"), termtext.QuoteShort(args[most]))
}
