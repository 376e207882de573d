package store_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"virtpki/internal/lab/labfiles"
	"virtpki/internal/store"
)

func TestApplyMakesExactModesWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077, 0o777} {
		folder := t.TempDir()
		old := syscall.Umask(mask)
		var p store.Plan
		err := errors.Join(
			p.Dir(filepath.Join(folder, "open"), 0o755, nil),
			p.File(filepath.Join(folder, "open", "cert"), []byte("c"), 0o644, nil),
			p.File(filepath.Join(folder, "open", "key"), []byte("k"), 0o600, nil),
		)
		if err == nil {
			err = p.Apply()
		}
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		want := "open drwxr-xr-x\nopen/cert -rw-r--r-- c\nopen/key -rw------- k\n"
		if got := labfiles.Tree(t, folder); !strings.HasSuffix(got, want) {
			t.Errorf("umask %04o:\n%s\nwant\n%s", mask, got, want)
		}
	}
}

func TestPlanIsEmptyTheSecondTime(t *testing.T) {
	folder := t.TempDir()
	plan := func() *store.Plan {
		var p store.Plan
		if err := errors.Join(
			p.Parents(filepath.Join(folder, "a", "b"), 0o755, nil),
			p.Dir(filepath.Join(folder, "a", "b", "c"), 0o700, nil),
			p.File(filepath.Join(folder, "a", "b", "c", "f"), []byte("x"), 0o600, nil),
		); err != nil {
			t.Fatal(err)
		}
		return &p
	}
	first := plan()
	if got := len(first.Changes()); got != 4 {
		t.Fatalf("first plan has %d changes, want 4", got)
	}
	if err := first.Apply(); err != nil {
		t.Fatal(err)
	}
	if got := plan().Changes(); len(got) != 0 {
		t.Errorf("second plan has changes: %v", got)
	}
}

func TestPlanTellsWhatDiffers(t *testing.T) {
	folder := t.TempDir()
	same, mode, text := filepath.Join(folder, "same"), filepath.Join(folder, "mode"), filepath.Join(folder, "text")
	labfiles.Write(t, same, "x", 0o600)
	labfiles.Write(t, mode, "x", 0o644)
	labfiles.Write(t, text, "y", 0o600)
	var p store.Plan
	for _, path := range []string{same, mode, text} {
		if err := p.File(path, []byte("x"), 0o600, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Dir(folder, 0o750, nil); err != nil {
		t.Fatal(err)
	}
	want := []store.Change{{Action: store.Adjust, Path: mode}, {Action: store.Replace, Path: text}, {Action: store.Adjust, Path: folder}}
	got := p.Changes()
	for i := range want {
		if i >= len(got) || got[i].Action != want[i].Action || got[i].Path != want[i].Path {
			t.Fatalf("changes %v, want %v", got, want)
		}
	}
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	if got, want := labfiles.Tree(t, folder), ". drwxr-x---\nmode -rw------- x\nsame -rw------- x\ntext -rw------- x\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestFileRefusesWhatIsNoFile(t *testing.T) {
	folder := t.TempDir()
	labfiles.Write(t, filepath.Join(folder, "real"), "x", 0o600)
	dir, link, dangling := filepath.Join(folder, "dir"), filepath.Join(folder, "link"), filepath.Join(folder, "dangling")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Symlink("real", link), os.Symlink("nowhere", dangling)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "a directory, not a file", link: `a link to "real", not a file`, dangling: `a link to "nowhere", not a file`} {
		var p store.Plan
		if err := p.File(path, []byte("x"), 0o600, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("File(%s): %v, want %q", path, err, want)
		}
	}
}

// A plan that fails in the middle, in staging or in the renames, leaves the disk
// as it was.
func TestApplyIsAllOrNothing(t *testing.T) {
	breaks := map[string]func(folder string) error{
		"a folder is missing": func(folder string) error {
			return os.RemoveAll(filepath.Join(folder, "gone"))
		},
		"a rename meets a folder": func(folder string) error {
			path := filepath.Join(folder, "gone", "last")
			return errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "full"), 0o755))
		},
	}
	for name, sabotage := range breaks {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			labfiles.Write(t, filepath.Join(folder, "old"), "old", 0o640)
			labfiles.Write(t, filepath.Join(folder, "mode"), "m", 0o644)
			labfiles.Write(t, filepath.Join(folder, "gone", "last"), "last", 0o600)
			var p store.Plan
			if err := errors.Join(
				p.File(filepath.Join(folder, "old"), []byte("new"), 0o600, nil),
				p.File(filepath.Join(folder, "mode"), []byte("m"), 0o600, nil),
				p.Dir(filepath.Join(folder, "made"), 0o755, nil),
				p.File(filepath.Join(folder, "made", "fresh"), []byte("f"), 0o600, nil),
				p.File(filepath.Join(folder, "gone", "last"), []byte("changed"), 0o600, nil),
			); err != nil {
				t.Fatal(err)
			}
			if err := sabotage(folder); err != nil {
				t.Fatal(err)
			}
			before := labfiles.Tree(t, folder)
			if err := p.Apply(); err == nil {
				t.Fatal("Apply succeeded")
			}
			if after := labfiles.Tree(t, folder); after != before {
				t.Errorf("left\n%swas\n%s", after, before)
			}
		})
	}
}

