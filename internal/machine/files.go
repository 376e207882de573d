package machine

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"virtpki/internal/store"
)

// ReadIfThere returns the contents of a file, and nil if it does not exist.
func ReadIfThere(t store.Tree, path string) ([]byte, error) {
	data, err := t.ReadFile(path, store.MaxPEM)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Unread reports whether the system could not read a file, so that its contents are not known.
// Such a file does not count as absent, nor as another user's. A file that this run lacks the
// permission to read does not count as unread: the run would not write it either.
func Unread(err error) bool {
	var failed *fs.PathError
	return errors.As(err, &failed) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.ENOTDIR)
}

// Owner returns the owner of new files. If root runs virtpki it is root, even if the directory
// has the set-group-id bit; otherwise it is nil, the current user.
func Owner() *store.Owner {
	if os.Geteuid() == 0 {
		return &store.Owner{}
	}
	return nil
}

// ModeOf returns the permission bits of a file.
func ModeOf(t store.Tree, path string) (fs.FileMode, error) {
	info, err := t.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Mode().Perm(), nil
}
