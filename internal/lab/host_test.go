package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newTestHost starts a host of the one release that these tests use.
func newTestHost(t *testing.T, config HostConfig) *Host {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no real hosts")
	}
	if err := Usable(); err != nil {
		t.Skip(err)
	}
	release, err := find("bookworm")
	if err != nil {
		t.Fatal(err)
	}
	if config.Root, err = Root(t.Context(), release); err != nil {
		t.Fatal(err)
	}
	h, err := NewHost(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// output runs a program in the host and returns its output without the last newline.
func output(t *testing.T, h *Host, name string, args ...string) string {
	t.Helper()
	out, err := h.Output(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestHostIsItsOwnMachine(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\necho from outside\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	h := newTestHost(t, HostConfig{Name: "hv1", FQDN: "hv1.lab.example", Files: map[string]string{binary: "/usr/bin/tool"}})
	for _, c := range []struct{ command, want string }{
		{"hostname", "hv1"},
		{"hostname -f", "hv1.lab.example"},
		{"cat /proc/1/comm", "cat"},
		{"ip -br addr show", "lo               UNKNOWN        127.0.0.1/8 ::1/128"},
		{"tool", "from outside"},
		{"pwd; echo $HOME", "/root\n/root"},
		{"echo x >/dev/null; head -c 3 /dev/zero | od -An -tx1", "00 00 00"},
		{"cut -d' ' -f2 /proc/mounts | sort | xargs", "/ /dev /dev/full /dev/null /dev/pts /dev/random /dev/shm /dev/tty /dev/urandom /dev/zero /proc /run /sys /tmp /usr/bin/tool"},
		{"id -un libvirt-qemu; ls /etc/libvirt/libvirtd.conf", "libvirt-qemu\n/etc/libvirt/libvirtd.conf"},
	} {
		if got := output(t, h, "sh", "-c", c.command); got != c.want {
			t.Errorf("%s: got %q, want %q", c.command, got, c.want)
		}
	}
	if out, err := h.Output(t.Context(), "sh", "-c", "echo x >/usr/bin/tool"); err == nil {
		t.Errorf("a file of the machine is writable in the host: %q", out)
	}
}

// machineState is the state that a host must leave as it was: mounts, and names in the
// directories that a libvirt host writes to.
func machineState(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	state := string(mounts)
	for _, pattern := range []string{"/etc/pki", "/etc/pki/*", "/etc/libvirt/*", "/run/libvirt*", "/run/lab*", "/var/log/libvirt*", filepath.Join(cacheDir(), "mnt", "*")} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		state += strings.Join(names, "\n") + "\n"
	}
	name, _ := os.Hostname()
	return state + name
}

func TestHostLeavesNothingBehind(t *testing.T) {
	before := machineState(t)
	h := newTestHost(t, HostConfig{Name: "gone"})
	for _, c := range []string{"mkdir -p /etc/pki/CA /run/libvirt /run/lab", "mount -t tmpfs x /mnt", "mkdir /var/log/libvirt/x"} {
		output(t, h, "sh", "-c", c)
	}
	p, err := h.Start(t.Context(), "sleeper", "sh", "-c", "setsid sleep 987654 & sleep 987654")
	if err != nil {
		t.Fatal(err)
	}
	if during := machineState(t); during != before {
		t.Errorf("the machine changed while the host ran:\n%s\nwas:\n%s", during, before)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context()); err == nil {
		t.Error("a background process ended well though its host was closed")
	}
	if out, err := exec.Command("pgrep", "-f", "sleep 987654").Output(); err == nil {
		t.Errorf("processes of the host still run: %s", out)
	}
	if after := machineState(t); after != before {
		t.Errorf("the machine changed:\n%s\nwas:\n%s", after, before)
	}
	if err := h.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// An orphan that ends must not stay as a zombie: a daemon that waits for it would believe that
// it still runs.
func TestOrphansAreReaped(t *testing.T) {
	h := newTestHost(t, HostConfig{Name: "hv1"})
	output(t, h, "sh", "-c", "setsid sh -c 'sleep 0.1' >/dev/null 2>&1 &")
	waitFor(t, "end of the orphan", func() bool {
		return output(t, h, "sh", "-c", "cat /proc/[0-9]*/stat | grep -c -E '\\((sleep|sh)\\)' || true") == "1"
	})
}

// A test binary that is killed takes its hosts along, because the holder's standard input ends.
func TestHostEndsWithItsOwner(t *testing.T) {
	h := newTestHost(t, HostConfig{Name: "orphan"})
	p, err := h.Start(t.Context(), "sleeper", "sleep", "987653")
	if err != nil {
		t.Fatal(err)
	}
	h.stdin.Close() // as the kernel does for a dead owner
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		t.Error("a process of the host outlived its owner by ten seconds")
	}
}

// SIGUSR1: a shell cannot trap SIGHUP where the tests themselves run under nohup.
func TestProcessStopAndSignal(t *testing.T) {
	h := newTestHost(t, HostConfig{Name: "hv1"})
	p, err := h.Start(t.Context(), "trapper", "sh", "-c", `trap 'echo usr1' USR1; trap '' TERM; echo up >&2; while :; do sleep 0.05; done`)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "its first word", func() bool { s, _ := p.Stderr(t.Context()); return s == "up\n" })
	if err := p.Signal(t.Context(), "USR1"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "its answer to USR1", func() bool { s, _ := p.Stdout(t.Context()); return s == "usr1\n" })
	if p.Exited() {
		t.Error("the process ended by SIGUSR1")
	}
	p.Signal(t.Context(), "KILL")
	var exit *exec.ExitError
	if err := p.Wait(t.Context()); !errors.As(err, &exit) {
		t.Errorf("Wait after SIGKILL: got %v, want an exit error", err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("Stop of an ended process: %v", err)
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 200 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no %s within four seconds", what)
}

func TestPutAndGet(t *testing.T) {
	h := newTestHost(t, HostConfig{Name: "hv1"})
	tree := t.TempDir()
	for name, mode := range map[string]os.FileMode{"etc/pki/CA/cacert.pem": 0o644, "etc/pki/libvirt/private/serverkey.pem": 0o600} {
		if err := os.MkdirAll(filepath.Join(tree, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tree, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Put(t.Context(), tree, "/"); err != nil {
		t.Fatal(err)
	}
	got := output(t, h, "stat", "-c", "%a %U %n", "/", "/etc", "/etc/pki", "/etc/pki/CA/cacert.pem", "/etc/pki/libvirt/private/serverkey.pem")
	want := "755 root /\n755 root /etc\n700 root /etc/pki\n644 root /etc/pki/CA/cacert.pem\n600 root /etc/pki/libvirt/private/serverkey.pem"
	if got != want {
		t.Errorf("after Put of a tree over /: got\n%s\nwant\n%s", got, want)
	}
	back := filepath.Join(t.TempDir(), "back")
	if err := h.Get(t.Context(), "/etc/pki", back); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(back, "libvirt/private/serverkey.pem"))
	if err != nil || string(data) != "etc/pki/libvirt/private/serverkey.pem" {
		t.Errorf("after Get of a tree: got %q, %v", data, err)
	}
}

func TestLinkedHostsReachEachOtherByName(t *testing.T) {
	a := newTestHost(t, HostConfig{Name: "hv1", FQDN: "hv1.lab.example"})
	b := newTestHost(t, HostConfig{Name: "hv2"})
	if err := Link(t.Context(), a, "10.77.0.1/24", b, "10.77.0.2/24"); err != nil {
		t.Fatal(err)
	}
	if err := Link(t.Context(), a, "fd77::1/64", b, "fd77::2/64"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host          *Host
		command, want string
	}{
		{a, "getent ahostsv4 hv2 | head -1", "10.77.0.2       STREAM hv2"},
		{b, "getent ahostsv4 hv1 | head -1", "10.77.0.1       STREAM hv1.lab.example"},
		{a, "hostname -f", "hv1.lab.example"},
		{a, "ip route get 10.77.0.2 | head -1 | cut -d' ' -f1-3", "10.77.0.2 dev eth0"},
		{b, "ip -6 route get fd77::1 | cut -d' ' -f1-5", "fd77::1 from :: dev eth1"},
	} {
		if got := output(t, c.host, "sh", "-c", c.command); got != c.want {
			t.Errorf("%s: %s: got %q, want %q", c.host.Name, c.command, got, c.want)
		}
	}
	listener, err := b.Start(t.Context(), "tls", "gnutls-serv", "--echo", "-p", "5000", "--priority", "NORMAL:+ANON-ECDH:+ANON-DH:-VERS-TLS1.3")
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "listener", func() bool { up, _ := b.Listening(5000); return up })
	out := output(t, a, "sh", "-c", "gnutls-cli --priority NORMAL:+ANON-ECDH:+ANON-DH:-VERS-TLS1.3 -p 5000 hv2 </dev/null 2>&1")
	if !strings.Contains(out, "Handshake was completed") {
		t.Errorf("no handshake over the link: %s", out)
	}
	if err := listener.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLibvirtdThatCannotStartTellsWhy(t *testing.T) {
	h := newTestHost(t, HostConfig{Name: "hv1"})
	_, err := h.StartLibvirtd(t.Context())
	var not *NotStartedError
	if !errors.As(err, &not) || !strings.Contains(not.Log, "/etc/pki/CA/cacert.pem") {
		t.Errorf("libvirtd without certificates: got %v, want its complaint about cacert.pem", err)
	}
}

// Ports are open before the drivers start. A daemon with a driver that fails must not be taken
// for one that serves.
func TestLibvirtdThatListensAndThenEnds(t *testing.T) {
	h := newTestHost(t, HostConfig{Name: "hv1"})
	output(t, h, "userdel", "libvirt-qemu") // the QEMU driver's
	output(t, h, "groupdel", "libvirt-qemu")
	conf := "listen_tls = 0\nlisten_tcp = 1\ntcp_port = \"16514\"\n"
	if err := h.WriteFile(t.Context(), "/etc/libvirt/libvirtd.conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_, err := h.StartLibvirtd(t.Context())
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(not.Log, "libvirt-qemu") {
			t.Errorf("libvirtd without its QEMU user: got %v, want that it ended", err)
		}
	}
}

func TestLibvirtdThatWantsAuthenticationHasStarted(t *testing.T) {
	h := newTestHost(t, HostConfig{Name: "hv1"})
	conf := "listen_tls = 0\nlisten_tcp = 1\ntcp_port = \"16514\"\nauth_unix_ro = \"polkit\"\nunix_sock_dir = \"/run/elsewhere\"\n"
	if err := h.WriteFile(t.Context(), "/etc/libvirt/libvirtd.conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	output(t, h, "mkdir", "/run/elsewhere")
	p, err := h.StartLibvirtd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if listening, err := h.Listening(16514); err != nil || listening {
		t.Errorf("after Stop: listening %v, %v", listening, err)
	}
}

func TestTLSPortFromConf(t *testing.T) {
	h := newTestHost(t, HostConfig{Name: "hv1"})
	conf := "#tls_port = \"1\"\ntls_port = \"16999\"\ntls_port = \"3\"\n"
	if err := h.WriteFile(t.Context(), "/etc/my.conf", []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want int
	}{{nil, 16514}, {[]string{"-f", "/etc/my.conf"}, 16999}, {[]string{"--config", "/none"}, 16514}} {
		if got, err := h.tlsPort(t.Context(), c.args); err != nil || got != c.want {
			t.Errorf("libvirtd %v: got port %d, %v, want %d", c.args, got, err, c.want)
		}
	}
}
