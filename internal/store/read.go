package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// MaxPEM is the size, in bytes, up to which a PEM file is read. libvirt itself
// reads no more than 64 KiB of a certificate; a CRL of a million entries takes
// some 60 MiB.
const MaxPEM = 256 << 20

// ReadFile returns the contents of a regular file of at most limit bytes. It
// never waits for a FIFO or a device. A missing file is fs.ErrNotExist; a link
// that leads nowhere is an error of its own, because it was put there to mean
// something.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(path, err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readOpen(file, limit)
}

// readOpen reads an opened file, if it is regular and not too large.
func readOpen(file *os.File, limit int64) ([]byte, error) {
	path := file.Name()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes are too large (at most %d)", path, info.Size(), limit)
	}
	return readAll(file, info.Size(), limit)
}

// readAll reads a file of which the size is known, in one piece. It may have
// grown or shrunk since.
func readAll(file io.Reader, size, limit int64) ([]byte, error) {
	data := make([]byte, 0, size+bytes.MinRead)
	buffer := bytes.NewBuffer(data)
	_, err := buffer.ReadFrom(io.LimitReader(file, limit))
	return buffer.Bytes(), err
}

// Exists reports whether something stands at path, a dangling link included.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func missing(path string, err error) error {
	if target, linkErr := os.Readlink(path); linkErr == nil {
		return fmt.Errorf("%s: a link to %q, which does not exist", path, target)
	}
	return err
}

// regular says what stands at path when it is not a regular file.
func regular(path string, info fs.FileInfo) error {
	switch {
	case info.Mode().IsRegular():
		return nil
	case info.IsDir():
		return fmt.Errorf("%s: a directory, not a file", path)
	}
	return fmt.Errorf("%s: not a regular file", path)
}
