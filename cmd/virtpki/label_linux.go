package main

import (
	"strings"

	sys "golang.org/x/sys/unix"
)

// labelOf is the SELinux type of a file, empty where it has none.
func labelOf(path string) string {
	buffer := make([]byte, 256)
	n, err := sys.Getxattr(path, "security.selinux", buffer)
	if err != nil {
		return ""
	}
	fields := strings.Split(strings.TrimRight(string(buffer[:n]), "\x00"), ":")
	if len(fields) < 3 {
		return ""
	}
	return fields[2]
}
