package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
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
	if err = e.printResult(g, info); err == nil && len(info.Needs) > 0 {
		err = hint.ErrRefused
	}
	return err
}
