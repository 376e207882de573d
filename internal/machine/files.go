package machine

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"virtpki/internal/store"
)

// ReadIfThere returns the contents of a file; nil when there is none.
func ReadIfThere(t store.Tree, path string) ([]byte, error) {
	data, err := t.ReadFile(path, store.MaxPEM)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Unread reports whether an error is the system's, which could not read a file, and
// tells nothing of what stands in it. Such a file is not taken for one that is absent
// or of somebody else. One that this run may not read is none that it would write.
func Unread(err error) bool {
	var failed *fs.PathError
	return errors.As(err, &failed) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.ENOTDIR)
}

// Owner returns whom new files are to belong to: root when root runs this, whatever the
// directory's set-group-id bit says, else (nil) whoever runs it.
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
