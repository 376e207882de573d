package safedir

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadOpen reads an opened file, if it is regular and not too large.
func ReadOpen(file *os.File, limit int64) ([]byte, error) {
	path := file.Name()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := Regular(path, info); err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes are too large (at most %d)", path, info.Size(), limit)
	}
	return readAll(file, info.Size(), limit)
}

// readAll reads a file of a known size, in one piece. The file may have grown or shrunk since.
func readAll(file io.Reader, size, limit int64) ([]byte, error) {
	data := make([]byte, 0, size+bytes.MinRead)
	buffer := bytes.NewBuffer(data)
	_, err := buffer.ReadFrom(io.LimitReader(file, limit))
	return buffer.Bytes(), err
}

// Regular returns an error that names the kind of the entry at path, unless it is a regular
// file.
func Regular(path string, info fs.FileInfo) error {
	switch {
	case info.Mode().IsRegular():
		return nil
	case info.IsDir():
		return fmt.Errorf("%s: a directory, not a file", path)
	}
	return fmt.Errorf("%s: not a regular file", path)
}
