package libvirt

import (
	"os"
	"slices"
	"testing"
)

// TestProcesses looks for this very process, which root runs.
func TestProcesses(t *testing.T) {
	name := ProcessName(os.Getpid())
	if name == "" {
		t.Fatal("this process has no name")
	}
	if pids, err := ProcessesNamed(name); err != nil || slices.Contains(pids, os.Getpid()) != (os.Geteuid() == 0) {
		t.Errorf("%q: got %v, %v", name, pids, err)
	}
	if alive, known := ProcessAlive("no process's"); alive || !known {
		t.Errorf("alive %t, known %t", alive, known)
	}
	if got := ProcessName(1 << 30); got != "" {
		t.Errorf("a process that is not: %q", got)
	}
}
