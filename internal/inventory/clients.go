package inventory

import (
	"strings"

	"virtpki/internal/libvirt"
)

// ClientFolder is a directory from which virsh and other clients take their files.
type ClientFolder struct {
	User   string // the owner of the files; empty for the system's files, which every user may use
	Layout libvirt.Layout
}

// maxPasswd is the largest list of users to read, in bytes.
const maxPasswd = 4 << 20

// clients lists the system's files, and the directory of each user of /etc/passwd who has one.
func (m host) clients() []ClientFolder {
	folders := []ClientFolder{{Layout: libvirt.System(m.Sysconfdir)}}
	data, _ := m.Tree().ReadFile(m.Path("/etc/passwd"), maxPasswd)
	taken := make(map[string]bool)
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) < 7 || !strings.HasPrefix(fields[5], "/") {
			continue
		}
		layout := libvirt.User(fields[5])
		if !taken[layout.Base] && m.exists(layout.Base) {
			taken[layout.Base] = true
			folders = append(folders, ClientFolder{fields[0], layout})
		}
	}
	return folders
}
