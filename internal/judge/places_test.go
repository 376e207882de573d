package judge

import (
	"io/fs"
	"testing"

	"virtpki/internal/libvirt"
)

// TestLabel is about a file that was moved to its place from elsewhere, on a machine with SELinux.
func TestLabel(t *testing.T) {
	for _, test := range []struct {
		label string
		want  int
	}{{"", 0}, {"cert_t", 0}, {"user_home_t", 1}, {"admin_home_t", 1}} {
		p := Place{Kind: SystemTree, Roles: []Role{Trust}, Want: map[string]fs.FileMode{"/etc/pki/CA/cacert.pem": 0o644},
			Files: map[libvirt.File]Spot{
				libvirt.CACert: {Path: "/etc/pki/CA/cacert.pem", Mode: 0o644, Label: test.label},
				libvirt.CACRL:  {Path: "/etc/pki/CA/cacrl.pem", Mode: 0o644},
			}}
		found := InPlace(p)
		if len(found) != test.want {
			t.Errorf("label %q: %+v, want %d", test.label, found, test.want)
		}
		if len(found) > 0 && (found[0].ID != "label" || found[0].Fix != "restorecon /etc/pki/CA/cacert.pem") {
			t.Errorf("label %q: %+v", test.label, found[0])
		}
	}
}

func TestProfilePaths(t *testing.T) {
	const profile = "  #include <abstractions/base>\n  /etc/pki/libvirt{,-spice,-vnc}/** r,\n  /etc/pki/qemu/** r,\n  owner /tmp/x rw,\n"
	got := profilePaths(profile)
	want := []string{"/etc/pki/libvirt/**", "/etc/pki/libvirt-spice/**", "/etc/pki/libvirt-vnc/**", "/etc/pki/qemu/**"}
	if len(got) != len(want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
	if n := len(expand("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}")); n > 64 {
		t.Errorf("%d paths of one", n)
	}
}
