package batch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Archive is one file for a whole fleet. It grows batch by batch where nobody looks
// and gets its name when it is whole.
type Archive struct {
	writer *Writer
	name   string
	file   *os.File
	last   int64 // where the last batch ends
}

// OpenArchive opens what a killed run has staged under this name, or begins anew. It
// is read from its beginning; [Archive.Keep] says from where on it is written.
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

// Read reads what is staged.
func (a *Archive) Read(p []byte) (int, error) { return a.file.Read(p) }

// Write adds to the archive. It counts when [Archive.Commit] has been called.
func (a *Archive) Write(p []byte) (int, error) { return a.file.Write(p) }

// Keep cuts off all that comes after size bytes, and writing goes on there.
func (a *Archive) Keep(size int64) error {
	if err := a.file.Truncate(size); err != nil {
		return err
	}
	a.last = size
	_, err := a.file.Seek(size, io.SeekStart)
	return err
}

// Commit makes what was written last, and then the records of it. When it fails the
// archive ends where it ended before.
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

// Undo cuts off what was written since the last commit.
func (a *Archive) Undo() error { return a.Keep(a.last) }

// Finish gives the archive its name, if nothing else has it by now.
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

// IsNamed returns an error unless the name is that of the file which was written.
func (a *Archive) isNamed() error {
	path := a.writer.out.In(a.name)
	written, err := a.file.Stat()
	if err != nil {
		return err
	}
	named, err := os.Lstat(path)
	if err == nil && !os.SameFile(written, named) {
		err = fmt.Errorf("%s was exchanged while it was made", path)
	}
	return err
}

// Close ends the work. What was committed stays staged for another run.
func (a *Archive) Close() error {
	var err error
	if j := a.writer.journal; j != nil && len(j.entries) == 0 {
		err = a.writer.Drop()
	}
	return errors.Join(err, a.file.Close())
}
