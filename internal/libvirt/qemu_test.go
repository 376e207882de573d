package libvirt

import (
	"errors"
	"io/fs"
	"testing"

	"virtpki/internal/libvirt/conf"
)

const (
	debianPasswd = "root:x:0:0:root:/root:/bin/sh\nlibvirt-qemu:x:64055:104:Libvirt Qemu,,,:/var/lib/libvirt:/usr/sbin/nologin\nvm:x:1001:1001::/:/bin/sh\n"
	debianGroup  = "root:x:0:\nkvm:x:104:alice\nlibvirt-qemu:x:64055:libvirt-qemu\nvm:x:1001:\nshared:x:1002:alice,vm\n"
	fedoraPasswd = "root:x:0:0:root:/root:/bin/sh\nqemu:x:107:107:qemu user:/:/sbin/nologin\n"
	fedoraGroup  = "root:x:0:\nkvm:x:36:qemu\nqemu:x:107:\n"
)

func TestFindQEMUUser(t *testing.T) {
	tests := []struct {
		condition, conf, passwd, group string
		user, keys                     string
		uid, gid                       int
		from                           string
	}{
		{"Debian", "", debianPasswd, debianGroup, "libvirt-qemu", "libvirt-qemu", 64055, 64055, "the distribution's default"},
		{"Debian, without the group of its name", "", debianPasswd, "kvm:x:104:\n", "libvirt-qemu", "kvm", 64055, 104, "the distribution's default"},
		{"Fedora", "", fedoraPasswd, fedoraGroup, "qemu", "qemu", 107, 107, "the distribution's default"},
		{"a group that has no name", "", debianPasswd, "", "libvirt-qemu", "104", 64055, 104, "the distribution's default"},
		{"user and group of the conf", "user = \"vm\"\ngroup = \"shared\"\n", debianPasswd, debianGroup, "vm", "shared", 1001, 1002, "qemu.conf"},
		{"user of the conf alone", "user = \"vm\"\n", debianPasswd, debianGroup, "vm", "vm", 1001, 1001, "qemu.conf"},
		{"group of the conf alone", "group = \"kvm\"\n", debianPasswd, debianGroup, "libvirt-qemu", "kvm", 64055, 104, "the distribution's default"},
		{"root", "user = \"root\"\n", debianPasswd, debianGroup, "root", "root", 0, 0, "qemu.conf"},
		{"a number with a plus sign", "user = \"+1001\"\n", debianPasswd, debianGroup, "vm", "vm", 1001, 1001, "qemu.conf"},
		{"a number that nobody has", "user = \"4711\"\ngroup = \"4712\"\n", debianPasswd, debianGroup, "4711", "4712", 4711, 4712, "qemu.conf"},
	}
	for _, test := range tests {
		file, err := conf.Parse([]byte(test.conf))
		if err != nil {
			t.Fatal(err)
		}
		got, err := FindQEMUUser(file, []byte(test.passwd), []byte(test.group))
		if err != nil || got.User != test.user || got.UID != test.uid || got.Group != test.keys || got.GID != test.gid || got.From != test.from {
			t.Errorf("%s: %+v, %v, want %s %d, %s %d, %s", test.condition, got, err, test.user, test.uid, test.keys, test.gid, test.from)
		}
	}
}

func TestFindQEMUUserRefuses(t *testing.T) {
	for condition, test := range map[string]struct{ conf, passwd, want string }{
		"no libvirt here":            {"", "root:x:0:0::/:/bin/sh\n", "virtpki does not know QEMU's user on this machine"},
		"a user that is not there":   {`user = "vm2"`, debianPasswd, `user "vm2" of qemu.conf: virtpki does not know QEMU's user on this machine`},
		"a group that is not there":  {`group = "vm2"`, debianPasswd, `group "vm2" of qemu.conf: there is none of this name`},
		"a number behind a plus":     {`user = "+x"`, debianPasswd, `user "+x" of qemu.conf: virtpki does not know QEMU's user on this machine`},
		"the number that means none": {`group = "4294967295"`, debianPasswd, `group "4294967295" of qemu.conf: there is none of this name`},
	} {
		file, err := conf.Parse([]byte("# qemu.conf\n" + test.conf + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := FindQEMUUser(file, []byte(test.passwd), []byte(debianGroup)); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", condition, err, test.want)
		}
	}
}

func TestQEMUMayRead(t *testing.T) {
	file, _ := conf.Parse(nil)
	u, err := FindQEMUUser(file, []byte(debianPasswd), []byte(debianGroup))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		condition string
		uid, gid  int
		mode      fs.FileMode
		want      bool
	}{
		{"root's own, closed", 0, 0, 0o600, false},
		{"its group's", 0, 64055, 0o640, true},
		{"its first group's", 0, 104, 0o640, true},
		{"another group's", 0, 1002, 0o640, false},
		{"everybody's", 0, 0, 0o644, true},
		{"its own", 64055, 0, 0o400, true},
		{"its own, closed to itself alone", 64055, 0, 0o044, false},
		{"its group's, closed to that alone", 0, 104, 0o604, false},
	}
	for _, test := range tests {
		if got := u.MayRead(test.uid, test.gid, test.mode); got != test.want {
			t.Errorf("%s: %v, want %v", test.condition, got, test.want)
		}
	}
	if !u.MayEnter(0, 0, 0o711) || u.MayEnter(0, 0, 0o700) || !u.MayEnter(0, 104, 0o710) {
		t.Error("MayEnter looks at other bits than those for entering")
	}
}

func TestQEMUUses(t *testing.T) {
	folders := map[string]bool{}
	for _, layout := range QEMU("/etc") {
		folders[layout.Base] = true
	}
	for _, use := range QEMUUses() {
		if found, err := FindQEMUUse(use.Name); err != nil || found.Folder != use.Folder {
			t.Errorf("FindQEMUUse(%q) = %+v, %v", use.Name, found, err)
		}
		if !folders["/etc/pki/"+use.Folder] {
			t.Errorf("QEMU(/etc) lacks %s", use.Folder)
		}
		if !use.Server && !use.Client {
			t.Errorf("%s reads no pair", use.Name)
		}
	}
	if _, err := FindQEMUUse("vxhs"); err == nil {
		t.Error("vxhs, which QEMU has dropped, is a use")
	}
	if _, _, err := ParseGroup([]byte(debianGroup), "nobody"); !errors.Is(err, errNoAccount) {
		t.Errorf("ParseGroup of a name that is not there: %v", err)
	}
	if name, gid, err := ParseGroup([]byte(debianGroup), "107"); name != "107" || gid != 107 || err != nil {
		t.Errorf("ParseGroup of a number: %s, %d, %v", name, gid, err)
	}
}
