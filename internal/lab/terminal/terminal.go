// Package terminal runs a program in a terminal and plays the person before it: a
// pseudo-terminal with an emulator behind it, which answers as a real one would and keeps the
// screen. It is for tests.
package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/sys/unix"
)

// Terminal is a program that runs in a terminal. Only one goroutine may use it.
type Terminal struct {
	cmd    *exec.Cmd
	master *os.File
	screen vt10x.Terminal
	slave  string        // path of the program's end
	ended  chan struct{} // closed once the program has and its output is read

	mu   sync.Mutex
	said bytes.Buffer // all output since the last keys
	all  bytes.Buffer
}

// Start starts a program at a terminal of so many columns and rows. Streams that are set
// already stay as they are.
func Start(cmd *exec.Cmd, columns, rows int) (*Terminal, error) {
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)})
	if err != nil {
		return nil, err
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	t := &Terminal{cmd: cmd, master: master, slave: fmt.Sprintf("/dev/pts/%d", n), ended: make(chan struct{})}
	t.screen = vt10x.New(vt10x.WithWriter(master), vt10x.WithSize(columns, rows))
	go t.watch()
	return t, nil
}

// watch feeds the emulator. It reads only the bytes that are there, and holds the lock, so that
// everything it has read is also drawn.
func (t *Terminal) watch() {
	defer close(t.ended)
	buf := make([]byte, 32<<10)
	for {
		ready := []unix.PollFd{{Fd: int32(t.master.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); errors.Is(err, syscall.EINTR) {
			continue
		} else if err != nil {
			return
		}
		t.mu.Lock()
		n, err := t.master.Read(buf)
		t.screen.Write(buf[:n])
		t.said.Write(buf[:n])
		t.all.Write(buf[:n])
		t.mu.Unlock()
		if err != nil {
			return // EIO: the other end is closed
		}
	}
}

// patience is how long a program may take until it prints the expected text.
const patience = 20 * time.Second

// control are the escape sequences for movements and colours.
var control = regexp.MustCompile(`\x1b(\[[0-9;?]*[A-Za-z]|[78=>])`)

// Reading is how a program reads its input.
type Reading int

const (
	Lines   Reading = iota // the terminal echoes and edits
	Secrets                // nothing is echoed
	Keys                   // the survey library reads each key, and echoes itself
)

// Expect waits until the program's output since the last keys, without colours and movements,
// matches pattern, and the program reads.
func (t *Terminal) Expect(pattern *regexp.Regexp, how Reading) error {
	for deadline := time.Now().Add(patience); ; {
		said, drawn := t.state(how)
		if drawn && pattern.MatchString(said) {
			return nil
		}
		select {
		case <-t.ended:
			if said, _ := t.state(Lines); how == Lines && pattern.MatchString(said) {
				return nil
			}
			return fmt.Errorf("the program ended before %q; the screen:\n%s", pattern, t.Screen())
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no %q within %v; the screen:\n%s", pattern, patience, t.Screen())
		}
	}
}

// state returns the output since the last keys, and whether the terminal is as a question wants
// it.
func (t *Terminal) state(how Reading) (said string, drawn bool) {
	drawn = how == Lines || t.silent()
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting, err := unix.IoctlGetInt(int(t.master.Fd()), unix.TIOCINQ)
	drawn = drawn && (err != nil || waiting == 0)
	raw := t.said.String()
	if how == Keys {
		drawn = drawn && reads(raw) && t.read()
	}
	return control.ReplaceAllString(raw, ""), drawn
}

// reads reports whether a program that uses the survey library has come to the point where it
// reads keys. Before it reads a line it asks twice where the cursor is, and loses any keys that
// come meanwhile; a list asks nothing.
func reads(raw string) bool {
	drawn := strings.LastIndex(raw, "[Use arrows")
	if drawn < 0 {
		return strings.Count(raw, "\x1b[6n") >= 2
	}
	later := raw[drawn:]
	another := strings.Contains(control.ReplaceAllString(later, ""), "\n? ")
	return !another || strings.Count(later, "\x1b[6n") >= 2
}

// read reports whether the program has read all its input, including the emulator's answers.
func (t *Terminal) read() bool {
	slave, err := os.OpenFile(t.slave, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer slave.Close()
	waiting, err := unix.IoctlGetInt(int(slave.Fd()), unix.TIOCINQ)
	return err == nil && waiting == 0
}

// silent reports whether typed keys are not echoed.
func (t *Terminal) silent() bool {
	mode, err := unix.IoctlGetTermios(int(t.master.Fd()), unix.TCGETS)
	return err == nil && mode.Lflag&unix.ECHO == 0
}

// Echoes reports whether the terminal shows typed keys.
func (t *Terminal) Echoes() bool { return !t.silent() }

// Signal sends a signal to the program.
func (t *Terminal) Signal(s os.Signal) error { return t.cmd.Process.Signal(s) }

// Type types text.
func (t *Terminal) Type(text string) error {
	t.mu.Lock()
	t.said.Reset()
	t.mu.Unlock()
	_, err := t.master.WriteString(text)
	return err
}

// Screen is the text on the screen, without the spaces at the ends of lines and the empty lines
// at its end.
func (t *Terminal) Screen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.Lines(t.screen.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

// Output is everything that the program has written, with its movements and colours.
func (t *Terminal) Output() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.String()
}

// Wait waits for the end of the program and returns its exit status.
func (t *Terminal) Wait() (status int, err error) {
	select {
	case <-t.ended:
	case <-time.After(patience):
		t.cmd.Process.Kill()
		return 0, fmt.Errorf("the program has not ended within %v; the screen:\n%s", patience, t.Screen())
	}
	err = t.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// Close ends the program, if it still runs, and closes the terminal.
func (t *Terminal) Close() {
	t.cmd.Process.Kill()
	<-t.ended
	t.cmd.Wait()
	t.master.Close()
}
