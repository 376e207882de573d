package store_test

import (
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"virtpki/internal/store"
)

// openFleet prepares a fleet in two new folders.
func openFleet(t *testing.T) (w *store.Fleet, out, records string) {
	t.Helper()
	out, records = t.TempDir(), t.TempDir()
	w, err := store.OpenFleet(out, "fleet", records, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, out, records
}

func bundleOf(name string) store.Bundle {
	return store.Bundle{Name: name, Pieces: []store.Piece{
		{Dir: true, Mode: 0o755}, {Path: "private", Dir: true, Mode: 0o700},
		{Path: "private/key", Mode: 0o600, Data: []byte("k")}, {Path: "cert", Mode: 0o644, Data: []byte("c")},
	}}
}

func TestFleetCommits(t *testing.T) {
	w, out, records := openFleet(t)
	if err := errors.Join(w.Stage(bundleOf("a")), w.Stage(bundleOf("b"))); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, records), ". drwxr-xr-x\n"; got != want {
		t.Errorf("before the commit: %s", got)
	}
	if err := w.Commit([]store.Record{{Serial: big.NewInt(0xab), Data: []byte("r")}}, []string{"a"}); err != nil {
		t.Fatal(err)
	}
	w.Drop()
	if got, want := tree(t, out), ". drwxr-xr-x\na drwxr-xr-x\na/cert -rw-r--r-- c\na/private drwx------\na/private/key -rw------- k\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := tree(t, records), ". drwxr-xr-x\nAB.pem -rw-r--r-- r\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What is in the way of one bundle keeps the whole batch from happening.
func TestFleetTakesABatchBack(t *testing.T) {
	w, out, records := openFleet(t)
	if err := errors.Join(w.Stage(bundleOf("a")), w.Stage(bundleOf("b")), os.MkdirAll(filepath.Join(out, "b", "c"), 0o755)); err != nil {
		t.Fatal(err)
	}
	before := tree(t, out)
	batch := []store.Record{{Serial: big.NewInt(1), Data: []byte("r")}, {Serial: big.NewInt(2), Data: []byte("r")}}
	if err := w.Commit(batch, []string{"a", "b"}); err == nil {
		t.Error("committed over a bundle that is there")
	}
	if got := tree(t, out); got != before {
		t.Errorf("got\n%swant\n%s", got, before)
	}
	if got, want := tree(t, records), ". drwxr-xr-x\n"; got != want {
		t.Errorf("records are left: %s", got)
	}
	if err := os.RemoveAll(filepath.Join(out, "b")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(batch, []string{"a", "b"}); err != nil {
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

// Of what a killed run has staged, a bundle with all of its records is finished; the
// others go, with the records that they have.
func TestFleetRecovers(t *testing.T) {
	w, out, records := openFleet(t)
	serials := map[string][]int64{"whole": {1, 2}, "half": {3, 4}, "none": {5}, "torn": {}}
	for name := range serials {
		if err := w.Stage(bundleOf(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, serial := range []string{"01", "02", "03", "77"} {
		if err := os.WriteFile(filepath.Join(records, serial+".pem"), []byte("r"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	certsOf := func(path string) ([]*x509.Certificate, error) {
		var certs []*x509.Certificate
		for _, serial := range serials[filepath.Base(path)] {
			certs = append(certs, &x509.Certificate{SerialNumber: big.NewInt(serial)})
		}
		if len(certs) == 0 {
			return nil, errors.New("torn")
		}
		return certs, nil
	}
	if !store.Unfinished(out, "fleet") || store.Unfinished(out, "other") {
		t.Error("Unfinished does not see what is staged")
	}
	if err := w.Recover(certsOf); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(out); err != nil || len(names) != 1 || names[0].Name() != "whole" {
		t.Errorf("got %v, %v, want whole", names, err)
	}
	if got, want := tree(t, records), ". drwxr-xr-x\n01.pem -rw-r--r-- r\n02.pem -rw-r--r-- r\n77.pem -rw-r--r-- r\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if err := w.Recover(certsOf); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestArchiveGoesOn(t *testing.T) {
	w, out, records := openFleet(t)
	a, err := w.OpenArchive("all.tar")
	if err != nil {
		t.Fatal(err)
	}
	write := func(a *store.Archive, text string, serial int64) {
		t.Helper()
		if _, err := a.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := a.Commit([]store.Record{{Serial: big.NewInt(serial), Data: []byte("r")}}); err != nil {
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
	if a, err = w.OpenArchive("all.tar"); err != nil {
		t.Fatal(err)
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
	if got, want := tree(t, out), ". drwxr-xr-x\nall.tar -rw------- one two\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if !w.Recorded("01") || w.Recorded("03") {
		t.Error("Recorded does not see the records")
	}
	if err := w.Forget([]string{"01", "03"}); err != nil || w.Recorded("01") {
		t.Errorf("not forgotten: %v", err)
	}
	if got, want := tree(t, records), ". drwxr-xr-x\n02.pem -rw-r--r-- r\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// An archive that has nothing in it yet leaves nothing behind.
func TestArchiveLeavesNothing(t *testing.T) {
	w, out, _ := openFleet(t)
	a, err := w.OpenArchive("all.tar")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, out), ". drwxr-xr-x\n"; got != want {
		t.Errorf("left: %s", got)
	}
}
