package safedir

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Exchange swaps two entries of one directory in one system call (renameat2(2)).
func Exchange(in *Dir, a, b string) error {
	err := unix.Renameat2(in.Fd(), a, in.Fd(), b, unix.RENAME_EXCHANGE)
	for _, cannot := range []error{unix.ENOSYS, unix.EINVAL, unix.EXDEV, unix.EBUSY, unix.EOPNOTSUPP} {
		if errors.Is(err, cannot) {
			return fmt.Errorf("%w (%w)", ErrNoExchange, err)
		}
	}
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: in.In(a), New: in.In(b), Err: err}
	}
	return nil
}

// labelName is the extended attribute in which SELinux keeps a file's label.
const labelName = "security.selinux"

// CopyLabel gives an opened file the SELinux label of another. Without SELinux there is nothing
// to copy; if SELinux forbids it, the file keeps the default label of its directory.
func CopyLabel(from, to *os.File) {
	label := make([]byte, 4096)
	n, err := unix.Fgetxattr(int(from.Fd()), labelName, label)
	if err == nil {
		unix.Fsetxattr(int(to.Fd()), labelName, label[:n], 0)
	}
}
