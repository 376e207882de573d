package machine

import (
	"strings"

	sys "golang.org/x/sys/unix"
)

// Label returns the SELinux type of a file, and an empty string if it has none.
func Label(path string) string {
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
