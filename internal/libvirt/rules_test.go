package libvirt

import (
	"os/exec"
	"testing"
)

func TestRulesOfRelease(t *testing.T) {
	tests := []struct{ target, want string }{
		{"libvirt-1.2", "libvirt-5.8"}, {"libvirt-6.1", "libvirt-7.0"}, {"libvirt-8.10", "libvirt-7.0"},
		{"libvirt-9.0", "libvirt-9.0"}, {"libvirt-9.0.0-4+deb12u2", "libvirt-9.0"},
		{"libvirt-11.3", "libvirt-9.0"}, {"libvirt-11.3.0-3", "libvirt-9.0"},
		{"libvirt-11.3.0-3+deb13u1", "libvirt-11.6"}, {"libvirt-11.3.0-3+deb13u12~bpo1", "libvirt-11.6"},
		{"libvirt-11.5.0-3+deb13u9", "libvirt-9.0"},
		{"libvirt-11.6.0", "libvirt-11.6"}, {"libvirt-11.10.0-1.el10", "libvirt-11.10"}, {"libvirt-12.8", "libvirt-11.10"},
		{"qemu-5.2+dfsg-11+deb11u3", "qemu-5.2"}, {"qemu-7.2", "qemu-7.2"}, {"qemu-7.2+dfsg-7+deb12u7", "qemu-7.2"},
		{"qemu-7.2+dfsg-7+deb12u18", "qemu-10.0.7"}, {"qemu-7.2.22", "qemu-10.0.7"}, {"qemu-10.0", "qemu-7.2"},
		{"qemu-10.0.13+ds-0+deb13u1", "qemu-10.0.7"}, {"qemu-10.1.0", "qemu-7.2"}, {"qemu-10.2", "qemu-10.2"},
		{"qemu-11.1", "qemu-10.2"},
	}
	for _, test := range tests {
		target, err := ParseRelease(test.target)
		if err != nil {
			t.Errorf("%s: %v", test.target, err)
			continue
		}
		if got := target.Rules(""); len(got) != 1 || got[0].Name != test.want {
			t.Errorf("%s has the rules %v, want %s", test.target, got, test.want)
		}
		if target.String() != test.target && target.String()+".0" != test.target {
			t.Errorf("%s prints as %s", test.target, target)
		}
	}
}

func TestRulesOfAny(t *testing.T) {
	for product, want := range map[string]int{"libvirt": 5, "qemu": 4, "": 9} {
		rules := Release{}.Rules(product)
		if len(rules) != want {
			t.Errorf("any has %d rule sets of %q, want %d", len(rules), product, want)
		}
		for _, r := range rules {
			own, err := ParseRelease(r.Name)
			if err != nil || own.Rules("")[0].Name != r.Name {
				t.Errorf("%s does not have its own rules (%v)", r.Name, err)
			}
		}
	}
}

func TestInstalledReleases(t *testing.T) {
	version, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", "libvirt0").Output()
	if err != nil {
		t.Skip("no libvirt of a Debian package: ", err)
	}
	targets, err := InstalledReleases(t.Context(), "")
	if err != nil || len(targets) == 0 || targets[0].String() != "libvirt-"+string(version) {
		t.Errorf("InstalledReleases = %v, %v, want libvirt-%s first", targets, err, version)
	}
	if targets, err := InstalledReleases(t.Context(), t.TempDir()); err == nil {
		t.Errorf("an empty tree has %v installed", targets)
	}
}

// The names that are offered where a release is asked for can be typed. Each stands for other
// rules than the rest.
func TestReleaseNames(t *testing.T) {
	names := ReleaseNames()
	if len(names) < 5 || names[0] != "any" {
		t.Fatalf("offered: %q", names)
	}
	for _, name := range names[1:] {
		target, err := ParseRelease(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if rules := target.Rules(target.Product); target.String() != name || len(rules) != 1 || rules[0].Name != name {
			t.Errorf("%s: is %s, with the rules of %v", name, target, rules)
		}
	}
}
