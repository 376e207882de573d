package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"virtpki/internal/lab/trace"
)

// step is one system call of a run, at which a fault can be injected. It is identified by its
// effect and not by its number in the run: goroutines may change places.
type step struct {
	call    string
	path    string // below the root, without the numbers that differ from run to run
	nth     int    // which one of these it is in its run, from 1
	changes bool   // it can change a file
}

func (s step) String() string {
	word := "looks"
	if s.changes {
		word = "changes"
	}
	return fmt.Sprintf("%s %s (%s, %d)", s.call, s.path, word, s.nth)
}

// telling is the path of a step that comes after the work: it prints the result, or ends the run.
const telling = "telling"

// isLock reports whether a step concerns only a lock file. Such a step does not count as a change.
func isLock(s step) bool { return strings.HasSuffix(s.path, "/.virtpki.lock") }

// own reports whether a step touches the root.
func (s step) own() bool { return s.path != telling }

// fault is the fault that happens to a run; the zero value is none.
type fault struct {
	name string
	at   step
	kill bool          // killed before the step
	fail syscall.Errno // the step fails with it
	// stays says that all calls of the same name fail from the step on.
	stays bool
	// before is called before a step, whether or not the step is then carried out. said returns
	// the command's output until then.
	before func(s step, said func() string)
}

// calls are the names of the calls that have to be seen to inject the fault; none means all.
func (f fault) calls() []string {
	if f.at.call == "" || f.before != nil {
		return nil
	}
	return []string{f.at.call}
}

// watcher records the steps of a run, and injects a fault into one of them.
type watcher struct {
	root  string
	fault fault
	said  func() string // the command's output until now
	steps []step
	hit   bool // a step has met the fault
	times map[step]int
}

// decide is asked about every call of the run.
func (w *watcher) decide(call trace.Call) trace.Verdict {
	s := w.stepOf(call)
	if s.call == "" {
		return trace.Verdict{}
	}
	w.times[s]++
	s.nth = w.times[s]
	if !s.own() && s.call != trace.Exit && s.nth > 1 {
		return trace.Verdict{} // one line of the report is as good as another
	}
	w.steps = append(w.steps, s)
	if w.fault.before != nil {
		w.fault.before(s, w.said)
	}
	if s != w.fault.at && (!w.fault.stays || !w.hit || s.call != w.fault.at.call) {
		return trace.Verdict{}
	}
	w.hit = true
	return trace.Verdict{Errno: w.fault.fail, Kill: w.fault.kill}
}

// differing matches the numbers in the names of files under construction, of directories beside
// their place, and of records.
var differing = regexp.MustCompile(`(\.virtpki-(?:gone-)?)[0-9A-Za-z]{13,}|(\.swap-)\d+(?:\.[A-Z2-7]{13})?|[0-9A-Fa-f]{8,}`)

// stepOf returns the step that a call is. The step has no name if the call does not count as one.
func (w *watcher) stepOf(call trace.Call) step {
	switch {
	case call.Name == trace.Exit, call.Name == "write" && call.FD == 1:
		return step{call: call.Name, path: telling}
	case !strings.Contains(call.Path+"/", w.root+"/"):
		return step{}
	}
	path := strings.ReplaceAll(call.Path, w.root, "")
	return step{call: call.Name, path: differing.ReplaceAllString(path, "${1}${2}N"), changes: call.Changes}
}

// injector runs commands, some of them traced.
type injector struct {
	binary  string
	tracee  string
	folder  string            // its own directory, for roots
	service bool              // the command runs on: see faults
	words   map[string]string // the meaning of words in arguments that only prepare knows
}

// newInjector builds the programs.
func newInjector(t *testing.T) injector {
	t.Helper()
	return injector{binary: buildStatic(t), tracee: buildProgram(t, "../../internal/lab/tracee"), folder: scratch(t)}
}

