package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Archive is one file for a whole fleet. It grows batch by batch where nobody looks
// and gets its name when it is whole.
type Archive struct {
	fleet *Fleet
	name  string
	file  *os.File
	last  int64 // where the last batch ends
}

// OpenArchive opens what a killed run has staged under this name, or begins anew. It
// is read from its beginning; [Archive.Keep] says from where on it is written.
func (f *Fleet) OpenArchive(name string) (*Archive, error) {
	if err := os.Mkdir(f.staging, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(f.staging, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	a := &Archive{fleet: f, name: name, file: file}
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
func (a *Archive) Commit(records []Record) error {
	err := settleData(int(a.file.Fd()))
	if err == nil {
		err = a.fleet.Commit(records, nil)
	}
	if err != nil {
		return errors.Join(err, a.Undo())
	}
	a.last, err = a.file.Seek(0, io.SeekCurrent)
	return err
}

// Undo cuts off what was written since the last commit.
func (a *Archive) Undo() error { return a.Keep(a.last) }

// Finish gives the archive its name.
func (a *Archive) Finish() error {
	to := filepath.Join(a.fleet.out, a.name)
	if err := a.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(a.fleet.staging, a.name), to); err != nil {
		return err
	}
	return errors.Join(syncFolder(a.fleet.out), os.Remove(a.fleet.staging))
}

// Close ends the work. What was committed stays staged for another run.
func (a *Archive) Close() error {
	if a.last == 0 {
		a.fleet.Drop()
	}
	return a.file.Close()
}

// Forget removes records of certificates that were never handed out: their keys are
// gone.
func (f *Fleet) Forget(serials []string) error {
	for _, serial := range serials {
		if err := removeIfThere(filepath.Join(f.records, serial+".pem")); err != nil {
			return err
		}
	}
	return nil
}

// Recorded reports whether the CA has a record of a serial.
func (f *Fleet) Recorded(serial string) bool {
	return Exists(filepath.Join(f.records, serial+".pem"))
}
