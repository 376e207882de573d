package lab

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Process is a program that runs in the background of a host.
type Process struct {
	host *Host
	name string
	pid  string // in the host
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; readable once done is closed
}

// Start starts a program in the host's background. Its output goes into the host's files
// /run/lab/NAME.out and /run/lab/NAME.err, which are emptied first; so no other running process
// may have that name.
func (h *Host) Start(ctx context.Context, name, program string, args ...string) (*Process, error) {
	script := `mkdir -p /run/lab; n=/run/lab/$1; shift; : >"$n.out"; : >"$n.err"
		echo $$; exec "$@" >"$n.out" 2>"$n.err" </dev/null`
	p := &Process{host: h, name: name, done: make(chan struct{})}
	p.cmd = h.Command(context.WithoutCancel(ctx), "sh", append([]string{"-c", script, "sh", name, program}, args...)...)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	pid, err := bufio.NewReader(stdout).ReadString('\n')
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if err != nil {
		return nil, fmt.Errorf("starting %s on %s: %w", program, h.Name, err)
	}
	p.pid = strings.TrimSpace(pid)
	return p, nil
}

// PID is the process id inside the host.
func (p *Process) PID() string { return p.pid }

// Signal sends the process a signal: "TERM", "KILL", "HUP".
func (p *Process) Signal(ctx context.Context, signal string) error {
	_, err := p.host.Output(ctx, "sh", "-c", `kill -"$1" "$2"`, "sh", signal, p.pid)
	return err
}

// Stop ends the process with SIGTERM, after ten seconds with SIGKILL, and returns once it is
// gone. It ignores the exit status.
func (p *Process) Stop(ctx context.Context) error {
	for _, signal := range []string{"TERM", "KILL"} {
		if p.Exited() {
			return nil
		}
		p.Signal(ctx, signal) // in vain if it ends this moment
		if p.exitsWithin(ctx, 10*time.Second) {
			return nil
		}
	}
	return fmt.Errorf("%s on %s is there still after SIGKILL", p.name, p.host.Name)
}

// Wait waits for the process to end by itself; the error is that of [exec.Cmd.Wait].
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("%s on %s runs still: %w", p.name, p.host.Name, ctx.Err())
	}
}

// Exited reports whether the process has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *Process) exitsWithin(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// Stdout returns the process's standard output so far.
func (p *Process) Stdout(ctx context.Context) (string, error) { return p.read(ctx, "out") }

// Stderr returns the process's standard error so far.
func (p *Process) Stderr(ctx context.Context) (string, error) { return p.read(ctx, "err") }

func (p *Process) read(ctx context.Context, stream string) (string, error) {
	data, err := p.host.ReadFile(ctx, "/run/lab/"+p.name+"."+stream)
	return string(data), err
}
