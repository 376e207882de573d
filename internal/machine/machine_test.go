package machine

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/libvirt"
)

func TestPaths(t *testing.T) {
	live, image := &Machine{Root: "/", Sysconfdir: "/etc"}, &Machine{Root: "/srv/image", Sysconfdir: "/usr/local/etc"}
	for _, c := range []struct{ name, got, want string }{
		{"live", live.Path("/etc/hosts"), "/etc/hosts"},
		{"image", image.Path("/etc/hosts"), "/srv/image/etc/hosts"},
		{"relative", image.Path("etc"), "/srv/image/etc"},
		{"dots lead no further up", image.Path("../../etc"), "/srv/image/etc"},
		{"dots inside", image.Path("/etc/../../x"), "/srv/image/x"},
		{"the system's tree", image.System().Path(libvirt.CACert), "/srv/image/usr/local/etc/pki/CA/cacert.pem"},
		{"the CA", image.CAPath(), "/srv/image/usr/local/etc/pki/CA"},
		{"another CA is where the user says", image.WithCA("ca/").CAPath(), "ca"},
		{"the lock of the system", live.LockOf(live.System()), live.System().Top()},
		{"QEMU's files are under the system's lock", live.LockOf(libvirt.QEMU("/etc")[0]), live.System().Top()},
		{"a user's are not", live.LockOf(libvirt.User("/home/a")), libvirt.User("/home/a").Top()},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
	if !live.Live() || image.Live() || !(&Machine{Root: "//."}).Live() {
		t.Error("Live")
	}
}

// WithCA does not change the machine itself.
func TestWithCA(t *testing.T) {
	m := &Machine{Root: "/srv/image", Sysconfdir: "/etc"}
	other := m.WithCA("/ca")
	if m.CADir != "" || other.CADir != "/ca" || other.Root != m.Root || other.Sysconfdir != m.Sysconfdir {
		t.Errorf("%+v, %+v", m, other)
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		machine Machine
		want    string
	}{
		{Machine{Root: "/", Sysconfdir: DefaultSysconfdir()}, ""},
		{Machine{Root: "/my image", Sysconfdir: DefaultSysconfdir()}, "--root '/my image' "},
		{Machine{Root: "/", Sysconfdir: "/opt/etc", CADir: "ca"}, "--sysconfdir /opt/etc --ca ca "},
	} {
		if got := c.machine.Flags(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.machine, got, c.want)
		}
	}
}

// image returns a machine in a directory with files.
func image(t *testing.T, files map[string]string) *Machine {
	t.Helper()
	m := &Machine{Root: t.TempDir(), Sysconfdir: "/etc", Hostname: func() (string, error) { return "hv1", nil }}
	m.Addresses = func() ([]net.IP, error) { return []net.IP{net.IPv4(192, 0, 2, 1).To4()}, nil }
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(m.Path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.Path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestNames(t *testing.T) {
	for hosts, want := range map[string][]string{
		"":                                  {"hv1"},
		"127.0.1.1 hv1.lab.example hv1\n":   {"hv1", "hv1.lab.example"},
		"127.0.1.1 hv1.lab.example # hv1\n": {"hv1"},
		"127.0.1.1 hv1\n10.0.0.1 hv1.other hv1\n":   {"hv1", "hv1.other"},
		"127.0.1.1 other.lab.example hv1\n":         {"hv1"},
		"#127.0.1.1 hv1.lab.example hv1\n127.0.0.1": {"hv1"},
	} {
		got, err := image(t, map[string]string{"/etc/hosts": hosts}).Names()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v, want %q", hosts, got, err, want)
		}
	}
}

func TestServerNames(t *testing.T) {
	m, own := image(t, nil), []string{"hv1", "hv1.lab.example"}
	for _, c := range []struct {
		name       string
		sans       string
		here, only bool
		want       string
		found      string // of the DNS names
	}{
		{"hv1", "", true, false, "hv1, hv1.lab.example, 192.0.2.1", "hv1.lab.example"},
		{"hv1.lab.example", "", true, false, "hv1.lab.example, hv1, 192.0.2.1", "hv1"},
		{"hv1.lab.example", "", true, true, "hv1.lab.example", ""},
		{"hv2.lab.example", "10.0.0.1 hv2", false, false, "hv2.lab.example, hv2, 10.0.0.1", ""},
		{"hv2.lab.example", "10.0.0.1", false, false, "hv2.lab.example, hv2, 10.0.0.1", "hv2"},
	} {
		names, err := m.ServerNames(c.name, strings.Fields(c.sans), c.here, c.only, own)
		if err != nil || names.Text() != c.want || strings.Join(names.Found.DNS, " ") != c.found {
			t.Errorf("%+v: %s, found %q, %v", c, names.Text(), names.Found.DNS, err)
		}
	}
	if _, err := m.ServerNames("hv1", []string{"192.0.2"}, true, false, own); err == nil {
		t.Error("a SAN that is none is taken")
	}
}

// A missing configuration file is empty. A bad one is an error that names it.
func TestConf(t *testing.T) {
	if conf, err := image(t, nil).QEMUConf(); err != nil || conf == nil {
		t.Errorf("none: %v", err)
	}
	conf, err := image(t, map[string]string{"/etc/libvirt/qemu.conf": "user = \"qemu\"\n"}).QEMUConf()
	if v, ok := conf.Lookup("user"); err != nil || !ok || v.String() == "" {
		t.Errorf("one: %v, %v", v, err)
	}
	m := image(t, map[string]string{"/etc/libvirt/qemu.conf": "user =\n"})
	if _, err := m.QEMUConf(); err == nil || !strings.Contains(err.Error(), m.Path("/etc/libvirt/qemu.conf")) {
		t.Errorf("a bad one: %v", err)
	}
}
