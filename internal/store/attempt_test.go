package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"virtpki/internal/lab/labfiles"
	"virtpki/internal/store"
)

// paths returns the paths that a plan would change.
func paths(p *store.Plan, folder string) []string {
	var paths []string
	for _, c := range p.Changes() {
		rel, _ := filepath.Rel(folder, c.Path)
		paths = append(paths, rel)
	}
	return paths
}

// An attempt that fails leaves nothing of its plan: files, directories, the directories that are
// swapped, and those that the plan has looked at.
func TestAttemptPlansWholeOrNotAtAll(t *testing.T) {
	failed := errors.New("failed")
	var folder string
	file := func(p *store.Plan, name string) error {
		return p.File(filepath.Join(folder, name), []byte(name), 0o644, nil)
	}
	tests := []struct {
		name   string
		decide func(p *store.Plan) error
		want   []string
	}{
		{"done", func(p *store.Plan) error { return file(p, "key") }, []string{"first", "key", "last"}},
		{"a file", func(p *store.Plan) error { return errors.Join(file(p, "key"), failed) }, []string{"first", "last"}},
		{"a link in the way", func(p *store.Plan) error { return errors.Join(file(p, "key"), file(p, "link")) }, []string{"first", "last"}},
		{"the last one, again", func(p *store.Plan) error { return errors.Join(file(p, "last"), failed) }, []string{"first", "last"}},
		{"a folder", func(p *store.Plan) error {
			sub := filepath.Join(folder, "sub")
			return errors.Join(p.Parents(sub, 0o755, nil), p.Remove(filepath.Join(folder, "there")), failed)
		}, []string{"first", "last"}},
		{"one inside another", func(p *store.Plan) error {
			inner := p.Attempt(func() error { return errors.Join(file(p, "inner"), failed) })
			if !errors.Is(inner, failed) {
				return errors.New("the inner one did not fail")
			}
			return file(p, "outer")
		}, []string{"first", "outer", "last"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder = t.TempDir()
			labfiles.Write(t, filepath.Join(folder, "there"), "there", 0o644)
			if err := os.Symlink("there", filepath.Join(folder, "link")); err != nil {
				t.Fatal(err)
			}
			var p store.Plan
			if err := file(&p, "first"); err != nil {
				t.Fatal(err)
			}
			err := p.Attempt(func() error { return test.decide(&p) })
			if done := slices.Equal(test.want, []string{"first", "last"}); done != (err != nil) {
				t.Errorf("the attempt: %v", err)
			}
			if err := errors.Join(file(&p, "last"), p.Apply()); err != nil {
				t.Fatal(err)
			}
			if got := paths(&p, folder); !slices.Equal(got, test.want) {
				t.Errorf("changes %v, want %v", got, test.want)
			}
			for _, name := range []string{"key", "inner", "sub"} {
				if store.Exists(filepath.Join(folder, name)) != slices.Contains(test.want, name) {
					t.Errorf("%s is there, or is not", name)
				}
			}
		})
	}
}

// A directory that a failed attempt has planned is planned again by the next one.
func TestAttemptForgetsFolders(t *testing.T) {
	sub := filepath.Join(t.TempDir(), "sub")
	var p store.Plan
	p.Attempt(func() error { return errors.Join(p.Dir(sub, 0o700, nil), errors.New("failed")) })
	if err := errors.Join(p.Dir(sub, 0o755, nil), p.File(filepath.Join(sub, "file"), nil, 0o644, nil), p.Apply()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(sub); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v, want the mode of the second attempt", info, err)
	}
}

// A statement that failed outside of an attempt keeps the plan from being applied: it
// may hold half of a pair.
func TestHalfAPlanIsNotApplied(t *testing.T) {
	folder := t.TempDir()
	key, link, missing := filepath.Join(folder, "key"), filepath.Join(folder, "link"), filepath.Join(folder, "missing")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	for name, state := range map[string]func(p *store.Plan) error{
		"File":     func(p *store.Plan) error { return p.File(link, nil, 0o644, nil) },
		"Keep":     func(p *store.Plan) error { return p.Keep(link, nil, 0o644, nil) },
		"KeepLike": func(p *store.Plan) error { return p.KeepLike(key, missing, nil) },
		"Remove":   func(p *store.Plan) error { return p.Remove(folder) },
		"Dir":      func(p *store.Plan) error { return p.Dir(link, 0o755, nil) },
		"Parents":  func(p *store.Plan) error { return p.Parents(filepath.Join(link, "sub"), 0o755, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var p store.Plan
			if err := p.File(key, []byte("new"), 0o600, nil); err != nil {
				t.Fatal(err)
			}
			failed := state(&p)
			if err := p.Apply(); failed == nil || !errors.Is(err, failed) || store.Exists(key) {
				t.Errorf("planning: %v; applying: %v; a key is there: %v", failed, err, store.Exists(key))
			}
		})
	}
}
