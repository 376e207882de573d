package safedir

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openPath opens a directory as a step of a walk, even if it may not be listed.
const openPath = unix.O_PATH

// openStraight opens a directory as a step of a walk, if no link leads elsewhere, and ".." not
// above the directory where it begins; [unix.AT_FDCWD] sets no such limit. It fails where the
// kernel has no such call (before Linux 5.6).
func openStraight(at int, path string) (fd int, err error) {
	how := unix.OpenHow{Flags: openPath | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	if at != unix.AT_FDCWD {
		how.Resolve |= unix.RESOLVE_BENEATH
	}
	return openHow(at, path, &how)
}

// openNoLink opens the file at a path that has no link anywhere. It fails as openStraight does.
func openNoLink(path string, flags int) (fd int, err error) {
	return openHow(unix.AT_FDCWD, path, &unix.OpenHow{Flags: uint64(flags) | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS})
}

func openHow(at int, path string, how *unix.OpenHow) (fd int, err error) {
	err = UntilDone(func() error {
		fd, err = unix.Openat2(at, path, how)
		return err
	})
	return fd, err
}

// LstatStraight is [os.Lstat] for a path without a link. done is false if the path still has to
// be walked.
func LstatStraight(path string) (info fs.FileInfo, done bool, err error) {
	file, done, err := OpenStraight(path, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil || !done {
		return nil, done, err
	}
	defer file.Close()
	info, err = file.Stat()
	return info, true, err
}

// Lstat describes an entry of a directory, a link included, as package os does.
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
