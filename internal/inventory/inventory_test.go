package inventory

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
)

// image returns a machine with these files; a text that begins with "-> " is a link.
func image(t *testing.T, files map[string]string) *machine.Machine {
	t.Helper()
	m := machine.New()
	m.Root, m.Sysconfdir = t.TempDir(), "/etc"
	for name, text := range files {
		path := filepath.Join(m.Root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(text, "-> "); link {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

type files = map[string]string

// with joins files; later ones take the place of earlier ones.
func with(all ...files) files {
	joined := make(files)
	for _, some := range all {
		for name, text := range some {
			joined[name] = text
		}
	}
	return joined
}

const (
	units  = "usr/lib/systemd/system/"
	own    = "etc/systemd/system/"
	wanted = own + "sockets.target.wants/"
	dropIn = own + "libvirtd.service.d/a.conf"
	socket = "[Socket]\n"
)

// masked are libvirtd's sockets after an administrator masked them, to start it with --listen.
var masked = files{own + "libvirtd.socket": "-> /dev/null", own + "libvirtd-ro.socket": "-> /dev/null", own + "libvirtd-admin.socket": "-> /dev/null",
	own + "libvirtd-tls.socket": "-> /dev/null", own + "libvirtd-tcp.socket": "-> /dev/null"}

// debian has libvirtd as Debian does; fedora has the modular daemons beside it, with virtproxyd's
// socket enabled.
var (
	debian = files{"usr/sbin/libvirtd": "", "etc/libvirt/libvirtd.conf": "", units + "libvirtd.socket": socket, units + "libvirtd-tls.socket": socket,
		units + "libvirtd.service": "[Unit]\nWants=libvirtd.socket\n[Service]\nEnvironment=LIBVIRTD_ARGS=\"--timeout 120\"\nEnvironmentFile=-/etc/default/libvirtd\nExecStart=/usr/sbin/libvirtd $LIBVIRTD_ARGS\n"}
	fedora = files{"usr/sbin/libvirtd": "", "usr/sbin/virtproxyd": "", "etc/libvirt/libvirtd.conf": "", "etc/libvirt/virtproxyd.conf": "",
		units + "libvirtd.service":   "[Service]\nEnvironment=LIBVIRTD_ARGS=\"--timeout 120\"\nEnvironmentFile=-/etc/sysconfig/libvirtd\nExecStart=/usr/sbin/libvirtd $LIBVIRTD_ARGS\n",
		units + "virtproxyd.service": "[Service]\nEnvironment=VIRTPROXYD_ARGS=\"--timeout 120\"\nEnvironmentFile=-/etc/sysconfig/virtproxyd\nExecStart=/usr/sbin/virtproxyd $VIRTPROXYD_ARGS\n",
		wanted + "virtproxyd.socket": "-> /usr/lib/systemd/system/virtproxyd.socket"}
	proxyTLS = files{wanted + "virtproxyd-tls.socket": "-> /usr/lib/systemd/system/virtproxyd-tls.socket"}
)

// told describes a daemon in one line.
func told(d Daemon) string {
	text := d.Name + " " + [...]string{"unknown", "listens", "silent"}[d.Listening]
	if d.OpenedBy != "" {
		text += " by " + d.OpenedBy
	}
	if d.Listen.Text != "" {
		text += " by " + d.Listen.Text + " in " + strings.TrimPrefix(d.Listen.File, "/")
	}
	if len(d.Sockets) > 0 {
		text += " with " + strings.Join(d.Sockets, ",")
	}
	if d.ConfPath != d.Daemon.ConfPath("/etc") {
		text += " conf " + d.ConfPath
	}
	return text
}

func TestServer(t *testing.T) {
	tlsLink := "/" + wanted + "libvirtd-tls.socket"
	debTLS := files{wanted + "libvirtd-tls.socket": "-> /usr/lib/systemd/system/libvirtd-tls.socket"}
	defaults := func(args string) files { return files{"etc/default/libvirtd": "LIBVIRTD_ARGS=" + args + "\n"} }
	conf := func(text string) files { return files{"etc/libvirt/libvirtd.conf": text} }
	for _, c := range []struct {
		title string
		files files
		want  string
	}{
		{"nothing", nil, "libvirtd unknown"},
		{"a configuration alone", conf(""), "libvirtd unknown"},
		{"virtproxyd's alone", files{"etc/libvirt/virtproxyd.conf": "listen_tls = 1"}, "virtproxyd unknown"},
		{"both, and nobody knows", with(conf(""), files{"etc/libvirt/virtproxyd.conf": ""}), "libvirtd unknown"},
		{"no unit, and Debian's file", with(conf(""), defaults("--listen")), "libvirtd listens by --listen in etc/default/libvirtd"},
		{"no unit, and Fedora's file", with(conf(""), files{"etc/sysconfig/libvirtd": "LIBVIRTD_ARGS=-l"}), "libvirtd listens by -l in etc/sysconfig/libvirtd"},
		{"no unit, and it does not say", with(conf(""), defaults("-d")), "libvirtd unknown"},
		{"no unit, and TLS is off", conf("listen_tls = 0"), "libvirtd silent"},
		{"a configuration that cannot be read", conf("listen_tls = ["), "libvirtd unknown"},

		{"Debian", debian, "libvirtd silent with libvirtd.socket"},
		{"Debian, the socket enabled", with(debian, debTLS), "libvirtd listens by " + tlsLink + " with libvirtd-tls.socket,libvirtd.socket"},
		{"listen_tls = 0 does not close a socket", with(debian, debTLS, conf("listen_tls = 0")), "libvirtd listens by " + tlsLink + " with libvirtd-tls.socket,libvirtd.socket"},
		{"the socket enabled and masked", with(debian, debTLS, files{own + "libvirtd-tls.socket": "-> /dev/null"}), "libvirtd silent with libvirtd.socket"},
		{"the unit masked", with(debian, debTLS, files{own + "libvirtd.service": "-> /dev/null"}), "libvirtd silent by " + tlsLink + " with libvirtd-tls.socket"},
		{"the socket by the unit", with(debian, files{dropIn: "[Unit]\nWants=libvirtd-tls.socket\n"}), "libvirtd listens by libvirtd.service with libvirtd-tls.socket,libvirtd.socket"},
		{"the socket for the other socket", with(debian, files{own + "libvirtd.socket.wants/libvirtd-tls.socket": "-> x"}), "libvirtd listens by /" + own + "libvirtd.socket.wants/libvirtd-tls.socket with libvirtd-tls.socket,libvirtd.socket"},
		{"--listen beside the sockets", with(debian, defaults("--listen")), "libvirtd listens by --listen in etc/default/libvirtd with libvirtd.socket"},
		{"--listen, sockets masked", with(debian, masked, defaults("--listen")), "libvirtd listens by --listen in etc/default/libvirtd"},
		{"cut short", with(debian, masked, defaults("--li")), "libvirtd listens by --li in etc/default/libvirtd"},
		{"in a cluster", with(debian, masked, defaults("-dl")), "libvirtd listens by -dl in etc/default/libvirtd"},
		{"a value that looks like it", with(debian, masked, defaults("'-p -l'")), "libvirtd silent"},
		{"behind --", with(debian, masked, defaults("'-- --listen'")), "libvirtd silent"},
		{"an option that is twofold", with(debian, masked, defaults("'--ver'")), "libvirtd silent"},
		{"--listen, and TLS is off", with(debian, masked, defaults("--listen"), conf("listen_tls = 0")), "libvirtd silent by --listen in etc/default/libvirtd"},
		{"in the other distribution's file", with(debian, masked, files{"etc/sysconfig/libvirtd": "LIBVIRTD_ARGS=--listen"}), "libvirtd silent"},
		{"in a comment", with(debian, masked, files{"etc/default/libvirtd": "#LIBVIRTD_ARGS=--listen"}), "libvirtd silent"},
		{"by a drop-in's variable", with(debian, masked, files{dropIn: "[Service]\nEnvironment=LIBVIRTD_ARGS=--listen\n"}), "libvirtd listens by --listen in " + dropIn},
		{"by a drop-in's command", with(debian, masked, files{dropIn: "[Service]\nExecStart=\nExecStart=/usr/sbin/libvirtd -l\n"}), "libvirtd listens by -l in " + dropIn},
		{"a drop-in without the variable", with(debian, masked, defaults("--listen"), files{dropIn: "[Service]\nExecStart=\nExecStart=/usr/sbin/libvirtd\n"}), "libvirtd silent"},
		{"another configuration", with(debian, masked, defaults("'-lf /srv/l.conf'"), files{"srv/l.conf": ""}), "libvirtd listens by -lf in etc/default/libvirtd conf /srv/l.conf"},
		{"in which TLS is off", with(debian, masked, defaults("'-l --config=/srv/l.conf'"), files{"srv/l.conf": "listen_tls = 0"}), "libvirtd silent by -l in etc/default/libvirtd conf /srv/l.conf"},
		{"a relative one cannot be known", with(debian, masked, defaults("'-l -f l.conf'")), "libvirtd listens by -l in etc/default/libvirtd"},
		{"a script starts it", with(debian, masked, files{dropIn: "[Service]\nExecStart=\nExecStart=/usr/local/bin/start-virt\n"}), "libvirtd unknown"},

		{"Fedora", fedora, "virtproxyd silent with virtproxyd.socket"},
		{"Fedora, the socket enabled", with(fedora, proxyTLS), "virtproxyd listens by /" + wanted + "virtproxyd-tls.socket with virtproxyd-tls.socket,virtproxyd.socket"},
		{"listen_tls means nothing beside sockets", with(fedora, files{"etc/libvirt/virtproxyd.conf": "listen_tls = 1"}), "virtproxyd silent with virtproxyd.socket"},
		{"and opens the port without them", with(fedora, files{own + "virtproxyd.socket": "-> /dev/null", own + "multi-user.target.wants/virtproxyd.service": "-> x", "etc/libvirt/virtproxyd.conf": "listen_tls = 1"}), "virtproxyd listens"},
		{"virtproxyd has no --listen", with(fedora, files{"etc/sysconfig/virtproxyd": "VIRTPROXYD_ARGS=--listen"}), "virtproxyd silent with virtproxyd.socket"},
		{"virtproxyd's other configuration", with(fedora, files{"etc/sysconfig/virtproxyd": "VIRTPROXYD_ARGS=-f/a"}), "virtproxyd silent with virtproxyd.socket conf /a"},
		{"Fedora, gone back to libvirtd", with(fedora, files{own + "virtproxyd.socket": "-> /dev/null", wanted + "libvirtd-tls.socket": "-> x"}), "libvirtd listens by " + tlsLink + " with libvirtd-tls.socket"},
		{"on Debian somebody wrote virtproxyd.conf", with(debian, files{"etc/libvirt/virtproxyd.conf": "listen_tls = 1"}), "libvirtd silent with libvirtd.socket"},
	} {
		t.Run(c.title, func(t *testing.T) {
			if got := told(Look(image(t, c.files), nil).Server()); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// A running daemon takes precedence over the units; a daemon in a container uses the container's
// files.
func TestRunning(t *testing.T) {
	libvirtd, virtproxyd := libvirt.Daemons()[0], libvirt.Daemons()[1]
	for _, c := range []struct {
		title   string
		files   files
		daemons []running.Daemon
		want    string
	}{
		{"it listens", debian, []running.Daemon{{Daemon: libvirtd, Root: "/", ConfPath: "/etc/libvirt/libvirtd.conf", Address: "127.0.0.1:16514"}}, "libvirtd listens with libvirtd.socket"},
		{"with another configuration", debian, []running.Daemon{{Daemon: libvirtd, Root: "/", ConfPath: "/a.conf", Address: "127.0.0.1:16514"}}, "libvirtd listens with libvirtd.socket conf /a.conf"},
		{"it does not", files{"etc/libvirt/libvirtd.conf": ""}, []running.Daemon{{Daemon: libvirtd, Root: "/", ConfPath: "/etc/libvirt/libvirtd.conf"}}, "libvirtd silent"},
		{"two of one name", debian, []running.Daemon{{Daemon: libvirtd, Root: "/", ConfPath: "/a"}, {Daemon: libvirtd, Root: "/", ConfPath: "/b", Address: "x:1"}}, "libvirtd listens with libvirtd.socket conf /b"},
		{"in a container", debian, []running.Daemon{{Daemon: libvirtd, Root: "/proc/7/root", ConfPath: "/a", Address: "x:1"}}, "libvirtd silent with libvirtd.socket"},
		{"the other one", debian, []running.Daemon{{Daemon: virtproxyd, Root: "/", ConfPath: "/etc/libvirt/virtproxyd.conf", Address: "x:1"}}, "virtproxyd listens"},
	} {
		t.Run(c.title, func(t *testing.T) {
			if got := told(Look(image(t, c.files), c.daemons).Server()); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// The files of a daemon are those named in the configuration that it reads.
func TestFiles(t *testing.T) {
	named := "ca_file = \"/srv/ca\"\ncert_file = \"/srv/cert\"\nkey_file = \"/srv/key\"\n"
	l := Look(image(t, with(debian, files{"etc/default/libvirtd": "LIBVIRTD_ARGS='-f /srv/l.conf'", "srv/l.conf": named})), nil)
	d := l.Server()
	if d.FilesErr != nil || d.Files.Cert != "/srv/cert" || d.Files.Key != "/srv/key" || d.Files.CA != "/srv/ca" || d.Files.CRL != "" || !d.Files.Custom {
		t.Errorf("%+v, %v", d.Files, d.FilesErr)
	}
	if d := l.Daemon(libvirt.Daemons()[1]); d.Installed || d.Files.Cert != "/etc/pki/libvirt/servercert.pem" {
		t.Errorf("virtproxyd: %+v", d.Files)
	}
	if d := Look(image(t, with(debian, files{"etc/libvirt/libvirtd.conf": "ca_file = \"/a\""})), nil).Server(); d.FilesErr == nil {
		t.Error("a part of the files is no error")
	}
}

func TestUnread(t *testing.T) {
	list := "tls_allowed_dn_list = []\nlisten_tls = 1\n"
	for _, c := range []struct {
		title string
		files files
		want  string
	}{
		{"nobody listens", with(fedora, files{"etc/libvirt/libvirtd.conf": list}), ""},
		{"the other one listens", with(fedora, proxyTLS, files{"etc/libvirt/libvirtd.conf": list}), "/etc/libvirt/libvirtd.conf: tls_allowed_dn_list (virtproxyd)"},
		{"what says nothing of access", with(fedora, proxyTLS, files{"etc/libvirt/libvirtd.conf": "log_level = 1\nlisten_tls = 1"}), ""},
		{"it is read", with(fedora, proxyTLS, files{"etc/libvirt/virtproxyd.conf": list}), ""},
		{"another file is read", with(debian, masked, files{"etc/default/libvirtd": "LIBVIRTD_ARGS='-lf/a'", "a": "", "etc/libvirt/libvirtd.conf": list}), "/etc/libvirt/libvirtd.conf: tls_allowed_dn_list (libvirtd)"},
		{"it cannot be read", with(fedora, proxyTLS, files{"etc/libvirt/libvirtd.conf": "tls_allowed_dn_list = ["}), ""},
	} {
		t.Run(c.title, func(t *testing.T) {
			var got []string
			for _, u := range Look(image(t, c.files), nil).Unread() {
				got = append(got, fmt.Sprintf("%s: %s (%s)", u.Path, strings.Join(u.Settings, ","), u.Reader.Name))
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A caller who names a daemon gets it, and learns where another daemon serves TLS.
func TestNamed(t *testing.T) {
	for _, c := range []struct {
		files         files
		name          string
		want, instead string
	}{
		{nil, "", "libvirtd", ""},
		{fedora, "", "virtproxyd", ""},
		{with(fedora, proxyTLS), "", "virtproxyd", ""},
		{with(fedora, proxyTLS), "virtproxyd", "virtproxyd", ""},
		{with(fedora, proxyTLS), "libvirtd", "libvirtd", "virtproxyd"},
		{fedora, "libvirtd", "libvirtd", ""},
		{debian, "virtproxyd", "virtproxyd", ""},
		{with(debian, masked, files{"etc/default/libvirtd": "LIBVIRTD_ARGS=-l"}), "virtproxyd", "virtproxyd", "libvirtd"},
		{debian, "virtqemud", "", ""},
	} {
		l := Look(image(t, c.files), nil)
		d, err := l.Named(c.name)
		if d.Name != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v; want %q", c.name, d.Name, err, c.want)
		}
		if other, ok := l.Instead(d); err == nil && (ok != (c.instead != "") || ok && other.Name != c.instead) {
			t.Errorf("%q: instead %q, %t; want %q", c.name, other.Name, ok, c.instead)
		}
	}
}

func TestQEMU(t *testing.T) {
	l := Look(image(t, files{"etc/libvirt/qemu.conf": "vnc_tls_x509_cert_dir = \"/srv/vnc\"\n", "etc/pki/libvirt-nbd/x": "", "etc/pki/qemu/x": ""}), nil)
	var got []string
	for _, q := range l.QEMU {
		got = append(got, fmt.Sprint(q.Use.Name, " ", q.Folder, " ", q.Exists))
	}
	want := []string{"qemu /etc/pki/qemu true", "vnc /srv/vnc false", "spice /etc/pki/qemu true", "chardev /etc/pki/qemu true", "migrate /etc/pki/qemu true", "nbd /etc/pki/libvirt-nbd true", "backup /etc/pki/qemu true"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if broken := Look(image(t, files{"etc/libvirt/qemu.conf": "vnc_tls = ["}), nil); broken.QEMU[1].Folder != "/etc/pki/qemu" {
		t.Errorf("a qemu.conf that cannot be read: %+v", broken.QEMU[1])
	}
}

func TestClients(t *testing.T) {
	l := Look(image(t, files{"etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1:1::/home/alice:/bin/sh\nbob:x:2:2::/home/bob:/bin/sh\nalso:x:3:3::/home/alice:/bin/sh\nbad\nnohome:x:4:4:::\n",
		"home/alice/.pki/libvirt/clientcert.pem": "", "root/.pki/libvirt/x": ""}), nil)
	var got []string
	for _, c := range l.Clients {
		got = append(got, c.User+":"+c.Layout.Path(libvirt.ClientCert))
	}
	want := []string{":/etc/pki/libvirt/clientcert.pem", "root:/root/.pki/libvirt/clientcert.pem", "alice:/home/alice/.pki/libvirt/clientcert.pem"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
