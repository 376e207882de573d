package store_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"virtpki/internal/lab/labfiles"
	"virtpki/internal/store"
)

// pairPlan replaces the key pair in a directory by generation n.
func pairPlan(t *testing.T, folder string, n int) *store.Plan {
	t.Helper()
	var p store.Plan
	p.Together(folder)
	if err := errors.Join(
		p.File(filepath.Join(folder, "private", "key"), fmt.Appendf(nil, "%d", n), 0o600, nil),
		p.File(filepath.Join(folder, "cert"), fmt.Appendf(nil, "%d", n), 0o644, nil),
	); err != nil {
		t.Fatal(err)
	}
	return &p
}

func writePair(t *testing.T, folder string) {
	t.Helper()
	labfiles.Write(t, filepath.Join(folder, "private", "key"), "0", 0o600)
	labfiles.Write(t, filepath.Join(folder, "cert"), "0", 0o644)
	labfiles.Write(t, filepath.Join(folder, "of-others"), "kept", 0o640)
	if err := os.Symlink("cert", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
}

func TestTogetherKeepsTheGenerationBefore(t *testing.T) {
	top := t.TempDir()
	folder := filepath.Join(top, "pki")
	writePair(t, folder)
	before := labfiles.Tree(t, folder)
	for n := 1; n <= 3; n++ {
		p := pairPlan(t, folder, n)
		if err := p.Apply(); err != nil {
			t.Fatal(err)
		}
		if weaker := p.Weaker(); weaker != nil {
			t.Fatal(weaker)
		}
		after := strings.NewReplacer("-rw------- 0", fmt.Sprintf("-rw------- %d", n), "-rw-r--r-- 0", fmt.Sprintf("-rw-r--r-- %d", n)).Replace(before)
		if got := labfiles.Tree(t, folder); got != after {
			t.Fatalf("generation %d:\n%swant\n%s", n, got, after)
		}
		kept, err := os.ReadFile(filepath.Join(store.Previous(folder), "cert"))
		if err != nil || string(kept) != fmt.Sprint(n-1) {
			t.Fatalf("previous of %d: %q, %v", n, kept, err)
		}
	}
	entries, err := os.ReadDir(top)
	if err != nil || len(entries) != 2 {
		t.Errorf("left in the folder above: %v, %v", entries, err)
	}
	if len(pairPlan(t, folder, 3).Changes()) != 0 {
		t.Error("the same generation again is a change")
	}
}

func TestRollbackIsItsOwnReverse(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "pki")
	writePair(t, folder)
	if err := store.At("/").Rollback(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a previous generation: %v", err)
	}
	if err := pairPlan(t, folder, 1).Apply(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0", "1", "0"} {
		if err := store.At("/").Rollback(folder); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(filepath.Join(folder, "private", "key")); string(got) != want {
			t.Errorf("after rollback: %q, want %q", got, want)
		}
	}
}

// A reader that opens the directory once, as a daemon with an open descriptor of it would, never
// sees two generations.
func TestTogetherIsOneInstant(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "pki")
	writePair(t, folder)
	var stop atomic.Bool
	var readers sync.WaitGroup
	var reads atomic.Int64
	readers.Go(func() {
		for !stop.Load() {
			if err := readPair(folder); err != nil {
				t.Error(err)
				return
			}
			reads.Add(1)
		}
	})
	for n := 1; n <= 200; n++ {
		if err := pairPlan(t, folder, n).Apply(); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	readers.Wait()
	if reads.Load() == 0 {
		t.Error("nothing was read")
	}
}

// readPair returns an error unless key and certificate of one directory are of one generation.
func readPair(folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	key, err1 := root.ReadFile("private/key")
	cert, err2 := root.ReadFile("cert")
	if errors.Is(err1, fs.ErrNotExist) || errors.Is(err2, fs.ErrNotExist) {
		return nil // this directory was the previous generation, and is gone
	}
	if err1 != nil || err2 != nil || string(key) != string(cert) {
		return fmt.Errorf("key %q, certificate %q, %v, %v", key, cert, err1, err2)
	}
	return nil
}

// The next run recovers from a kill before the exchange and after it.
func TestSwapIsRecovered(t *testing.T) {
	inode := func(path string) uint64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Ino
	}
	for _, exchanged := range []bool{false, true} {
		folder := filepath.Join(t.TempDir(), "pki")
		other := filepath.Join(filepath.Dir(folder), "other")
		writePair(t, folder)
		writePair(t, other)
		labfiles.Write(t, filepath.Join(folder, "cert"), "live", 0o644)
		labfiles.Write(t, filepath.Join(other, "cert"), "staged", 0o644)
		staged := filepath.Join(filepath.Dir(folder), fmt.Sprintf(".pki.swap-%d", inode(folder)))
		if exchanged { // the names as they are after the exchange
			staged = filepath.Join(filepath.Dir(folder), fmt.Sprintf(".pki.swap-%d", inode(other)))
		}
		if err := os.Rename(other, staged); err != nil {
			t.Fatal(err)
		}
		if err := pairPlan(t, folder, 7).Apply(); err != nil {
			t.Fatal(err)
		}
		if store.Exists(staged) {
			t.Errorf("exchanged %v: the leaving is still there", exchanged)
		}
		if got, _ := os.ReadFile(filepath.Join(store.Previous(folder), "cert")); string(got) != "live" {
			t.Errorf("exchanged %v: previous generation is %q", exchanged, got)
		}
	}
}

