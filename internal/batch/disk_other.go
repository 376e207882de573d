//go:build !linux

package batch

import (
	"os"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// disk is a directory that the writer writes to. This system cannot sync one file system alone,
// so each file is synced after it was written.
type disk struct{ file *os.File }

func diskOf(d *safedir.Dir) (*disk, error) { return &disk{d.File}, nil }

func (d *disk) same(other *disk) bool { return false }

// sync makes the names in the directory permanent.
func (d *disk) sync() error { return d.file.Sync() }

// settleData writes out the pending data of a file.
func settleData(fd int) error { return safedir.UntilDone(func() error { return unix.Fsync(fd) }) }

// renameNew moves an entry to another directory, unless the name is taken there.
func renameNew(from, to *safedir.Dir, name string) error { return renameIfFree(from, to, name) }
