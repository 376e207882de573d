package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/machine"
)

// commandLine returns a command with its options as words for a shell. It includes every flag
// with a value other than the default. bind gives the command its flags; words stand between virtpki
// and the flags.
func commandLine[T any](e *env, g *globals, bind func(*env, *globals, *T) *cobra.Command, o *T, words ...string) []string {
	scratch, own := &globals{Machine: &machine.Machine{}}, new(T)
	root := &cobra.Command{Use: "virtpki"}
	scratch.addFlags(root)
	cmd := bind(e, scratch, own)
	*scratch.Machine, *own = *g.Machine, *o // the flags point into these
	scratch.passphraseFile = g.passphraseFile
	line := append([]string{"virtpki"}, words...)
	for _, flags := range []*pflag.FlagSet{root.PersistentFlags(), cmd.Flags()} {
		flags.VisitAll(func(f *pflag.Flag) { line = append(line, flagWords(f)...) })
	}
	return line
}

// flagWords returns the words that give a flag its value; nil when that is the default.
func flagWords(f *pflag.Flag) []string {
	if many, ok := f.Value.(pflag.SliceValue); ok {
		if f.Value.Type() == "stringSlice" && len(many.GetSlice()) > 0 {
			return flagWord(f.Name, strings.Join(many.GetSlice(), ","))
		}
		var words []string
		for _, value := range many.GetSlice() {
			words = append(words, flagWord(f.Name, value)...)
		}
		return words
	}
	value := f.Value.String()
	switch {
	case value == f.DefValue:
		return nil
	case f.Value.Type() == "bool" && value == "true":
		return []string{"--" + f.Name}
	}
	return flagWord(f.Name, value)
}

// flagWord returns a flag and its value. A value that could pass for a flag is joined to the flag
// with "=".
func flagWord(name, value string) []string {
	if strings.HasPrefix(value, "-") {
		return []string{"--" + name + "=" + value}
	}
	return []string{"--" + name, value}
}
