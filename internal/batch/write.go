package batch

import (
	"errors"
	"io/fs"
	"os"

	"virtpki/internal/safedir"
	"virtpki/internal/store"

	"golang.org/x/sys/unix"
)

// newFile writes a new file with exactly this mode and owner. On Linux it does not sync the
// file: [disk.sync] does that for thousands at once. It makes the system calls directly,
// because package os adds a call for each file to find out whether it can be polled. It sets
// mode and owner only if they differ: a new file mostly has them already.
//
// The name may lead through directories that this run has made in at.
func newFile(at *safedir.Dir, name string, data []byte, mode fs.FileMode, owner *store.Owner) error {
	fd, err := openNew(at, name, mode)
	if err != nil {
		return err
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
	return at.Fail("write", name, err)
}

// openNew creates a file.
func openNew(at *safedir.Dir, name string, mode fs.FileMode) (fd int, err error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW
	return safedir.OpenAt(at.Fd(), name, at.In(name), flags, uint32(mode.Perm()))
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

// settleFile sets mode and owner if they are wrong: the umask, a set-group-id bit or a default
// ACL of the directory may have changed them.
func settleFile(fd int, mode fs.FileMode, owner *store.Owner) error {
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
		return safedir.UntilDone(func() error { return unix.Fchmod(fd, uint32(mode.Perm())) })
	}
	return nil
}

// newFolder makes a directory with exactly this mode and owner.
func newFolder(at *safedir.Dir, name string, mode fs.FileMode, owner *store.Owner) error {
	err := safedir.UntilDone(func() error { return unix.Mkdirat(at.Fd(), name, uint32(mode.Perm())) })
	if err != nil {
		return at.Fail("mkdir", name, err)
	}
	stat, err := at.Stat(name)
	if err != nil {
		return err
	}
	sameOwner := owner == nil || int(stat.Uid) == owner.UID && int(stat.Gid) == owner.GID
	if sameOwner && uint32(stat.Mode)&0o7777 == uint32(mode.Perm()) {
		return nil
	}
	made, err := at.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(made.Settle(owner, mode), made.Close())
}

// renameIfFree is renameNew for a system that cannot do both at once. Nobody else can put
// something there in between: the directory is refused if other users could.
func renameIfFree(from, to *safedir.Dir, name string) error {
	if to.Exists(name) {
		return &os.LinkError{Op: "rename", Old: from.In(name), New: to.In(name), Err: fs.ErrExist}
	}
	return from.Rename(name, to, name)
}
