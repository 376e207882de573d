package safedir

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openPath opens a directory to go on from: one that may not be listed too.
const openPath = unix.O_PATH

// openStraight opens a directory, to go on from, if no link leads elsewhere, and ".."
// not above the directory where it begins; [unix.AT_FDCWD] is none. It fails where the
// kernel has no such call (before Linux 5.6).
func openStraight(at int, path string) (fd int, err error) {
	how := unix.OpenHow{Flags: openPath | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	if at != unix.AT_FDCWD {
		how.Resolve |= unix.RESOLVE_BENEATH
	}
	err = UntilDone(func() error {
		fd, err = unix.Openat2(at, path, &how)
		return err
	})
	return fd, err
}

// Lstat describes what stands in a directory, a link included, as package os does.
func (s Step) Lstat(name string) (fs.FileInfo, error) {
	path := filepath.Join(s.path, name)
	fd, err := OpenAt(s.Fd, name, path, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	return file.Stat()
}
