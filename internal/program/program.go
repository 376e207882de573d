// Package program is what virtpki is as a program: its version, its streams, the signals
// that end it, and one line and a status of 1 where the runtime would print a traceback.
//
// It knows no command, and whether a change is being made it asks. What ends before main begins, or is killed for want of memory, it
// does not hear of.
package program

import "runtime/debug"

// Version returns what the build recorded: a release's tag, or the commit.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
