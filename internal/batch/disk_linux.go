package batch

import (
	"errors"
	"os"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// disk is a file system that the writer writes to.
type disk struct {
	file   *os.File // the directory through which it was found
	device uint64
}

// diskOf finds the file system of a directory. Its sync reports the writes that have failed
// since the directory was opened.
func diskOf(d *safedir.Dir) (*disk, error) {
	stat, err := d.Self()
	return &disk{d.File, uint64(stat.Dev)}, err
}

func (d *disk) same(other *disk) bool { return d.device == other.device }

// sync writes out all pending data of the file system (syncfs(2)).
func (d *disk) sync() error {
	if err := safedir.UntilDone(func() error { return unix.Syncfs(int(d.file.Fd())) }); err != nil {
		return &os.PathError{Op: "sync", Path: d.file.Name(), Err: err}
	}
	return nil
}

// settleData does nothing: the sync of the whole file system writes the data.
func settleData(int) error { return nil }

// renameNew moves an entry to another directory, unless the name is taken there.
func renameNew(from, to *safedir.Dir, name string) error {
	err := safedir.UntilDone(func() error {
		return unix.Renameat2(from.Fd(), name, to.Fd(), name, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return renameIfFree(from, to, name) // the file system knows no flags
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from.In(name), New: to.In(name), Err: err}
	}
	return nil
}
