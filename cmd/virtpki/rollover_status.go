package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/termtext"
)

func newRolloverStatus(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Tell where the rollover stands",
		Long:    help("Tell where the rollover stands: which CA signs, what is still under the old one,\nand what to do next. The exit status is 0 when there is no rollover or when it\ncan be finished, and 3 when something still needs the old CA.", exitDone, exitError, exitUsage, exitRefused),
		Example: "  virtpki ca rollover status",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runRolloverStatus(e, g)
		},
	}
}

func runRolloverStatus(e *env, g *globals) error {
	info, err := authority.RolloverStatus(g.Machine)
	if err != nil {
		return err
	}
	if g.json {
		err = e.printJSON(info)
	} else {
		printRollover(e, info)
	}
	if err == nil && len(info.Needs) > 0 {
		err = hint.ErrRefused
	}
	return err
}

func printRollover(e *env, info *authority.Status) {
	if info.UnderWay {
		termtext.Fprintf(e.stdout, "old CA:   %s\nnew CA:   %s\nsigns:    the %s one (the new one from %s)\n", info.Old, info.New, info.Signs, termtext.Instant(*info.Switch))
		for _, need := range info.Needs {
			termtext.Fprintf(e.stdout, "needs the old one: %s\n", need)
		}
	} else {
		termtext.Fprintf(e.stdout, "no rollover is under way\n")
	}
	termtext.Fprintf(e.stdout, "next:     %s\n", info.Next)
}
