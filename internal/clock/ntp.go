package clock

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// NTP says what systemd knows about the clock (timedatectl(1)); the zero value if it knows nothing.
type NTP struct {
	Synchronized bool // the kernel keeps the clock by a time source
	Possible     bool // a service for it is installed
	On           bool // the service is enabled
}

// askLimit is the time limit for timedatectl, which asks a service that systemd may have to start.
const askLimit = 5 * time.Second

// Ask runs timedatectl. A machine that does not run systemd knows nothing.
func Ask(ctx context.Context) NTP {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "timedatectl", "show")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return NTP{}
	}
	return parse(string(out))
}

// parse reads the properties that timedatectl shows, one on a line.
func parse(properties string) NTP {
	yes := make(map[string]bool)
	for line := range strings.Lines(properties) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		yes[name] = value == "yes"
	}
	return NTP{Synchronized: yes["NTPSynchronized"], Possible: yes["CanNTP"], On: yes["NTP"]}
}

// fix returns the command that has the clock set, or the step to take: a service that is on already
// has not reached any server.
func (n NTP) fix() string {
	switch {
	case n.Possible && !n.On:
		return "timedatectl set-ntp true"
	case n.On:
		return "set the clock: NTP is on but has not set it (timedatectl timesync-status)"
	}
	return "set the clock"
}
