package store

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// newFile writes a file that is not there yet, with exactly this mode and owner.
// On Linux it is not synced: [disk.sync] does that for thousands at once. It goes
// to the system directly, because package os asks it whether one can wait for each
// file, and for mode and owner, which a new file mostly has already, only where
// they differ.
func newFile(path string, data []byte, mode fs.FileMode, owner *Owner) error {
	fd, err := openNew(path, mode)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	err = writeAll(fd, data)
	if err == nil {
		err = settleFile(fd, mode, owner)
	}
	if err == nil {
		err = settleData(fd)
	}
	if closeErr := unix.Close(fd); err == nil && !errors.Is(closeErr, unix.EINTR) {
		err = closeErr
	}
	if err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// openNew makes a file. It is closed to others until it has its owner.
func openNew(path string, mode fs.FileMode) (fd int, err error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC | unix.O_NOFOLLOW
	err = untilDone(func() error {
		fd, err = unix.Open(path, flags, uint32(mode.Perm()))
		return err
	})
	return fd, err
}

func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		data = data[max(n, 0):]
	}
	return nil
}

// settleFile sets mode and owner where they are not as they should be: the umask,
// a set-group-id bit or a default ACL of the folder may have had a say.
func settleFile(fd int, mode fs.FileMode, owner *Owner) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if owner != nil && (int(st.Uid) != owner.UID || int(st.Gid) != owner.GID) {
		if err := unix.Fchown(fd, owner.UID, owner.GID); err != nil {
			return err
		}
	}
	if uint32(st.Mode)&0o7777 != uint32(mode.Perm()) {
		return untilDone(func() error { return unix.Fchmod(fd, uint32(mode.Perm())) })
	}
	return nil
}

// newFolder makes a folder with exactly this mode and owner.
func newFolder(path string, mode fs.FileMode, owner *Owner) error {
	if err := os.Mkdir(path, mode.Perm()); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	sameOwner := owner == nil || int(st.Uid) == owner.UID && int(st.Gid) == owner.GID
	if sameOwner && uint32(st.Mode)&0o7777 == uint32(mode.Perm()) {
		return nil
	}
	return setOwnerMode(path, owner, mode)
}
