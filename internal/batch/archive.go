package batch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Archive is one file for a whole fleet. It grows batch by batch in the staging directory, and
// gets its name when it is complete.
type Archive struct {
	writer *Writer
	name   string
	file   *os.File
	last   int64 // where the last batch ends
}

// OpenArchive opens the archive that a killed run has staged under this name, or begins a new
// one. Reading starts at its beginning; [Archive.Keep] sets the place where writing continues.
func (f *Writer) OpenArchive(name string) (*Archive, error) {
	if err := f.Begin(); err != nil {
		return nil, err
	}
	file, err := f.staging.Open(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = f.staging.Create(name)
	}
	if err != nil {
		return nil, err
	}
	a := &Archive{writer: f, name: name, file: file}
	if err := settleFile(int(file.Fd()), 0o600, f.owner); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return a, nil
}

// Read reads the staged contents.
func (a *Archive) Read(p []byte) (int, error) { return a.file.Read(p) }

// Write adds to the archive. The addition becomes permanent with [Archive.Commit].
func (a *Archive) Write(p []byte) (int, error) { return a.file.Write(p) }

// Keep truncates the archive to size bytes, where writing continues.
func (a *Archive) Keep(size int64) error {
	if err := a.file.Truncate(size); err != nil {
		return err
	}
	a.last = size
	_, err := a.file.Seek(size, io.SeekStart)
	return err
}

// Commit makes the last writes permanent, and then their records. If it fails, the archive ends
// where it ended before.
func (a *Archive) Commit(batch []Made) error {
	err := settleData(int(a.file.Fd()))
	if err == nil {
		err = a.writer.Record(batch)
	}
	if err != nil {
		return errors.Join(err, a.Undo())
	}
	a.last, err = a.file.Seek(0, io.SeekCurrent)
	return err
}

// Undo removes everything written since the last commit.
func (a *Archive) Undo() error { return a.Keep(a.last) }

// Finish gives the archive its name, unless something else has the name by now.
func (a *Archive) Finish() error {
	f := a.writer
	if err := a.file.Sync(); err != nil {
		return err
	}
	if err := renameNew(f.staging, f.out, a.name); err != nil {
		return err
	}
	return errors.Join(a.isNamed(), f.out.Sync(), f.Drop())
}

// isNamed returns an error unless the name leads to the file that was written.
func (a *Archive) isNamed() error {
	path := a.writer.out.In(a.name)
	written, err := a.file.Stat()
	if err != nil {
		return err
	}
	named, err := os.Lstat(path)
	if err == nil && !os.SameFile(written, named) {
		err = fmt.Errorf("%s was replaced while virtpki made it", path)
	}
	return err
}

// Close ends the work. Committed batches stay staged for another run.
func (a *Archive) Close() error {
	var err error
	if j := a.writer.journal; j != nil && len(j.entries) == 0 {
		err = a.writer.Drop()
	}
	return errors.Join(err, a.file.Close())
}
