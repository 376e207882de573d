package store

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// disk is a file system that is written to.
type disk struct {
	file   *os.File // the folder through which it was found
	device uint64
}

// openDisk finds the file system of a folder. The system reports what could not be
// written since the folder was opened, so it stays open.
func openDisk(folder string) (*disk, error) {
	file, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &disk{file, uint64(info.Sys().(*syscall.Stat_t).Dev)}, nil
}

func (d *disk) same(other *disk) bool { return d.device == other.device }

// sync writes out all that the file system holds back (syncfs(2)).
func (d *disk) sync() error {
	if err := untilDone(func() error { return unix.Syncfs(int(d.file.Fd())) }); err != nil {
		return &os.PathError{Op: "sync", Path: d.file.Name(), Err: err}
	}
	return nil
}

// settleData leaves the data to the sync of the whole file system.
func settleData(int) error { return nil }
