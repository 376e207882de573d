package machine

import (
	"runtime/debug"
	"time"
)

// buildFloor is earlier than every build of this program.
var buildFloor = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// builtAt returns a time that every correct clock has passed while this program runs. It is the
// time of the commit that the program was built from, if the build has recorded one that is not
// older than buildFloor.
func builtAt(settings []debug.BuildSetting) time.Time {
	for _, s := range settings {
		if s.Key != "vcs.time" {
			continue
		}
		if at, err := time.Parse(time.RFC3339, s.Value); err == nil && at.After(buildFloor) {
			return at
		}
	}
	return buildFloor
}

// built is builtAt for this program.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return buildFloor
	}
	return builtAt(info.Settings)
}
