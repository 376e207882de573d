package libvirt

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ProcessAlive reports whether a process of root's has the name. known is false if the system
// does not tell.
func ProcessAlive(name string) (alive, known bool) {
	pids, err := ProcessesNamed(name)
	return len(pids) > 0, err == nil
}

// ProcessesNamed lists the processes of root's that have the command name.
func ProcessesNamed(name string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if ProcessName(pid) == name && ofRoot(pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// ProcessName returns the command name of a process, which its arguments do not change. It is
// empty when the process does not exist.
func ProcessName(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSuffix(string(data), "\n")
}

func ofRoot(pid int) bool {
	info, err := os.Stat(fmt.Sprintf("/proc/%d/.", pid))
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0
}
