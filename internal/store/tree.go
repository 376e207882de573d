package store

import (
	"path/filepath"
	"strings"
)

// Tree is the file system that a run works in: the machine's own, which is the zero
// value, or the image below a directory. A path below the directory never leads out
// of it: links are resolved in it, as in a chroot. Other paths, those that the user
// has typed, are the machine's.
type Tree struct{ root string }

// At returns the tree below a directory; "/" is the machine's own.
func At(root string) Tree {
	if filepath.Clean(root) == "/" {
		return Tree{}
	}
	return Tree{root}
}

// below returns a path as it is seen inside the image; inside is whether it lies
// there.
func (t Tree) below(path string) (rel string, inside bool) {
	if t.root == "" {
		return "", false
	}
	root, err1 := filepath.Abs(t.root)
	full, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return "", false
	}
	rel, inside = strings.CutPrefix(full+"/", root+"/")
	return rel, inside
}

// openDir opens a directory, if the policy trusts the way to it.
func (t Tree) openDir(path string, p policy) (*dir, error) {
	w := &walk{policy: p}
	defer w.close()
	if err := t.walk(w, path); err != nil {
		return nil, err
	}
	return w.last(path)
}

// walk goes to a directory, and stays in the image if it lies there.
func (t Tree) walk(w *walk, path string) error {
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := w.openTop(); err != nil {
		return err
	}
	rel, inside := t.below(path)
	if !inside {
		return w.down(full)
	}
	root, err := filepath.Abs(t.root)
	if err != nil {
		return err
	}
	if err := w.down(root); err != nil {
		return err
	}
	w.confine()
	return w.down(rel)
}
