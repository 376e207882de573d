//go:build linux

package trace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Verdict decides about a call; the zero value carries it out.
type Verdict struct {
	Errno syscall.Errno // the call fails with this and is not carried out
	Kill  bool          // the program is killed before the call
}

// Tracee is the program of internal/lab/tracee.
type Tracee struct {
	Path string
	// Calls are the names of the calls that are reported; all that can be, if there are none. A
	// call that is not reported costs nothing.
	Calls []string
}

// Run runs a command that has not been started, and asks decide about each of its calls, one at
// a time; the calling thread waits as long as decide takes. The error is that of [exec.Cmd.Wait].
func (tracee Tracee) Run(cmd *exec.Cmd, decide func(Call) Verdict) error {
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer ours.Close()
	cmd.Args = append([]string{tracee.Path, strings.Join(tracee.Calls, ","), cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.ExtraFiles = tracee.Path, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	fd, err := receive(ours)
	if err != nil {
		return errors.Join(fmt.Errorf("%s has not installed its filter: %w", tracee.Path, err), cmd.Wait())
	}
	l := &listener{fd: fd, group: cmd.Process.Pid, rules: rules(), decide: decide}
	err = l.listen()
	if err != nil {
		unix.Kill(-l.group, unix.SIGKILL)
	}
	unix.Close(fd)
	return errors.Join(err, cmd.Wait())
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs"), nil
}

// receive takes the descriptor that the program sends.
func receive(socket *os.File) (int, error) {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(int(socket.Fd()), make([]byte, 1), control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return -1, errors.Join(errors.New("it ended before"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

// notification is the kernel's struct seccomp_notif.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	data  struct {
		number  int32
		arch    uint32
		address uint64
		args    [6]uint64
	}
}

// response is the kernel's struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// listener hears of the calls of a group of processes.
type listener struct {
	fd     int
	group  int
	rules  map[int]rule
	decide func(Call) Verdict
}

// listen answers until all of the processes have ended.
func (l *listener) listen() error {
	// Both sides take turns: that is quicker on one processor. Linux before 6.6 does not have
	// this flag.
	unix.IoctlSetInt(l.fd, unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
	poll := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(poll, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case poll[0].Revents&unix.POLLIN != 0:
			if err := l.answer(); err != nil {
				return err
			}
		case poll[0].Revents != 0:
			return nil
		}
	}
}

// answer answers one notification. It skips one if its thread has ended meanwhile.
func (l *listener) answer() error {
	n := &notification{}
	if err := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(n)); err != nil {
		return unlessGone(err)
	}
	verdict := l.decide(describe(n, l.rules[int(n.data.number)]))
	if verdict.Kill {
		return unix.Kill(-l.group, unix.SIGKILL)
	}
	r := response{id: n.id, errno: -int32(verdict.Errno)}
	if verdict.Errno == 0 {
		r.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
	}
	return unlessGone(l.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)))
}

func (l *listener) ioctl(request uint, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), uintptr(request), uintptr(arg))
	if errno != 0 {
		return errno
	}
	return nil
}

func unlessGone(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}
