package program

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"virtpki/internal/hint"
)

// fewestDescriptors is how many files a run has to open at once: the Go runtime needs them to
// wait for anything, and virtpki to make a change. With fewer the runtime ends the program by
// itself.
const fewestDescriptors = 16

// leastAddressSpace is the address space in bytes with which the Go runtime always finds room.
// It reserves most of a GiB at once, and with less than twice that it ends some runs by itself,
// with a traceback.
const leastAddressSpace = 2560 << 20

// CheckLimits returns an error if the runtime would end the program half way.
func CheckLimits() error {
	if err := checkDescriptors(); err != nil {
		return err
	}
	return checkAddressSpace()
}

// checkAddressSpace returns an error if there is too little of it.
func checkAddressSpace() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil || uint64(limit.Cur) >= leastAddressSpace {
		return nil // a system that does not report one has no limit
	}
	return hint.With(fmt.Errorf("address space is limited to %d MiB, less than %d", uint64(limit.Cur)>>20, leastAddressSpace>>20), "raise the limit: ulimit -v unlimited")
}

// checkDescriptors returns an error if there are too few.
func checkDescriptors() error {
	var opened []int
	defer func() {
		for _, fd := range opened {
			syscall.Close(fd)
		}
	}()
	for range fewestDescriptors {
		fd, err := syscall.Dup(0)
		if err != nil {
			return hint.With(fmt.Errorf("no %d more files can be opened: %w", fewestDescriptors, err), "raise the limit: ulimit -n 1024")
		}
		opened = append(opened, fd)
	}
	return nil
}
