package judge

import (
	"io/fs"
	"syscall"
	"testing"

	"virtpki/internal/libvirt"
)

// TestPairThatIsNotWhole compares the findings on a client's pair with the behaviour of its virsh:
// it ends, it connects without a pair and the server refuses it, or it uses the system's pair.
func TestPairThatIsNotWhole(t *testing.T) {
	there, folder := Spot{Mode: 0o600}, Spot{Mode: fs.ModeDir | 0o755}
	gone, nowhere := Spot{Err: fs.ErrNotExist}, Spot{Err: fs.ErrNotExist, Target: "nowhere"}
	loop := Spot{Err: syscall.ELOOP, Target: "loop"}
	old, later := libvirt.Release{Product: "libvirt", Major: 9}, libvirt.Release{Product: "libvirt", Major: 11, Minor: 10}
	for _, test := range []struct {
		name      string
		kind      Kind
		cert, key Spot
		target    libvirt.Release
		id        string
		level     Level
		stage     Stage
	}{
		{"neither", FlatFolder, gone, gone, old, "no-client-pair", Error, Session},
		{"neither, later", FlatFolder, gone, gone, later, "no-client-pair", Error, Session},
		{"no key", FlatFolder, there, gone, old, "half-pair", Error, Session},
		{"no key, later", FlatFolder, there, gone, later, "half-pair", Error, Places},
		{"no key, all releases", SystemTree, there, gone, libvirt.Release{}, "half-pair", Error, Places},
		{"no key, a user's", UserFolder, there, gone, old, "half-pair", Warning, Places},
		{"no key, a user's, later", UserFolder, there, gone, later, "half-pair", Error, Places},
		{"a certificate that leads nowhere", FlatFolder, nowhere, there, old, "dangling", Error, Session},
		{"a certificate that leads nowhere, later", FlatFolder, nowhere, there, later, "dangling", Error, Places},
		{"both lead nowhere, later", FlatFolder, nowhere, nowhere, later, "dangling", Error, Session},
		{"both lead nowhere, a user's, later", UserFolder, nowhere, nowhere, later, "dangling", Warning, Places},
		{"a loop", FlatFolder, there, loop, old, "not-a-file", Error, Session},
		{"a folder as key", FlatFolder, there, folder, old, "not-a-file", Error, Places},
		{"a folder as key that is not opened", FlatFolder, gone, folder, old, "not-a-file", Error, Session},
		{"a folder as key, no certificate, later", FlatFolder, gone, folder, later, "not-a-file", Error, Places},
		{"a folder as certificate, no key", FlatFolder, folder, gone, old, "not-a-file", Error, Places},
	} {
		p := Place{Kind: test.kind, Roles: []Role{Client}, Asked: true, Release: test.target,
			Files: map[libvirt.File]Spot{libvirt.ClientCert: test.cert, libvirt.ClientKey: test.key}}
		var got *Finding
		for _, f := range InPlace(p) {
			if f.ID == test.id {
				got = &f
			}
		}
		if got == nil || got.Level != test.level || got.Stage != test.stage {
			t.Errorf("%s: %+v, want %s: %s at %s", test.name, got, test.id, test.level, test.stage)
		}
	}
}
