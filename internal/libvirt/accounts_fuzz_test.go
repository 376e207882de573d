package libvirt

import (
	"strings"
	"testing"
)

// FuzzAccounts checks the accounts of /etc/passwd and /etc/group: names of one field, and numbers
// that can be an owner's.
func FuzzAccounts(f *testing.F) {
	for _, seed := range []string{"", "root:x:0:0:root:/root:/bin/sh\n", "kvm:x:994:a,,b\n", "a:x:-1:\n", "b:x:4294967296:0::/:\n", "+::::::\n", "c:x:1:2"} {
		f.Add([]byte(seed), "kvm")
	}
	f.Add([]byte("36:x:1:\n"), "+36")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		for _, a := range parseAccounts(data) {
			if a.name == "" || strings.ContainsAny(a.name, ":\n") || a.id < 0 || a.id >= 1<<32-1 || a.gid >= 1<<32-1 {
				t.Errorf("%q: %+v", data, a)
			}
		}
		if name, gid, err := ParseGroup(data, text); err == nil && (gid < 0 || gid >= 1<<32-1) {
			t.Errorf("%q: group %q is %q, %d", data, text, name, gid)
		}
	})
}
