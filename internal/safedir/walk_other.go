//go:build !linux

package safedir

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openPath opens a directory as a step of a walk, even if it may not be listed.
const openPath = unix.O_SEARCH

// openStraight fails: these systems lack a call that opens a directory and follows no link.
func openStraight(int, string) (fd int, err error) { return -1, unix.ENOSYS }

// openNoLink fails too.
func openNoLink(string, int) (fd int, err error) { return -1, unix.ENOSYS }

// LstatStraight leaves the path to a walk.
func LstatStraight(string) (info fs.FileInfo, done bool, err error) { return nil, false, nil }

// Lstat describes an entry of a directory, a link included, as package os does. That takes a
// path, so Lstat checks that the path still leads to the directory.
func (s Step) Lstat(name string) (fs.FileInfo, error) {
	root, err := os.OpenRoot(s.path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	again, err := unix.Dup(s.Fd)
	if err != nil {
		return nil, err
	}
	here := os.NewFile(uintptr(again), s.path)
	defer here.Close()
	mine, err1 := here.Stat()
	other, err2 := root.Stat(".")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if !os.SameFile(mine, other) {
		return nil, &fs.PathError{Op: "open", Path: s.path, Err: errors.New("exchanged while it was opened")}
	}
	return root.Lstat(name)
}
