package batch_test

import (
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"virtpki/internal/batch"
	"virtpki/internal/lab/labfiles"
	"virtpki/internal/store"
)

// openFleet prepares a fleet in two new directories.
func openFleet(t *testing.T) (w *batch.Writer, out, records string) {
	t.Helper()
	out, records = t.TempDir(), t.TempDir()
	w, err := batch.Open(store.Tree{}, out, "fleet", records, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := w.Begin(); err != nil {
		t.Fatal(err)
	}
	return w, out, records
}

// againFleet opens the fleet for the next run, after one that was killed.
func againFleet(t *testing.T, killed *batch.Writer, out, records string) *batch.Writer {
	t.Helper()
	if err := killed.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := batch.Open(store.Tree{}, out, "fleet", records, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// madeOf returns a bundle with a record for each serial.
func madeOf(name string, serials ...int64) batch.Made {
	m := batch.Made{Name: name}
	for _, serial := range serials {
		m.Records = append(m.Records, batch.Record{Serial: big.NewInt(serial), Data: []byte("r")})
	}
	return m
}

func bundleOf(name string) batch.Bundle {
	return batch.Bundle{Name: name, Pieces: []batch.Piece{
		{Dir: true, Mode: 0o755}, {Path: "private", Dir: true, Mode: 0o700},
		{Path: "private/key", Mode: 0o600, Data: []byte("k")}, {Path: "cert", Mode: 0o644, Data: []byte("c")},
	}}
}

func TestFleetCommits(t *testing.T) {
	w, out, records := openFleet(t)
	if err := errors.Join(w.Stage(bundleOf("a")), w.Stage(bundleOf("b"))); err != nil {
		t.Fatal(err)
	}
	if found, err := (store.Tree{}).Records(records); err != nil || len(found) > 0 {
		t.Errorf("before the commit: %v %v", found, err)
	}
	if err := errors.Join(w.Commit([]batch.Made{madeOf("a", 0xab)}), w.Drop()); err != nil {
		t.Fatal(err)
	}
	if got, want := labfiles.Tree(t, out), ". drwxr-xr-x\na drwxr-xr-x\na/cert -rw-r--r-- c\na/private drwx------\na/private/key -rw------- k\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := labfiles.Tree(t, records), ". drwxr-xr-x\nAB.pem -rw-r--r-- r\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// An obstacle to one bundle keeps the whole batch from happening.
func TestFleetTakesABatchBack(t *testing.T) {
	w, out, records := openFleet(t)
	if err := errors.Join(w.Stage(bundleOf("a")), w.Stage(bundleOf("b")), os.MkdirAll(filepath.Join(out, "b", "c"), 0o755)); err != nil {
		t.Fatal(err)
	}
	before := labfiles.Tree(t, out)
	all := []batch.Made{madeOf("a", 1), madeOf("b", 2)}
	if err := w.Commit(all); err == nil {
		t.Error("committed over a bundle that is there")
	}
	if got := labfiles.Tree(t, out); got != before {
		t.Errorf("got\n%swant\n%s", got, before)
	}
	if left, err := filepath.Glob(records + "/*.pem"); err != nil || len(left) > 0 {
		t.Errorf("records are left: %s", left)
	}
	if err := os.RemoveAll(filepath.Join(out, "b")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(all); err != nil {
		t.Error(err)
	}
}

func TestFleetRefusesATwin(t *testing.T) {
	w, _, _ := openFleet(t)
	if err := w.Stage(bundleOf("a")); err != nil {
		t.Fatal(err)
	}
	if err := w.Stage(bundleOf("a")); err == nil {
		t.Error("staged twice")
	}
}

// A staged bundle of a killed run is finished if all its records exist. The others are removed,
// with the records that they have. Files that the journal does not name stay.
func TestFleetRecovers(t *testing.T) {
	w, out, records := openFleet(t)
	all := []batch.Made{madeOf("whole", 1, 2), madeOf("half", 3, 4), madeOf("none", 5)}
	for _, m := range append(all, madeOf("torn")) {
		if err := w.Stage(bundleOf(m.Name)); err != nil {
			t.Fatal(err)
		}
	}
	staged := labfiles.Tree(t, out)
	if err := w.Commit(all); err != nil {
		t.Fatal(err)
	}
	for _, m := range all { // as it was before the bundles got their names
		if err := os.Rename(filepath.Join(out, m.Name), filepath.Join(stagingIn(t, out), m.Name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := labfiles.Tree(t, out); got != staged {
		t.Fatalf("got\n%swant\n%s", got, staged)
	}
	for _, serial := range []string{"04", "05"} {
		if err := os.Remove(filepath.Join(records, serial+".pem")); err != nil {
			t.Fatal(err)
		}
	}
	labfiles.Write(t, filepath.Join(records, "77.pem"), "r", 0o644)
	if !batch.Unfinished(store.Tree{}, out, "fleet", records) || batch.Unfinished(store.Tree{}, out, "other", records) || batch.Unfinished(store.Tree{}, records, "fleet", records) {
		t.Error("Unfinished does not see what is staged")
	}
	w = againFleet(t, w, out, records)
	if err := w.Recover(); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(out); err != nil || len(names) != 1 || names[0].Name() != "whole" {
		t.Errorf("got %v, %v, want whole", names, err)
	}
	if got, want := labfiles.Tree(t, records), ". drwxr-xr-x\n01.pem -rw-r--r-- r\n02.pem -rw-r--r-- r\n77.pem -rw-r--r-- r\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if err := w.Recover(); err != nil {
		t.Errorf("again: %v", err)
	}
}

// stagingIn finds the staging directory.
func stagingIn(t *testing.T, out string) string {
	t.Helper()
	found, err := filepath.Glob(out + "/.virtpki-*.tmp")
	if err != nil || len(found) != 1 {
		t.Fatalf("staging directories: %v %v", found, err)
	}
	return found[0]
}

// A power cut may truncate a journal anywhere, also within its last line.
func TestFleetRecoversFromATornJournal(t *testing.T) {
	w, out, records := openFleet(t)
	if err := w.Stage(bundleOf(`a "b"`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit([]batch.Made{madeOf(`a "b"`, 1)}); err != nil {
		t.Fatal(err)
	}
	journal := journalIn(t, records)
	data, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		labfiles.Write(t, journal, string(data[:n]), 0o600)
		w = againFleet(t, w, out, records)
		if err := w.Recover(); err != nil {
			t.Fatalf("%q: %v", data[:n], err)
		}
		if batch.Unfinished(store.Tree{}, out, "fleet", records) || !store.Exists(filepath.Join(records, "01.pem")) || !store.Exists(filepath.Join(out, `a "b"`)) {
			t.Fatalf("%q: something is gone, or left", data[:n])
		}
		labfiles.Write(t, journal, string(data[:n]), 0o600)
		w = againFleet(t, w, out, records)
		if err := errors.Join(w.Begin(), w.Drop()); err != nil {
			t.Fatalf("%q: beginning behind it: %v", data[:n], err)
		}
	}
	labfiles.Write(t, journal, string(data)+"01 no name\n", 0o600)
	if err := againFleet(t, w, out, records).Recover(); err == nil {
		t.Error("went on with a journal that virtpki has not written")
	}
}

func journalIn(t *testing.T, records string) string {
	t.Helper()
	found, err := filepath.Glob(records + "/.virtpki-fleet-*")
	if err != nil || len(found) != 1 {
		t.Fatalf("journals: %v %v", found, err)
	}
	return found[0]
}

func TestArchiveGoesOn(t *testing.T) {
	w, out, records := openFleet(t)
	a, err := w.OpenArchive("all.tar")
	if err != nil {
		t.Fatal(err)
	}
	write := func(a *batch.Archive, text string, serial int64) {
		t.Helper()
		if _, err := a.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := a.Commit([]batch.Made{madeOf("host", serial)}); err != nil {
			t.Fatal(err)
		}
	}
	write(a, "one ", 1)
	if _, err := a.Write([]byte("torn")); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	w = againFleet(t, w, out, records)
	if a, err = w.OpenArchive("all.tar"); err != nil {
		t.Fatal(err)
	}
	if !w.Recorded("01") || w.Recorded("03") {
		t.Error("Recorded does not see the records")
	}
	there := make([]byte, 100)
	if n, _ := a.Read(there); string(there[:n]) != "one torn" {
		t.Errorf("staged: %q", there[:n])
	}
	if err := a.Keep(4); err != nil {
		t.Fatal(err)
	}
	write(a, "two", 2)
	if err := errors.Join(a.Finish(), a.Close()); err != nil {
		t.Fatal(err)
	}
	if got, want := labfiles.Tree(t, out), ". drwxr-xr-x\nall.tar -rw------- one two\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := labfiles.Tree(t, records), ". drwxr-xr-x\n01.pem -rw-r--r-- r\n02.pem -rw-r--r-- r\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// The records that the next run does not keep of an archive are removed, and nothing else.
func TestArchiveForgets(t *testing.T) {
	w, out, records := openFleet(t)
	a, err := w.OpenArchive("all.tar")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Commit([]batch.Made{madeOf("a", 1, 2), madeOf("b", 3, 4)}), a.Close()); err != nil {
		t.Fatal(err)
	}
	labfiles.Write(t, filepath.Join(records, "77.pem"), "r", 0o644)
	w = againFleet(t, w, out, records)
	if a, err = w.OpenArchive("all.tar"); err != nil {
		t.Fatal(err)
	}
	if err := w.Forget(map[string]bool{"01": true, "02": true, "03": true}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Finish(), a.Close()); err != nil {
		t.Fatal(err)
	}
	if got, want := labfiles.Tree(t, records), ". drwxr-xr-x\n01.pem -rw-r--r-- r\n02.pem -rw-r--r-- r\n77.pem -rw-r--r-- r\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// An archive that is still empty leaves nothing behind.
func TestArchiveLeavesNothing(t *testing.T) {
	w, out, _ := openFleet(t)
	a, err := w.OpenArchive("all.tar")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := labfiles.Tree(t, out), ". drwxr-xr-x\n"; got != want {
		t.Errorf("left: %s", got)
	}
}

// A staging directory that others own, or can enter, is refused, and the CA keeps its records.
func TestFleetRefusesStagingOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to have somebody else")
	}
	for _, spoil := range []func(staging string) error{
		func(staging string) error { return os.Chown(staging, 12345, 12345) },
		func(staging string) error { return os.Chmod(staging, 0o750) },
		func(staging string) error { return errors.Join(os.RemoveAll(staging), os.Symlink("/etc", staging)) },
		func(staging string) error {
			return errors.Join(os.RemoveAll(staging), os.WriteFile(staging, nil, 0o600))
		},
	} {
		w, out, records := openFleet(t)
		staging := stagingIn(t, out)
		if err := errors.Join(w.Record([]batch.Made{madeOf("a", 1)}), spoil(staging)); err != nil {
			t.Fatal(err)
		}
		if err := againFleet(t, w, out, records).Recover(); err == nil {
			t.Error("went on")
		}
		if !store.Exists(filepath.Join(records, "01.pem")) || !store.Exists(staging) {
			t.Error("something is gone")
		}
	}
}
