package batch

import (
	"errors"
	"io/fs"

	"virtpki/internal/safedir"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// Recover finishes or removes the bundles that a killed run has left staged, as its journal
// says. The caller also holds the lock of the CA. The records of a bundle are written only
// after all its files have reached the disk. So a bundle with all of its records is complete,
// and gets its name. The others are removed with their records: the keys of these certificates
// have never left the staging directory, and go with it.
func (f *Writer) Recover() error {
	if err := f.resume(); err != nil || f.journal == nil {
		return err
	}
	if f.staging != nil {
		for _, e := range f.journal.latest() {
			if err := f.recover(e); err != nil {
				return err
			}
		}
	}
	return errors.Join(f.records.Sync(), f.out.Sync(), f.Drop())
}

// recover finishes one bundle, or removes its records. A bundle that is not staged any more has
// its name already, or somebody has removed it: then its records stay.
func (f *Writer) recover(e entry) error {
	switch {
	case !f.staging.Exists(e.bundle):
		return nil
	case !f.recorded(e.serials):
		return f.forget(e.serials)
	}
	err := renameNew(f.staging, f.out, e.bundle)
	if errors.Is(err, fs.ErrExist) {
		path := f.out.In(e.bundle)
		return safedir.Refuse(path, "is in the place of a bundle that an interrupted run made", "move it away: mv "+termtext.ShellWord(path)+" "+termtext.ShellWord(path+".away"))
	}
	return err
}

// recorded reports whether the CA has all of these records.
func (f *Writer) recorded(serials []string) bool {
	for _, serial := range serials {
		if !f.records.Exists(store.RecordName(serial)) {
			return false
		}
	}
	return true
}

// forget removes records of certificates that were never handed out.
func (f *Writer) forget(serials []string) error {
	for _, serial := range serials {
		if err := f.records.RemoveIfThere(store.RecordName(serial)); err != nil {
			return err
		}
	}
	return nil
}

// Recorded reports whether a killed run has noted a serial and the CA has a record of it.
func (f *Writer) Recorded(serial string) bool {
	return f.journal != nil && f.journal.serials[serial] && f.recorded([]string{serial})
}

// Forget removes the records that a killed run has noted, except those in keep: the keys of
// these certificates are gone, and were never handed out.
func (f *Writer) Forget(keep map[string]bool) error {
	var kept []entry
	for _, e := range f.journal.entries {
		if keepsAll(keep, e.serials) {
			kept = append(kept, e)
		} else if err := f.forget(e.serials); err != nil {
			return err
		}
	}
	f.journal.entries = kept
	return f.records.Sync()
}

func keepsAll(keep map[string]bool, serials []string) bool {
	for _, serial := range serials {
		if !keep[serial] {
			return false
		}
	}
	return true
}
