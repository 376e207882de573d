//go:build linux

package trace

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketFD is where the program of internal/lab/tracee has its end of the socket.
const socketFD = 3

// Exec replaces its caller by a program, and reports the program's calls to [Tracee.Run]. The first
// argument names these calls, as Tracee.Run writes them; the others are the program and its
// arguments. It returns only when that fails.
func Exec(calls string, args []string) error {
	seen, err := numbers(strings.FieldsFunc(calls, func(r rune) bool { return r == ',' }))
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the filter is this thread's, which becomes the program
	// If the test is killed, no process is left to answer: each call would fail, and the
	// program would spin for ever.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("asking to end with the test: %w", err)
	}
	listener, err := install(seen)
	if err != nil {
		return fmt.Errorf("installing the filter: %w", err)
	}
	if err := unix.Sendmsg(socketFD, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
		return fmt.Errorf("handing the filter over: %w", err)
	}
	unix.CloseOnExec(socketFD)
	return syscall.Exec(args[0], args, os.Environ())
}

// install makes the kernel report the calls with these numbers, of this thread and of the program
// that it becomes, on a descriptor.
func install(seen []int) (listener int, err error) {
	filter := program(seen)
	code := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, err
	}
	// Without the second flag a signal interrupts a call that waits for its answer. The call is
	// then made, and seen, once more. Linux has the flag since 5.19.
	listener, err = load(&code, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	if errors.Is(err, unix.EINVAL) {
		return load(&code, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER)
	}
	return listener, err
}

func load(code *unix.SockFprog, flags uintptr) (listener int, err error) {
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(code)))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// program is the filter: it reports the calls with these numbers, and allows the others.
func program(seen []int) []unix.SockFilter {
	const number, arch = 0, 4 // offsets in struct seccomp_data
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: arch},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: auditArch, Jf: uint8(len(seen) + 1)},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
	}
	for i, n := range seen {
		code = append(code, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(n), Jt: uint8(len(seen) - i)})
	}
	return append(code,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
	)
}
