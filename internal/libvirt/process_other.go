//go:build !linux

package libvirt

// ProcessAlive reports nothing, because the processes are not known without /proc.
func ProcessAlive(string) (alive, known bool) { return false, false }