func TestApplySweepsLeavings(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "[odd]*name")
	labfiles.Write(t, filepath.Join(folder, ".virtpki-9.tmp"), "half a key", 0o600)
	labfiles.Write(t, filepath.Join(folder, "other.tmp"), "somebody's", 0o600)
	var p store.Plan
	if err := p.File(filepath.Join(folder, "f"), []byte("x"), 0o600, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	if got, want := labfiles.Tree(t, folder), ". drwxr-xr-x\nf -rw------- x\nother.tmp -rw------- somebody's\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Undoing puts the very file back. It takes no space that a full disk would refuse, and leaves
// nothing beside it.
func TestApplyPutsTheSameFileBack(t *testing.T) {
	folder := t.TempDir()
	first, last := filepath.Join(folder, "a"), filepath.Join(folder, "b", "last")
	labfiles.Write(t, first, "old", 0o640)
	labfiles.Write(t, last, "last", 0o600)
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	var p store.Plan
	if err := errors.Join(p.File(first, []byte("new"), 0o600, nil), p.File(last, []byte("new"), 0o600, nil)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(last), os.MkdirAll(filepath.Join(last, "full"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(); err == nil {
		t.Fatal("Apply succeeded")
	}
	after, err := os.Stat(first)
	if err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("another file stands there: %v, %v", after, err)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A lock file that no run holds is that of a killed run: its leavings below the directory are
// swept, except those under another lock.
func TestAcquireSweepsBehindAKilledRun(t *testing.T) {
	folder := t.TempDir()
	deep, locked := filepath.Join(folder, "x", ".virtpki-1.tmp"), filepath.Join(folder, "y", ".virtpki-2.tmp")
	labfiles.Write(t, deep, "half a key", 0o600)
	labfiles.Write(t, locked, "another's", 0o600)
	labfiles.Write(t, filepath.Join(folder, "y", ".virtpki.lock"), "", 0o600)
	take := func() {
		lock, err := store.At("/").Acquire(context.Background(), folder, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if take(); !store.Exists(deep) || store.At("/").Interrupted(folder) {
		t.Error("swept where no run was killed")
	}
	labfiles.Write(t, filepath.Join(folder, ".virtpki.lock"), "", 0o600)
	if !store.At("/").Interrupted(t.TempDir(), folder) {
		t.Error("a lock file is not noticed")
	}
	if take(); store.Exists(deep) || !store.Exists(locked) {
		t.Errorf("the run's leaving is there: %t; what lies under another lock: %t", store.Exists(deep), store.Exists(locked))
	}
}

func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changing owners wants root")
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	labfiles.Write(t, path, "x", 0o600)
	if err := os.Chown(path, 12, 34); err != nil {
		t.Fatal(err)
	}
	var kept, set store.Plan
	if err := kept.Keep(path, []byte("y"), 0o644, &store.Owner{}); err != nil {
		t.Fatal(err)
	}
	if err := kept.Apply(); err != nil {
		t.Fatal(err)
	}
	if got := ownerOf(t, path); got != (store.Owner{UID: 12, GID: 34}) {
		t.Errorf("Keep made the owner %v", got)
	}
	if err := set.File(path, []byte("y"), 0o600, &store.Owner{}); err != nil {
		t.Fatal(err)
	}
	if err := set.Apply(); err != nil {
		t.Fatal(err)
	}
	if got := ownerOf(t, path); got != (store.Owner{}) {
		t.Errorf("File left the owner %v", got)
	}
}

func ownerOf(t *testing.T, path string) store.Owner {
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	sys := info.Sys().(*syscall.Stat_t)
	return store.Owner{UID: int(sys.Uid), GID: int(sys.Gid)}
}

// Many runs at once: one holds the lock at a time.
func TestLockExcludes(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	var group sync.WaitGroup
	var inside, most, turns int
	var mu sync.Mutex
	enter := func(step int) {
		mu.Lock()
		defer mu.Unlock()
		inside += step
		most = max(most, inside)
	}
	for range 8 {
		group.Go(func() {
			for range 5 {
				lock, err := store.At("/").Acquire(context.Background(), folder, func() {})
				if err != nil {
					t.Error(err)
					return
				}
				enter(1)
				turns++ // the race detector watches whether the lock excludes
				time.Sleep(time.Millisecond)
				enter(-1)
				if err := lock.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if most != 1 || turns != 40 {
		t.Errorf("%d at once, %d turns; want 1 and 40", most, turns)
	}
}

// The directories that were made for a lock go with it, as long as no other run waits for the
// same.
func TestLockLeavesNothing(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	lock, err := store.At("/").Acquire(context.Background(), folder, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if store.Exists(filepath.Dir(folder)) {
		t.Error("the folders made for the lock are still there")
	}
}

func TestLockWaitsUntilTheContextEnds(t *testing.T) {
	folder := t.TempDir()
	lock, err := store.At("/").Acquire(context.Background(), folder, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := store.At("/").Acquire(ctx, folder, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestReadFile(t *testing.T) {
	folder := t.TempDir()
	file, fifo, dangling := filepath.Join(folder, "file"), filepath.Join(folder, "fifo"), filepath.Join(folder, "dangling")
	labfiles.Write(t, file, "12345", 0o600)
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.Symlink("nowhere", dangling)); err != nil {
		t.Fatal(err)
	}
	if data, err := store.ReadFile(file, 5); err != nil || string(data) != "12345" {
		t.Errorf("ReadFile = %q, %v", data, err)
	}
	if _, err := store.ReadFile(filepath.Join(folder, "none"), 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v, want %v", err, fs.ErrNotExist)
	}
	for path, want := range map[string]string{file: "5 bytes are too large (at most 4)", fifo: "not a regular file", folder: "a directory, not a file", dangling: `a link to "nowhere", which does not exist`} {
		_, err := store.ReadFile(path, 4)
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadFile(%s): %v, want %q", path, err, want)
		}
	}
}

// TestOverLinks puts files in the place of links, if the plan allows it. A link whose target
// holds the same already stays, and targets do not change.
func TestOverLinks(t *testing.T) {
	for _, test := range []struct {
		name, target string
		over         bool
		link         bool // whether the link is there afterwards
		fails        bool
	}{
		{"not asked for", "old", false, true, true},
		{"another content", "old", true, false, false},
		{"the same content", "new", true, true, false},
		{"leads nowhere", "", true, false, false},
	} {
		folder := t.TempDir()
		target, path := filepath.Join(folder, "target"), filepath.Join(folder, "file.pem")
		if test.target != "" {
			if err := os.WriteFile(target, []byte(test.target), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		var p store.Plan
		if test.over {
			p.OverLinks()
		}
		err := p.File(path, []byte("new"), 0o600, nil)
		if err == nil {
			err = p.Apply()
		}
		_, notLink := os.Readlink(path)
		there, _ := os.ReadFile(target)
		if (err != nil) != test.fails || (notLink == nil) != test.link || string(there) != test.target {
			t.Errorf("%s: %v, a link %v, the target %q", test.name, err, notLink == nil, there)
		}
	}
}
