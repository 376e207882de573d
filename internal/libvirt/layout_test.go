package libvirt

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestSystemPlaces(t *testing.T) {
	layout := System("/etc")
	tests := []struct {
		file File
		path string
		mode fs.FileMode
	}{
		{CACert, "/etc/pki/CA/cacert.pem", 0o644},
		{CACRL, "/etc/pki/CA/cacrl.pem", 0o644},
		{CAKey, "/etc/pki/CA/private/cakey.pem", 0o600},
		{ServerCert, "/etc/pki/libvirt/servercert.pem", 0o644},
		{ServerKey, "/etc/pki/libvirt/private/serverkey.pem", 0o600},
		{ClientCert, "/etc/pki/libvirt/clientcert.pem", 0o644},
		{ClientKey, "/etc/pki/libvirt/private/clientkey.pem", 0o600},
	}
	for _, test := range tests {
		if path, mode := layout.Place(test.file); path != test.path || mode != test.mode {
			t.Errorf("Place(%d) = %s, %04o, want %s, %04o", test.file, path, mode, test.path, test.mode)
		}
	}
	open := layout.WithMode(ClientKey, 0o644)
	if _, mode := open.Place(ClientKey); mode != 0o644 {
		t.Errorf("WithMode: mode %04o", mode)
	}
	if _, mode := layout.Place(ClientKey); mode != 0o600 {
		t.Errorf("WithMode changed the layout it was called on: %04o", mode)
	}
}

func TestFlatPlaces(t *testing.T) {
	user := User("/home/bob")
	for file, name := range map[File]string{CACert: "cacert.pem", CACRL: "cacrl.pem", ClientCert: "clientcert.pem", ClientKey: "clientkey.pem"} {
		if path, mode := user.Place(file); path != "/home/bob/.pki/libvirt/"+name || mode != 0o600 {
			t.Errorf("Place(%d) = %s, %04o", file, path, mode)
		}
	}
	if path := user.Path(CAKey); path != "" {
		t.Errorf("a user's folder has a place for the CA's key: %s", path)
	}
}

func TestFoldersFor(t *testing.T) {
	tests := []struct {
		layout Layout
		path   string
		want   string
	}{
		{System("/etc"), "/etc/pki/CA/private/cakey.pem", "/etc/pki 0755, /etc/pki/CA 0755, /etc/pki/CA/private 0700"},
		{System("/etc"), "/etc/pki/libvirt/private/serverkey.pem", "/etc/pki 0755, /etc/pki/libvirt 0755, /etc/pki/libvirt/private 0755"},
		{CA("ca"), "ca/newcerts/00.pem", "ca 0755, ca/newcerts 0755"},
		{Flat("d"), "d/cacert.pem", "d 0700"},
	}
	for _, test := range tests {
		var got []string
		for _, folder := range test.layout.FoldersFor(test.path) {
			got = append(got, fmt.Sprintf("%s %04o", folder.Path, folder.Mode))
		}
		if text := strings.Join(got, ", "); text != test.want {
			t.Errorf("FoldersFor(%s) = %s, want %s", test.path, text, test.want)
		}
	}
}

func TestSettingsAreAllFourFilesOrNone(t *testing.T) {
	daemon, err := FindDaemon("libvirtd")
	if err != nil {
		t.Fatal(err)
	}
	all := []File{ServerKey, ServerCert, CACert, CACRL}
	for missing := -1; missing < len(all); missing++ {
		have := func(file File) bool { return missing < 0 || all[missing] != file }
		want := 1
		if missing < 0 {
			want = 5
		}
		if got := daemon.Settings(System("/etc"), have, nil); len(got) != want {
			t.Errorf("without file %d: %d settings, want %d", missing, len(got), want)
		}
	}
}

func TestRelease(t *testing.T) {
	tests := []struct {
		text   string
		strict bool
		valid  bool
	}{
		{"any", false, true}, {"", false, true}, {"libvirt-9.0", false, true}, {"libvirt-11.5", false, true},
		{"libvirt-11.6", true, true}, {"libvirt-12.0", true, true}, {"qemu-7.2", false, true}, {"qemu-10.2", true, true},
		{"libvirt", false, false}, {"xen-4.1", false, false}, {"libvirt-11", false, false}, {"libvirt-a.b", false, false},
	}
	for _, test := range tests {
		target, err := ParseRelease(test.text)
		if target.TakesStrictKeyUsage() != test.strict || (err == nil) != test.valid {
			t.Errorf("ParseRelease(%q) = %v, %v; strict %v", test.text, target, err, target.TakesStrictKeyUsage())
		}
		if back, err := ParseRelease(target.String()); back != target || err != nil {
			t.Errorf("ParseRelease(%q) = %v, %v", target, back, err)
		}
	}
}
