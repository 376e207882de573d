package store

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
)

// stagingFor is the folder in which a fleet is made. Only its owner may look
// inside, and its name begins with a dot.
func stagingFor(out, name string) string {
	return filepath.Join(out, ".virtpki-"+name+tempSuffix)
}

// Bundle is a folder of files, or one file, that appears under its name whole or
// not at all.
type Bundle struct {
	Name   string  // in the folder of the fleet
	Pieces []Piece // the bundle itself first, folders before what is in them
}

// Piece is a folder or a file of a bundle.
type Piece struct {
	Path string // below the bundle, "" for the bundle itself
	Dir  bool
	Mode fs.FileMode
	Data []byte
}

// Record is what a CA keeps of a certificate that it has signed.
type Record struct {
	Serial *big.Int
	Data   []byte // PEM
}

// Fleet writes thousands of bundles into one folder, with the records of their
// certificates in the folder of a CA. Bundles are staged one by one, from many
// goroutines, and committed in batches: one sync of the file system for a batch
// instead of one for each file, then the records, then the bundles. A run that is
// killed leaves whole bundles under their names, and a folder of staged ones for
// the next run's [Fleet.Recover].
type Fleet struct {
	out, staging string
	records      string
	owner        *Owner
	disks        []*disk
}

// OpenFleet prepares to write bundles into out and records into another folder.
// Both folders are there, and the caller holds the lock of out. The name tells
// fleets in one folder apart.
func OpenFleet(out, name, records string, owner *Owner) (*Fleet, error) {
	f := &Fleet{out: out, staging: stagingFor(out, name), records: records, owner: owner}
	for _, folder := range []string{out, records} {
		d, err := openDisk(folder)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		f.disks = append(f.disks, d)
	}
	if f.disks[0].same(f.disks[1]) {
		err := f.disks[1].file.Close()
		f.disks = f.disks[:1]
		return f, err
	}
	return f, nil
}

// Folder is where the bundles go.
func (f *Fleet) Folder() string { return f.out }

// Unfinished reports whether a killed run has left something staged in out.
func Unfinished(out, name string) bool { return Exists(stagingFor(out, name)) }

// Sweep removes what a run has left staged in out though it was done.
func Sweep(out, name string) error { return os.RemoveAll(stagingFor(out, name)) }

// Drop removes what is staged and not committed. What cannot be removed is left to
// the next run.
func (f *Fleet) Drop() { os.RemoveAll(f.staging) }

// Close ends the work. What is staged stays.
func (f *Fleet) Close() error {
	var errs []error
	for _, d := range f.disks {
		errs = append(errs, d.file.Close())
	}
	return errors.Join(errs...)
}

// Stage writes a bundle where nobody looks yet. It may be called from several
// goroutines at once.
func (f *Fleet) Stage(b Bundle) error {
	if err := f.stage(b); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Join(f.out, b.Name), err)
	}
	return nil
}

func (f *Fleet) stage(b Bundle) error {
	if err := os.Mkdir(f.staging, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	top := filepath.Join(f.staging, b.Name)
	for _, p := range b.Pieces {
		path := top
		if p.Path != "" {
			path += "/" + p.Path
		}
		if err := f.write(path, p); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) write(path string, p Piece) error {
	if p.Dir {
		return newFolder(path, p.Mode, f.owner)
	}
	return newFile(path, p.Data, p.Mode, f.owner)
}

// Commit gives staged bundles their names, after the CA has its records of them.
// The caller holds the lock of the CA. When something fails nothing of the batch
// has happened, but for files under construction. At each instant, a power cut
// included, a bundle that is there is whole, and its records are there.
func (f *Fleet) Commit(records []Record, names []string) error {
	var done undoList
	if err := f.commit(records, names, &done); err != nil {
		return errors.Join(err, done.undo())
	}
	return nil
}

func (f *Fleet) commit(records []Record, names []string, done *undoList) error {
	if err := f.record(records, done); err != nil {
		return err
	}
	for _, name := range names {
		from, to := filepath.Join(f.staging, name), filepath.Join(f.out, name)
		if err := os.Rename(from, to); err != nil {
			return err
		}
		done.add(func() error { return os.Rename(to, from) })
	}
	if len(names) == 0 {
		return nil
	}
	return syncFolder(f.out)
}

// record writes records, and makes them and all that is staged last.
func (f *Fleet) record(records []Record, done *undoList) error {
	temps := make([]string, len(records))
	for i, r := range records {
		temp := filepath.Join(f.records, ".virtpki-"+SerialText(r.Serial)+tempSuffix)
		done.add(func() error { return removeIfThere(temp) })
		if err := newFile(temp, r.Data, recordMode, f.owner); err != nil {
			return fmt.Errorf("writing %s: %w", RecordPath(f.records, r.Serial), err)
		}
		temps[i] = temp
	}
	if err := f.sync(); err != nil {
		return err
	}
	for i, r := range records {
		path := RecordPath(f.records, r.Serial)
		if err := os.Rename(temps[i], path); err != nil {
			return err
		}
		done.add(func() error { return os.Remove(path) })
	}
	return syncFolder(f.records)
}

// recordMode is that of a certificate: it holds no secret.
const recordMode fs.FileMode = 0o644

func (f *Fleet) sync() error {
	for _, d := range f.disks {
		if err := d.sync(); err != nil {
			return err
		}
	}
	return nil
}

// Recover goes on with what a killed run has left staged. The caller holds the
// lock of the CA as well. Records appear after all that they are of has reached the
// disk: a bundle with all of its records is whole, and gets its name. The others
// are removed, and so are records of theirs: the keys of these certificates have
// never left the staging folder, and go with it. certsOf reads the certificates of
// a staged bundle; an error of it means that the bundle is not whole.
func (f *Fleet) Recover(certsOf func(path string) ([]*x509.Certificate, error)) error {
	entries, err := os.ReadDir(f.staging)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		certs, err := certsOf(filepath.Join(f.staging, entry.Name()))
		if err := f.recover(entry.Name(), certs, err == nil); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(f.staging), syncFolder(f.records), syncFolder(f.out))
}

func (f *Fleet) recover(name string, certs []*x509.Certificate, whole bool) error {
	var there []string
	for _, cert := range certs {
		if path := RecordPath(f.records, cert.SerialNumber); Exists(path) {
			there = append(there, path)
		}
	}
	to := filepath.Join(f.out, name)
	if whole && len(certs) > 0 && len(there) == len(certs) && !Exists(to) {
		return os.Rename(filepath.Join(f.staging, name), to)
	}
	for _, path := range there {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
