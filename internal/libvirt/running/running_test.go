package running

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

func TestAddress(t *testing.T) {
	at := func(ip string, port int) net.TCPAddr { return net.TCPAddr{IP: net.ParseIP(ip), Port: port} }
	none := []net.TCPAddr{}
	for _, c := range []struct {
		name, daemon, conf string
		listeners          []net.TCPAddr
		listen             bool
		want               string
	}{
		{"listens nowhere", "libvirtd", "", none, true, ""},
		{"everywhere, both families", "libvirtd", "", []net.TCPAddr{at("0.0.0.0", 16514), at("::", 16514)}, true, "127.0.0.1:16514"},
		{"everywhere, IPv6", "libvirtd", "", []net.TCPAddr{at("::", 16514)}, true, "[::1]:16514"},
		{"one address", "libvirtd", "", []net.TCPAddr{at("192.0.2.1", 16514)}, true, "192.0.2.1:16514"},
		{"without TLS beside it", "libvirtd", "", []net.TCPAddr{at("0.0.0.0", 16509), at("0.0.0.0", 16514)}, true, "127.0.0.1:16514"},
		{"only without TLS", "libvirtd", "", []net.TCPAddr{at("0.0.0.0", 16509)}, true, ""},
		{"tls_port", "libvirtd", "tls_port = '1'", []net.TCPAddr{at("0.0.0.0", 1), at("0.0.0.0", 16514)}, true, "127.0.0.1:1"},
		{"tcp_port", "libvirtd", "tcp_port = '7'", []net.TCPAddr{at("0.0.0.0", 7)}, true, ""},
		{"systemd's port", "libvirtd", "", []net.TCPAddr{at("0.0.0.0", 16509), at("::", 999)}, false, "[::1]:999"},
		{"unknown, libvirtd", "libvirtd", "", nil, true, "127.0.0.1:16514"},
		{"unknown, libvirtd without --listen", "libvirtd", "", nil, false, ""},
		{"unknown, listen_tls off", "libvirtd", "listen_tls = 0", nil, true, ""},
		{"unknown, virtproxyd", "virtproxyd", "", nil, false, ""},
		{"unknown, virtproxyd that listens", "virtproxyd", "listen_tls = 1\nlisten_addr = '::'\ntls_port = '99'", nil, false, "[::1]:99"},
		{"unknown, by name", "libvirtd", "listen_addr = 'hv1.lab.example'", nil, true, "hv1.lab.example:16514"},
	} {
		d, err := libvirt.FindDaemon(c.daemon)
		if err != nil {
			t.Fatal(err)
		}
		file, err := conf.Parse([]byte(c.conf))
		if err != nil {
			t.Fatal(err)
		}
		r := Daemon{Daemon: d, Conf: file}
		if got := r.address(c.listeners, c.listen); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAdminSockets(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "etc/libvirt"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"run", "var/run"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(link)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/run", filepath.Join(root, "var/run")); err != nil {
		t.Fatal(err)
	}
	write := func(file string) {
		if err := os.WriteFile(filepath.Join(root, "etc/libvirt/virtproxyd.conf"), []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, err := libvirt.FindDaemon("virtproxyd")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		conf string
		want []string
	}{
		{"", []string{"/run/libvirt/libvirt-admin-sock"}},
		{"unix_sock_dir = '/srv/s'", []string{"/run/libvirt/libvirt-admin-sock", "/srv/s/libvirt-admin-sock"}},
		{"unix_sock_dir = '/run/libvirt'", []string{"/run/libvirt/libvirt-admin-sock"}},
		{"unix_sock_dir = 's'", []string{"/run/libvirt/libvirt-admin-sock"}},
		{"unix_sock_dir = '/" + strings.Repeat("s", 100) + "'", []string{"/run/libvirt/libvirt-admin-sock"}},
		{"not a conf", []string{"/run/libvirt/libvirt-admin-sock"}},
	} {
		write(c.conf)
		got := adminSockets(d, root, "/etc")
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], root)
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: got %q, want %q", c.conf, got, c.want)
		}
	}
}
