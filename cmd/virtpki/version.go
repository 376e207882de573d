package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"virtpki/internal/program"
	"virtpki/internal/termtext"
)

func newVersion(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    help("Print the version of virtpki and of the Go it was built with.", exitDone, exitUsage),
		Example: "  virtpki version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if g.json {
				return e.printJSON(map[string]string{"version": program.Version(), "go": runtime.Version()})
			}
			termtext.Fprintf(e.stdout, "virtpki %s (%s %s/%s)\n", program.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