func TestTogetherFailsWhole(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "pki")
	writePair(t, folder)
	p := pairPlan(t, folder, 1)
	if err := p.File(filepath.Join(folder, "gone", "file"), []byte("x"), 0o600, nil); err != nil {
		t.Fatal(err)
	}
	before := labfiles.Tree(t, filepath.Dir(folder))
	if err := p.Apply(); err == nil {
		t.Fatal("Apply succeeded without the folder of a file")
	}
	if after := labfiles.Tree(t, filepath.Dir(folder)); after != before {
		t.Errorf("left\n%swas\n%s", after, before)
	}
}

// Writing into a file in place does not change the previous generation.
func TestGenerationsShareNoFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "pki")
	writePair(t, folder)
	if err := pairPlan(t, folder, 1).Apply(); err != nil {
		t.Fatal(err)
	}
	labfiles.Write(t, filepath.Join(folder, "of-others"), "written in place", 0o640)
	if got, err := os.ReadFile(filepath.Join(store.Previous(folder), "of-others")); string(got) != "kept" {
		t.Errorf("the generation before has %q, %v", got, err)
	}
}

// wholePlan makes a directory with a key pair in it.
func wholePlan(t *testing.T, folder string) *store.Plan {
	t.Helper()
	var p store.Plan
	p.Together(folder)
	if err := errors.Join(
		p.Dir(folder, 0o750, nil),
		p.Dir(filepath.Join(folder, "private"), 0o700, nil),
		p.File(filepath.Join(folder, "private", "key"), []byte("k"), 0o640, nil),
		p.File(filepath.Join(folder, "cert"), []byte("c"), 0o644, nil),
	); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestTogetherMakesAFolderWhole(t *testing.T) {
	top, away := t.TempDir(), t.TempDir()
	folder := filepath.Join(top, "pki")
	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- neverEmpty(folder, stop) }()
	for n := range 200 {
		if err := wholePlan(t, folder).Apply(); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(folder, filepath.Join(away, fmt.Sprint(n))); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := wholePlan(t, folder).Apply(); err != nil {
		t.Fatal(err)
	}
	if got, want := labfiles.Tree(t, folder), ". drwxr-x---\ncert -rw-r--r-- c\nprivate drwx------\nprivate/key -rw-r----- k\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := wholePlan(t, folder).Changes(); len(got) != 0 {
		t.Errorf("made again it has changes: %v", got)
	}
	if entries, err := os.ReadDir(top); err != nil || len(entries) != 1 {
		t.Errorf("left in the folder above: %v, %v", entries, err)
	}
}

// neverEmpty looks at a directory, when it is there, until stop: opened once, it must hold both
// of its names.
func neverEmpty(folder string, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		f, err := os.Open(folder)
		if err != nil {
			continue
		}
		names, err := f.Readdirnames(-1)
		f.Close()
		if err != nil || len(names) != 2 {
			return fmt.Errorf("the folder was there with %v in it: %v", names, err)
		}
	}
}

func TestTogetherTakesAFolderBack(t *testing.T) {
	top := t.TempDir()
	folder := filepath.Join(top, "pki")
	labfiles.Write(t, filepath.Join(top, ".pki.swap-0", "cert"), "of a run that was killed", 0o644)
	p := wholePlan(t, folder)
	labfiles.Write(t, filepath.Join(folder, "of-others"), "came in between", 0o644)
	if err := p.Apply(); err == nil {
		t.Fatal("a folder that came in between was replaced")
	}
	if got, want := labfiles.Tree(t, top), ". drwxr-xr-x\npki drwxr-xr-x\npki/of-others -rw-r--r-- came in between\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestBeforeFindsTheGenerationOfAKilledRun(t *testing.T) {
	top := t.TempDir()
	folder := filepath.Join(top, "pki")
	writePair(t, folder)
	if got := store.At("/").Before(folder); got != store.Previous(folder) {
		t.Errorf("without one: %s", got)
	}
	if err := pairPlan(t, folder, 1).Apply(); err != nil {
		t.Fatal(err)
	}
	// A run that is killed right after the exchange leaves the directory that was in use, under
	// a name with its own inode. One that is killed before it leaves the new directory, under
	// the inode of the one in use.
	for exchanged, named := range map[bool]string{true: store.Previous(folder), false: folder} {
		info, err := os.Stat(named)
		if err != nil {
			t.Fatal(err)
		}
		swap := filepath.Join(top, fmt.Sprintf(".pki.swap-%d", info.Sys().(*syscall.Stat_t).Ino))
		if err := os.Rename(store.Previous(folder), swap); err != nil {
			t.Fatal(err)
		}
		switch got := store.At("/").Before(folder); {
		case exchanged && got != swap:
			t.Errorf("after the exchange: %s, want %s", got, swap)
		case !exchanged && got != store.Previous(folder):
			t.Errorf("before the exchange: %s, want %s", got, store.Previous(folder))
		}
		if err := os.Rename(swap, store.Previous(folder)); err != nil {
			t.Fatal(err)
		}
	}
}
