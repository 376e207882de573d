package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// exchange swaps two folders in one system call (renameat2(2)).
func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	for _, cannot := range []error{unix.ENOSYS, unix.EINVAL, unix.EXDEV, unix.EBUSY, unix.EOPNOTSUPP} {
		if errors.Is(err, cannot) {
			return fmt.Errorf("%w (%w)", errNoExchange, err)
		}
	}
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	}
	return nil
}

// labelName is the extended attribute in which SELinux keeps a file's label.
const labelName = "security.selinux"

// copyLabel gives a file the SELinux label of another. Where there is no SELinux
// there is nothing to copy; where it forbids it, the folder's default stands.
func copyLabel(from, to string) {
	label := make([]byte, 4096)
	n, err := unix.Lgetxattr(from, labelName, label)
	if err == nil {
		unix.Lsetxattr(to, labelName, label[:n], 0)
	}
}

func inodeOf(path string) (uint64, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	return info.Sys().(*syscall.Stat_t).Ino, nil
}
