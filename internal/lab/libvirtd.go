package lab

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// libvirtd's own default port, and the time that it may take to listen or to give up.
const (
	defaultTLSPort = 16514
	startLimit     = 30 * time.Second
)

// NotStartedError says that the daemon ended instead of listening.
type NotStartedError struct {
	Host   string
	Daemon string
	Log    string // its stderr
}

func (e *NotStartedError) Error() string {
	return fmt.Sprintf("%s on %s ended at once:\n%s", e.Daemon, e.Host, e.Log)
}

// StartLibvirtd starts libvirtd with --listen, or the daemon that the host has in its place,
// with args. It returns when the daemon's TLS port (the tls_port of its configuration file,
// else 16514) listens and the daemon answers clients. virtproxyd has no --listen: its
// configuration file says listen_tls = 1. If the daemon ends instead, the error is a
// [NotStartedError] and the process is returned nonetheless. The process's stderr is the
// daemon's log.
func (h *Host) StartLibvirtd(ctx context.Context, args ...string) (*Process, error) {
	port, err := h.tlsPort(ctx, args)
	if err != nil {
		return nil, err
	}
	if h.daemon == "libvirtd" {
		args = append([]string{"--listen"}, args...)
	} else if err := h.startBehind(ctx); err != nil {
		return nil, err
	}
	p, err := h.Start(ctx, "libvirtd", h.daemon, args...)
	if err != nil {
		return nil, err
	}
	if err := p.waitListening(ctx, port); err != nil {
		return p, err
	}
	return p, p.waitAnswering(ctx)
}

// behind is the directory of the second daemon, to which virtproxyd forwards some clients:
// those that call
// test+tls://HOST/default?name=test%2bunix:///default%3fsocket=/run/behind/libvirt-sock.
const behind = "/run/behind"

// startBehind starts libvirtd's program with the test driver, under another name, unless it
// runs already. It is needed because virtproxyd itself does not open test:///default.
func (h *Host) startBehind(ctx context.Context) error {
	if _, err := h.Output(ctx, "test", "-d", behind); err == nil {
		return nil
	}
	conf := "unix_sock_dir = \"" + behind + "\"\nunix_sock_rw_perms = \"0777\"\nauth_unix_rw = \"none\"\n"
	if err := h.WriteFile(ctx, "/etc/testdriverd.conf", []byte(conf), 0o644); err != nil {
		return err
	}
	if _, err := h.Output(ctx, "mkdir", behind); err != nil {
		return err
	}
	p, err := h.Start(ctx, "testdriverd", "/usr/lib/virtproxyd/testdriverd", "-f", "/etc/testdriverd.conf", "-p", behind+"/pid")
	if err != nil {
		return err
	}
	return p.waitAnswering(ctx)
}

