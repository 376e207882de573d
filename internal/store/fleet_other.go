//go:build !linux

package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// disk is a folder that is written to. No call syncs one file system alone here:
// each file is synced when it has been written.
type disk struct{ file *os.File }

func diskOf(d *dir) (*disk, error) { return &disk{d.file}, nil }

func (d *disk) same(other *disk) bool { return false }

// sync makes the names in the folder last.
func (d *disk) sync() error { return d.file.Sync() }

// settleData writes out what the system holds back of a file.
func settleData(fd int) error { return untilDone(func() error { return unix.Fsync(fd) }) }

// renameNew moves an entry to another directory, unless something has its name there.
func renameNew(from, to *dir, name string) error { return renameIfFree(from, to, name) }