// needTracer skips the test if faults cannot be injected here.
func needTracer(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no faults are injected")
	}
	needRoot(t)
}

// outcome is how a run ended.
type outcome struct {
	stdout, stderr string
	status         int // -1: killed
	steps          []step
	hit            bool // the step met has met the fault
	met            step
}

// run runs a command.
func (in injector) run(t *testing.T, root string, command []string) outcome {
	t.Helper()
	return in.start(t, root, command, func(cmd *exec.Cmd) error { return cmd.Run() })
}

// trace runs a command with a fault, and lists its steps.
func (in injector) trace(t *testing.T, root string, command []string, f fault) outcome {
	t.Helper()
	w := &watcher{root: root, fault: f, times: make(map[step]int)}
	tracee := trace.Tracee{Path: in.tracee, Calls: f.calls()}
	o := in.start(t, root, command, func(cmd *exec.Cmd) error {
		w.said = func() string { return said(t, cmd.Stdout) }
		return tracee.Run(cmd, w.decide)
	})
	o.steps, o.hit, o.met = w.steps, w.hit, f.at
	return o
}

func (in injector) start(t *testing.T, root string, command []string, run func(*exec.Cmd) error) outcome {
	t.Helper()
	meanings := []string{"ROOT", root, "VIRTPKI", in.binary}
	for word, meaning := range in.words {
		meanings = append(meanings, word, meaning)
	}
	args := make([]string, len(command))
	for i := range args {
		args[i] = strings.NewReplacer(meanings...).Replace(command[i])
	}
	cmd := exec.Command(in.binary, args...)
	for _, stream := range []*io.Writer{&cmd.Stdout, &cmd.Stderr} { // files: the output of a killed run is there at once
		file, err := os.CreateTemp(in.folder, "said-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(file.Name())
		defer file.Close()
		*stream = file
	}
	cmd.Env = append(os.Environ(), "GOGC=off", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1") // runs that differ less, and cost less
	if in.service {
		defer endWhenReady(t, cmd)()
	}
	var exit *exec.ExitError
	if err := run(cmd); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{stdout: said(t, cmd.Stdout), stderr: said(t, cmd.Stderr), status: cmd.ProcessState.ExitCode()}
}

// said returns the output that a command has written to a file.
func said(t *testing.T, stream io.Writer) string {
	t.Helper()
	data, err := os.ReadFile(stream.(*os.File).Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// readySockets counts the sockets of endWhenReady.
var readySockets atomic.Int32

// endWhenReady lets a service that is about to start end by SIGTERM as soon as it tells systemd
// that it is ready. The caller calls done after the run.
func endWhenReady(t *testing.T, cmd *exec.Cmd) (done func()) {
	t.Helper()
	name := fmt.Sprintf("@virtpki-ready-%d-%d", os.Getpid(), readySockets.Add(1))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if err := passCredentials(conn); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+name)
	go func() {
		said, credentials := make([]byte, 4096), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
		for {
			n, size, _, _, err := conn.ReadMsgUnix(said, credentials)
			if err != nil {
				return // closed: the run is over
			}
			if strings.Contains(string(said[:n]), "READY=1") {
				if err := terminate(credentials[:size]); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	return func() { conn.Close() }
}

// passCredentials has the kernel say which process has sent a message: it may have sent it before
// the caller of Start knows its PID.
func passCredentials(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var option error
	err = raw.Control(func(fd uintptr) { option = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	return errors.Join(err, option)
}

// terminate ends the process that has sent a message with these credentials.
func terminate(credentials []byte) error {
	messages, err := unix.ParseSocketControlMessage(credentials)
	if err != nil || len(messages) == 0 {
		return fmt.Errorf("a message without credentials: %v", err)
	}
	sender, err := unix.ParseUnixCredentials(&messages[0])
	if err != nil {
		return err
	}
	return unix.Kill(int(sender.Pid), unix.SIGTERM)
}
