package batch

import (
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path/filepath"

	"virtpki/internal/safedir"
	"virtpki/internal/store"
)

// Bundle is a directory of files, or one file, that appears under its name completely or not at
// all.
type Bundle struct {
	Name   string  // in the directory of the fleet
	Pieces []Piece // the bundle itself first, directories before their contents
}

// Piece is a directory or a file of a bundle.
type Piece struct {
	Path string // below the bundle, "" for the bundle itself
	Dir  bool
	Mode fs.FileMode
	Data []byte
}

// Record is the copy that a CA keeps of a certificate that it has signed.
type Record struct {
	Serial *big.Int
	Data   []byte // PEM
}

// Made names a finished bundle, with the records of its certificates.
type Made struct {
	Name    string
	Records []Record
}

// Writer writes thousands of bundles into one directory, with the records of their certificates
// in the directory of a CA. Many goroutines stage bundles one by one, and the writer commits
// them in batches: one sync of the file system for a batch instead of one for each file, then
// the records, then the bundles. A run that is killed leaves complete bundles under their
// names, and a journal among the records for the next run's [Writer.Recover].
//
// Only this process's user can enter or replace the staging directory: the directory of the
// bundles is refused if other users could.
type Writer struct {
	out, records *safedir.Dir
	owner        *store.Owner
	disks        []*disk
	journalName  string
	journal      *journal     // nil while nothing is staged
	staging      *safedir.Dir // nil while it does not exist
}

// Open prepares to write bundles into out and records into another directory. Both must exist,
// and the caller holds the lock of out. The name distinguishes fleets in one directory.
func Open(t store.Tree, out, name, records string, owner *store.Owner) (*Writer, error) {
	f := &Writer{owner: owner}
	if err := f.open(t, out, name, records); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Writer) open(t store.Tree, out, name, records string) (err error) {
	if f.out, err = t.OpenDir(out, safedir.Policy{Secret: true}); err != nil {
		return err
	}
	if f.records, err = t.OpenDir(records, safedir.Policy{Secret: true}); err != nil {
		return err
	}
	if f.journalName, err = journalName(out, name); err != nil {
		return err
	}
	return f.openDisks()
}

// openDisks finds the file systems that the writer writes to.
func (f *Writer) openDisks() error {
	for _, d := range []*safedir.Dir{f.records, f.out} {
		found, err := diskOf(d)
		if err != nil {
			return err
		}
		if len(f.disks) == 0 || !f.disks[0].same(found) {
			f.disks = append(f.disks, found)
		}
	}
	return nil
}

// Folder returns the directory of the bundles.
func (f *Writer) Folder() string { return f.out.Path }

// Unfinished reports whether a killed run has left a journal of a fleet in out.
func Unfinished(t store.Tree, out, name, records string) bool {
	file, err := journalName(out, name)
	return err == nil && t.Exists(filepath.Join(records, file))
}

// Sweep removes staged files that a run has left although it had finished.
func (f *Writer) Sweep() error {
	if err := f.resume(); err != nil {
		return err
	}
	return f.Drop()
}

// Begin makes the staging directory, after the journal that names it.
func (f *Writer) Begin() (err error) {
	if err := f.resume(); err != nil {
		return err
	}
	if f.journal == nil {
		if f.journal, err = newJournal(f.records, f.journalName); err != nil {
			return err
		}
	}
	if f.staging == nil {
		f.staging, err = f.out.Mkdir(f.journal.staging)
	}
	return err
}

// resume finds the staging directory of a killed run: the journal names it. It must still
// exist, and nobody else may be able to enter it.
func (f *Writer) resume() (err error) {
	if f.journal != nil {
		return nil
	}
	if f.journal, err = openJournal(f.records, f.journalName); err != nil || f.journal == nil {
		return err
	}
	staging, err := f.out.OpenDir(f.journal.staging)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was not made yet, or somebody has removed it
	}
	if err != nil {
		return err
	}
	if err := staging.IsPrivate(); err != nil {
		return errors.Join(err, staging.Close())
	}
	f.staging = staging
	return nil
}

