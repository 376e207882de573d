package lab

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed holder.sh
var holderScript string

// HostConfig describes a host to be made.
type HostConfig struct {
	// Root is the directory that [Root] returned.
	Root string
	// Name is the host's short name, in the kernel and in /etc/hostname.
	Name string
	// Daemon is the daemon that serves TLS there, see [Release.Daemon]; empty is libvirtd.
	Daemon string
	// FQDN is the host's full name, if it has one: /etc/hosts then lists it before Name.
	FQDN string
	// Files maps files of the machine to absolute paths in the host, where they
	// appear read-only.
	Files map[string]string
}

// Host is a running host. Only one goroutine may use it at a time.
type Host struct {
	Name string

	daemon string
	fqdn   string
	pid    string // of its first process, as the machine sees it
	holder *exec.Cmd
	stdin  io.Closer
	hosts  []hostsLine
	nics   int
}

// NewHost starts a host: alone in its network, with loopback up, and without processes. It
// lives until [Host.Close], or until this process ends.
func NewHost(ctx context.Context, config HostConfig) (*Host, error) {
	h := &Host{Name: config.Name, daemon: cmp.Or(config.Daemon, "libvirtd"), fqdn: config.FQDN}
	if err := h.start(config); err != nil {
		return nil, fmt.Errorf("starting host %q: %w", config.Name, err)
	}
	h.hosts = []hostsLine{{"127.0.0.1", "localhost"}, {"::1", "localhost ip6-localhost"}, {"127.0.1.1", h.names()}}
	if err := h.writeHosts(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// start runs holder.sh and waits for its word that the host stands. The pipe to its standard
// input ties the host to this process's life.
func (h *Host) start(config HostConfig) error {
	scratch := filepath.Join(cacheDir(), "mnt")
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return err
	}
	h.holder = holderCommand(config, scratch)
	var stderr bytes.Buffer
	h.holder.Stderr = &stderr
	stdin, err := h.holder.StdinPipe()
	if err != nil {
		return err
	}
	h.stdin = stdin
	stdout, err := h.holder.StdoutPipe()
	if err != nil {
		return err
	}
	if err := h.holder.Start(); err != nil {
		return err
	}
	said, _ := bufio.NewReader(stdout).ReadString('\n')
	pid, ready := strings.CutPrefix(said, "ready ")
	if !ready {
		h.Close()
		return fmt.Errorf("holder.sh ended: %s", strings.TrimSpace(stderr.String()))
	}
	h.pid = strings.TrimSpace(pid)
	return nil
}

func holderCommand(config HostConfig, scratch string) *exec.Cmd {
	args := []string{"--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private",
		"sh", "-c", holderScript, "holder.sh", config.Root, scratch, config.Name}
	for source, target := range config.Files {
		args = append(args, source, target)
	}
	return exec.Command("unshare", args...)
}

// Close ends every process of the host and drops its files. It may be called twice.
func (h *Host) Close() error {
	h.stdin.Close() // the host's first process ends, and the kernel ends all others before it
	kill := time.AfterFunc(closeLimit, func() { h.holder.Process.Kill() })
	h.holder.Wait()
	if !kill.Stop() {
		return fmt.Errorf("the host %s has not ended within %s", h.Name, closeLimit)
	}
	return nil
}

// closeLimit is the longest time that a host may take to end.
const closeLimit = 20 * time.Second

// Args returns the command line, program first, that runs a program in the host as root, in
// /root, with a bare environment. [Host.Command] uses it, and so do callers that start programs
// in their own way.
func (h *Host) Args(name string, args ...string) []string {
	line := []string{"nsenter", "--target", h.pid, "--mount", "--net", "--uts", "--ipc", "--pid", "--",
		"/usr/bin/env", "-i", "-C", "/root", "HOME=/root", "USER=root", "LOGNAME=root", "LANG=C.UTF-8", "TERM=dumb",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", name}
	return append(line, args...)
}

// Command is [exec.CommandContext] in the host. When ctx ends, the program itself
// may live on until [Host.Close].
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	line := h.Args(name, args...)
	return exec.CommandContext(ctx, line[0], line[1:]...)
}

// Output runs a program in the host and returns its stdout; the error holds its stderr.
func (h *Host) Output(ctx context.Context, name string, args ...string) ([]byte, error) {
	return run(h.Command(ctx, name, args...), name)
}

func run(cmd *exec.Cmd, what string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", what, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// names is the entry of the host in /etc/hosts: the full name before the short one.
func (h *Host) names() string {
	return strings.TrimSpace(h.fqdn + " " + h.Name)
}