func (p *Process) waitListening(ctx context.Context, port int) error {
	limit := time.After(startLimit)
	for {
		if listening, err := p.host.Listening(port); err != nil || listening {
			return err
		}
		select {
		case <-p.done:
			return p.notStarted(ctx)
		case <-limit:
			log, _ := p.Stderr(ctx)
			return fmt.Errorf("%s on %s neither listens on port %d nor ends:\n%s", p.host.daemon, p.host.Name, port, log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// waitAnswering tells a daemon that serves from one that listens but is about to end: libvirtd
// opens its ports before it starts its drivers and answers nobody until they are up.
// waitAnswering asks over the local socket, which it finds through the kernel, so that nothing
// about TLS appears in the log. It uses the read-only one, which asks for no authentication by
// default.
func (p *Process) waitAnswering(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		answers, err := p.host.answers(ctx, p.name == "testdriverd")
		if err != nil || answers {
			return err
		}
		if p.name != "testdriverd" || p.exitsWithin(ctx, 20*time.Millisecond) || ctx.Err() != nil {
			break
		}
	}
	// The socket is gone, or does not answer: the daemon is about to end.
	if p.exitsWithin(ctx, 5*time.Second) {
		return p.notStarted(ctx)
	}
	return fmt.Errorf("libvirtd on %s listens but does not answer", p.host.Name)
}

// answers asks the daemon, or the one behind it.
func (h *Host) answers(ctx context.Context, last bool) (bool, error) {
	socket, err := h.localSocket(last)
	if err != nil || socket == "" {
		return false, err
	}
	_, err = h.Output(ctx, "virsh", "-r", "-c", "test+unix:///default?socket="+socket, "uri")
	// A configuration file may want authentication nonetheless; to ask for it is an answer.
	// virtproxyd cannot tell the test driver who asks.
	return err == nil || strings.Contains(err.Error(), "authentication") || strings.Contains(err.Error(), "virConnectSetIdentity"), nil
}

// localSocket finds the path of the daemon's read-only socket, or of the read-only socket of
// the daemon behind it, or "".
func (h *Host) localSocket(last bool) (string, error) {
	data, err := os.ReadFile("/proc/" + h.pid + "/net/unix")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); strings.HasSuffix(fields[len(fields)-1], "/libvirt-sock-ro") && strings.HasPrefix(fields[len(fields)-1], behind) == last {
			return fields[len(fields)-1], nil
		}
	}
	return "", nil
}

func (p *Process) notStarted(ctx context.Context) error {
	log, err := p.Stderr(ctx)
	if err != nil {
		return err
	}
	return &NotStartedError{Host: p.host.Name, Daemon: p.host.daemon, Log: log}
}

// Listening reports whether anything in the host listens on the TCP port. It reads
// the kernel's table, so that no daemon sees a connection of ours.
func (h *Host) Listening(port int) (bool, error) {
	if any, err := h.holdsTCP(); err != nil || !any {
		return false, err
	}
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile("/proc/" + h.pid + "/net/" + table)
		if err != nil {
			return false, err
		}
		for line := range strings.Lines(string(data)) {
			if isListener(line, port) {
				return true, nil
			}
		}
	}
	return false, nil
}

// holdsTCP reports whether the host has any TCP socket. To ask costs little: for the tables
// themselves the kernel walks through those of the whole machine, which takes it some milliseconds.
func (h *Host) holdsTCP() (bool, error) {
	for _, file := range []string{"sockstat", "sockstat6"} {
		data, err := os.ReadFile("/proc/" + h.pid + "/net/" + file)
		if err != nil {
			return false, err
		}
		if tcpInUse.Match(data) {
			return true, nil
		}
	}
	return false, nil
}

// tcpInUse matches a line of /proc/net/sockstat or sockstat6 that counts sockets.
var tcpInUse = regexp.MustCompile(`(?m)^TCP6?: inuse [1-9]`)

// isListener reads a line of /proc/net/tcp: number, local and remote address as
// HEXADDRESS:HEXPORT, state (0A is LISTEN).
func isListener(line string, port int) bool {
	fields := strings.Fields(line)
	if len(fields) < 4 || fields[3] != "0A" {
		return false
	}
	_, hexPort, _ := strings.Cut(fields[1], ":")
	got, err := strconv.ParseUint(hexPort, 16, 16)
	return err == nil && int(got) == port
}

// tlsPort finds the port in the configuration file that libvirtd will read. A first line that
// sets it wins, as in libvirt.
func (h *Host) tlsPort(ctx context.Context, args []string) (int, error) {
	file := "/etc/libvirt/" + h.daemon + ".conf"
	if i := slices.IndexFunc(args, func(a string) bool { return a == "--config" || a == "-f" }); i >= 0 && i+1 < len(args) {
		file = args[i+1]
	}
	conf, err := h.Output(ctx, "sh", "-c", `[ ! -f "$1" ] || cat "$1"`, "sh", file)
	if err != nil {
		return 0, err
	}
	setting := regexp.MustCompile(`(?m)^[ \t]*tls_port[ \t]*=[ \t]*["']?([0-9]+)`)
	if m := setting.FindSubmatch(conf); m != nil {
		return strconv.Atoi(string(m[1]))
	}
	return defaultTLSPort, nil
}
