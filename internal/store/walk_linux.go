package store

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openPath opens a directory to go on from: one that may not be listed too.
const openPath = unix.O_PATH

// lstat describes what stands in a directory, a link included, as package os does.
func (s step) lstat(name string) (fs.FileInfo, error) {
	path := filepath.Join(s.path, name)
	fd, err := openAt(s.fd, name, path, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	return file.Stat()
}
