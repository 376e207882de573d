package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

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
				return e.printJSON(map[string]string{"version": version(), "go": runtime.Version()})
			}
			termtext.Fprintf(e.stdout, "virtpki %s (%s %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

// version is what the build recorded: a release's tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
