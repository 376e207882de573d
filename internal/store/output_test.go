package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"virtpki/internal/lab/labfiles"
	"virtpki/internal/store"
)

// ourText is the beginning of outputs in these tests.
var ourText = []byte("ours: ")

func output(path string, force bool) store.Output {
	return store.Output{Path: path, Data: []byte("ours: new"), Mode: 0o644, Owner: &store.Owner{}, Force: force,
		Ours: func(there []byte) bool { return bytes.HasPrefix(there, ourText) }}
}

// applyOutput plans a file and applies the plan.
func applyOutput(o store.Output) (changes int, err error) {
	var plan store.Plan
	if err := plan.Output(o); err != nil {
		return 0, err
	}
	return len(plan.Changes()), plan.Apply()
}

// A file that is not ours is replaced only if that is forced.
func TestOutput(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to have somebody else")
	}
	key := text("ours: no\n-----BEGIN PRIVATE KEY-----\n", 0o600)
	if path := filepath.Join(t.TempDir(), "key"); errors.Join(key(path), os.Chmod(path, 0o666)) == nil {
		if _, err := applyOutput(output(path, true)); !errors.Is(err, store.ErrPrivateKey) {
			t.Errorf("a private key: %v", err)
		}
	}
	cases := []struct {
		name    string
		make    func(path string) error
		refused bool // unless forced
		changes int
	}{
		{"nothing", func(string) error { return nil }, false, 1},
		{"ours", text("ours: old", 0o644), false, 1},
		{"ours, the same", text("ours: new", 0o644), false, 0},
		{"ours, closed", text("ours: new", 0o600), false, 1},
		{"empty", text("", 0o600), false, 1},
		{"not ours", text("theirs", 0o644), true, 1},
		{"ours, open to all", text("ours: old", 0o666), true, 1},
		{"ours, the same, open to all", text("ours: new", 0o646), true, 1},
		{"of another user", by(12345, text("ours: old", 0o644)), true, 1},
		{"of another user, empty", by(12345, text("", 0o644)), true, 1},
		{"of another user, the same", by(12345, text("ours: new", 0o644)), true, 1},
	}
	for _, c := range cases {
		for _, force := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "out")
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			held, _ := os.Open(path)
			before := labfiles.Tree(t, filepath.Dir(path))
			changes, err := applyOutput(output(path, force))
			if c.refused && !force {
				if !errors.Is(err, store.ErrNotOurs) || labfiles.Tree(t, filepath.Dir(path)) != before {
					t.Errorf("%s: %v", c.name, err)
				}
				continue
			}
			if err != nil || changes != c.changes {
				t.Errorf("%s, force %v: %d changes, %v", c.name, force, changes, err)
			}
			if got, want := labfiles.Tree(t, filepath.Dir(path)), ". drwxr-xr-x\nout -rw-r--r-- ours: new\n"; got != want || ownerOf(t, path).UID != 0 {
				t.Errorf("%s, force %v: got\n%s of %v, want\n%s", c.name, force, got, ownerOf(t, path), want)
			}
			if now, err := os.Stat(path); c.refused && held != nil && err == nil {
				if was, err := held.Stat(); err == nil && os.SameFile(was, now) {
					t.Errorf("%s: the file of before is still there, and whoever had it open can write to it", c.name)
				}
			}
		}
	}
}

func text(contents string, mode os.FileMode) func(string) error {
	return func(path string) error {
		return errors.Join(os.WriteFile(path, []byte(contents), mode), os.Chmod(path, mode))
	}
}

func by(uid int, first func(string) error) func(string) error {
	return func(path string) error { return errors.Join(first(path), os.Chown(path, uid, uid)) }
}

// An entry that is not a file stays, even if that is forced, and a FIFO does not hang the run.
func TestOutputIsAFile(t *testing.T) {
	for name, make := range map[string]func(string) error{
		"link": func(path string) error { return os.Symlink("/nowhere/at/all", path) },
		"link to ours": func(path string) error {
			return errors.Join(text("ours: old", 0o644)(path+"2"), os.Symlink(path+"2", path))
		},
		"directory":     func(path string) error { return os.Mkdir(path, 0o755) },
		"FIFO":          func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"link to stdin": func(path string) error { return os.Symlink("/dev/stdin", path) },
	} {
		path := filepath.Join(t.TempDir(), "out")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if _, err := applyOutput(output(path, true)); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

// No output is written into a directory in which every user can exchange files; one like /tmp is
// allowed.
func TestOutputIntoSharedDirectories(t *testing.T) {
	for mode, refused := range map[os.FileMode]bool{0o777: true, 0o757: true, 0o777 | os.ModeSticky: false, 0o775: false} {
		folder := t.TempDir()
		if err := os.Chmod(folder, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := applyOutput(output(filepath.Join(folder, "out"), false)); (err != nil) != refused {
			t.Errorf("%v: %v", mode, err)
		}
	}
}
