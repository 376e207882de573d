//go:build !linux

package batch

import (
	"os"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// disk is a folder that is written to. No call syncs one file system alone here:
// each file is synced when it has been written.
type disk struct{ file *os.File }

func diskOf(d *safedir.Dir) (*disk, error) { return &disk{d.File}, nil }

func (d *disk) same(other *disk) bool { return false }

// Sync makes the names in the folder last.
func (d *disk) sync() error { return d.file.Sync() }

// settleData writes out what the system holds back of a file.
func settleData(fd int) error { return safedir.UntilDone(func() error { return unix.Fsync(fd) }) }

// renameNew moves an entry to another directory, unless something has its name there.
func renameNew(from, to *safedir.Dir, name string) error { return renameIfFree(from, to, name) }