// Drop removes the journal and everything that is staged and not committed. If something cannot
// be removed, the next run removes it.
func (f *Writer) Drop() error {
	if f.journal == nil {
		return nil
	}
	if f.staging != nil {
		if err := errors.Join(f.staging.Close(), f.out.RemoveAll(f.journal.staging)); err != nil {
			return err
		}
		f.staging = nil
	}
	err := f.journal.end()
	f.journal = nil
	return err
}

// Close ends the work. Staged bundles stay.
func (f *Writer) Close() error {
	var errs []error
	for _, d := range []*safedir.Dir{f.out, f.records, f.staging} {
		if d != nil {
			errs = append(errs, d.Close())
		}
	}
	if f.journal != nil {
		errs = append(errs, f.journal.file.Close())
	}
	return errors.Join(errs...)
}

// Stage writes a bundle into the staging directory, after [Writer.Begin]. Several goroutines
// may call it at once.
func (f *Writer) Stage(b Bundle) error {
	if !isName(b.Name) {
		return fmt.Errorf("writing %q: %w", b.Name, fs.ErrInvalid)
	}
	for _, p := range b.Pieces {
		if err := f.write(b.Name, p); err != nil {
			return fmt.Errorf("writing %s: %w", f.out.In(b.Name), err)
		}
	}
	return nil
}

func (f *Writer) write(name string, p Piece) error {
	if p.Path != "" {
		name += "/" + p.Path
	}
	if p.Dir {
		return newFolder(f.staging, name, p.Mode, f.owner)
	}
	return newFile(f.staging, name, p.Data, p.Mode, f.owner)
}

// Commit gives staged bundles their names, after the CA has their records. The caller holds the
// lock of the CA. If something fails, nothing of the batch has happened, except for temporary
// files. At each instant, even in a power cut, a bundle under its name is complete and has its
// records.
func (f *Writer) Commit(batch []Made) error {
	var done safedir.UndoList
	if err := f.commit(batch, &done); err != nil {
		return errors.Join(err, done.Undo())
	}
	return nil
}

func (f *Writer) commit(batch []Made, done *safedir.UndoList) error {
	if err := f.record(batch, done); err != nil {
		return err
	}
	for _, m := range batch {
		if err := renameNew(f.staging, f.out, m.Name); err != nil {
			return err
		}
		done.Add(func() error { return renameNew(f.out, f.staging, m.Name) })
	}
	return f.out.Sync()
}

// Record writes the records of bundles that are not staged. Apart from that it works like
// [Writer.Commit].
func (f *Writer) Record(batch []Made) error {
	var done safedir.UndoList
	if err := f.record(batch, &done); err != nil {
		return errors.Join(err, done.Undo())
	}
	return nil
}

// record adds bundles to the journal and writes their records. It syncs the records and all
// staged files to disk.
func (f *Writer) record(batch []Made, done *safedir.UndoList) error {
	if f.journal != nil {
		if err := f.journal.add(batch); err != nil {
			return err
		}
	}
	var serials []string
	for _, m := range batch {
		for _, r := range m.Records {
			serial := store.SerialText(r.Serial)
			if err := f.stageRecord(serial, r.Data, done); err != nil {
				return err
			}
			serials = append(serials, serial)
		}
	}
	if err := f.sync(); err != nil {
		return err
	}
	return f.nameRecords(serials, done)
}

func (f *Writer) stageRecord(serial string, data []byte, done *safedir.UndoList) error {
	temp := recordTemp(serial)
	done.Add(func() error { return f.records.RemoveIfThere(temp) })
	if err := newFile(f.records, temp, data, recordMode, f.owner); err != nil {
		return fmt.Errorf("writing %s: %w", f.records.In(store.RecordName(serial)), err)
	}
	return nil
}

func (f *Writer) nameRecords(serials []string, done *safedir.UndoList) error {
	for _, serial := range serials {
		if err := f.records.Rename(recordTemp(serial), f.records, store.RecordName(serial)); err != nil {
			return err
		}
		done.Add(func() error { return f.records.Remove(store.RecordName(serial)) })
	}
	return f.records.Sync()
}

// recordMode is the mode of a record: a certificate is not secret.
const recordMode fs.FileMode = 0o644

func recordTemp(serial string) string { return ".virtpki-" + serial + safedir.TempSuffix }

func (f *Writer) sync() error {
	for _, d := range f.disks {
		if err := d.sync(); err != nil {
			return err
		}
	}
	return nil
}
