package running

import (
	"net"
	"testing"
)

// FuzzListener checks that a line of /proc/net/tcp is a whole address or none.
func FuzzListener(f *testing.F) {
	f.Add("   0: 0100007F:4083 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20711 1 0000000000000000 100 0 0 10 0")
	f.Add("0: 00000000000000000000000001000000:4083 0:0 0A 0 0 0 0 0 1")
	f.Add("0: 7F:4083 0:0 0A 0 0 0 0 0 1")
	f.Fuzz(func(t *testing.T, line string) {
		at, inode, ok := parseListener(line)
		if ok != (inode != "") || ok && (len(at.IP) != net.IPv4len && len(at.IP) != net.IPv6len || at.Port < 0 || at.Port > 65535) {
			t.Errorf("%q: %v, %q, %v", line, at, inode, ok)
		}
	})
}
