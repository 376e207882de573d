package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	ioctl "golang.org/x/sys/unix"

	"virtpki/internal/lab/terminal"
	"virtpki/internal/store"
)

// virtpki returns the program itself, which this test binary becomes under that name.
func virtpki(t *testing.T, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &exec.Cmd{Path: self, Args: append([]string{"virtpki"}, args...), Env: append(os.Environ(), "HOST=hv1", "TTY=1", "NOW=")}
}

// sealedCA makes a CA with a passphrase on its key, and returns --root and the path.
func sealedCA(t *testing.T) string {
	root := t.TempDir()
	secret := filepath.Join(root, "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := virtpki(t, "--root="+root, "ca", "init", "--name", "Example", "--passphrase-file", secret).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return root
}

// hearHangups has the programs that a test starts end by a hangup, also in a run below nohup: they
// would inherit that it is ignored.
func hearHangups(t *testing.T) {
	t.Helper()
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(heard) })
}

// ends checks that a program ends within some seconds, with status 130 and without a traceback.
func ends(t *testing.T, cmd *exec.Cmd, said *bytes.Buffer) {
	t.Helper()
	kill := time.AfterFunc(4*time.Second, func() { cmd.Process.Kill() })
	defer kill.Stop()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || strings.Contains(said.String(), "goroutine") {
		t.Errorf("%q: %v\n%s", cmd.Args[1:], cmd.ProcessState, said)
	}
}

// drained waits until everything in a pipe has been read.
func drained(t *testing.T, pipe *os.File) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if n, err := ioctl.IoctlGetInt(int(pipe.Fd()), ioctl.TIOCINQ); err == nil && n == 0 {
			return
		}
	}
	t.Error("nobody reads")
}

// Every command that reads from a pipe ends while it waits there.
func TestSignalsEndReads(t *testing.T) {
	hearHangups(t)
	root := sealedCA(t)
	for _, line := range []string{
		"sign - --yes", "install -", "dn show -", "crl show -", "dn match CN=* --stdin",
		"issue host --hosts - --out {dir}/out", "issue host --hosts {pipe} --out {dir}/out",
		"issue client bob --out {dir}/out --passphrase-file {pipe}", "crl --passphrase-file {pipe}",
		"ca rollover start --passphrase-file {pipe}",
	} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
			t.Run(line+" "+signal.String(), func(t *testing.T) {
				t.Parallel()
				read, write, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer read.Close()
				defer write.Close()
				var said bytes.Buffer
				words := strings.NewReplacer("{dir}", t.TempDir(), "{pipe}", "/dev/fd/3").Replace(line)
				cmd := virtpki(t, append([]string{"--root=" + root}, strings.Fields(words)...)...)
				cmd.Stdin, cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = read, []*os.File{read}, &said, &said
				fmt.Fprint(write, "#\n")
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				drained(t, write)
				cmd.Process.Signal(signal)
				ends(t, cmd, &said)
			})
		}
	}
}

// A run ends while it waits for a server, a lock or another program.
func TestSignalsEndWaits(t *testing.T) {
	accepted := make(chan struct{}, 1)
	addr := listen(t, func(conn net.Conn) { accepted <- struct{}{}; io.Copy(io.Discard, conn) })
	pki := newFakePKI(t)
	t.Run("server", func(t *testing.T) {
		var said bytes.Buffer
		cmd := virtpki(t, "check", "--connect", addr, "--pkipath", pki.folder, "--timeout", "1m")
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-accepted
		cmd.Process.Signal(os.Interrupt)
		ends(t, cmd, &said)
	})
	t.Run("lock", func(t *testing.T) {
		root := t.TempDir()
		lock, err := store.At("/").Acquire(t.Context(), filepath.Join(root, "etc/pki/CA"), func() {})
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Release()
		cmd := virtpki(t, "--root="+root, "ca", "init", "--name", "Example")
		said, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if n, err := said.Read(make([]byte, 1000)); n == 0 {
			t.Fatal(err)
		}
		cmd.Process.Signal(syscall.SIGTERM)
		ends(t, cmd, &bytes.Buffer{})
	})
}

// At each prompt a signal ends the run, and the terminal echoes afterwards.
func TestSignalsEndPrompts(t *testing.T) {
	hearHangups(t)
	root := sealedCA(t)
	request := filepath.Join(root, "request.pem")
	if out, err := virtpki(t, "--root="+t.TempDir(), "request", "client", "alice", "--out", request).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, prompt := range []struct {
		args    []string
		pattern string
		how     terminal.Reading
	}{
		{[]string{"issue", "client", "bob", "--out", filepath.Join(root, "out")}, "Passphrase", terminal.Secrets},
		{[]string{"sign", request}, `\[y/N\]`, terminal.Lines},
		{[]string{"wizard", "--dry-run"}, `\?`, terminal.Keys},
		{[]string{"wizard", "--dry-run", "--accessible"}, `: $`, terminal.Lines},
	} {
		for _, how := range []string{"\x03", "\x1c", "TERM", "HUP"} {
			if how == "\x1c" && prompt.how == terminal.Keys {
				continue // a key like any other
			}
			t.Run(fmt.Sprintf("%s %q", prompt.args[0], how), func(t *testing.T) {
				at, err := terminal.Start(virtpki(t, append([]string{"--root=" + root}, prompt.args...)...), 80, 24)
				if err != nil {
					t.Fatal(err)
				}
				defer at.Close()
				if err := at.Expect(regexp.MustCompile(prompt.pattern), prompt.how); err != nil {
					t.Fatal(err)
				}
				interrupt(t, at, how)
				began := time.Now()
				status, err := at.Wait()
				if err != nil || status != exitInterrupted || time.Since(began) > 4*time.Second {
					t.Errorf("status %d after %v, %v\n%s", status, time.Since(began), err, at.Screen())
				}
				if !at.Echoes() || strings.Contains(at.Screen(), "goroutine") {
					t.Errorf("echo: %v\n%s", at.Echoes(), at.Screen())
				}
			})
		}
	}
}

func interrupt(t *testing.T, at *terminal.Terminal, how string) {
	t.Helper()
	err := error(nil)
	switch how {
	case "TERM":
		err = at.Signal(syscall.SIGTERM)
	case "HUP":
		err = at.Signal(syscall.SIGHUP)
	default:
		err = at.Type(how)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A signal that the parent process ignores, as nohup does, stays ignored.
func TestIgnoredSignals(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	self := virtpki(t).Path
	cmd := exec.Command("sh", "-c", `trap "" HUP; exec -a virtpki "$0" dn match '*' --stdin`, self)
	cmd.Path, cmd.Args[0] = "/bin/bash", "bash"
	var said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read, &said, &said
	fmt.Fprintln(write, "CN=a")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained(t, write)
	cmd.Process.Signal(syscall.SIGHUP)
	write.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &said)
	}
}
