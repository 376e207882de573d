package store

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
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
	root, path := filepath.Clean(t.root), filepath.Clean(path)
	if root == "." || !filepath.IsLocal(root) || !filepath.IsLocal(path) { // two local ones have one beginning
		var err1, err2 error
		root, err1 = filepath.Abs(root)
		path, err2 = filepath.Abs(path)
		if err1 != nil || err2 != nil {
			return "", true // it cannot be told: the image's own folder then, and no other
		}
	}
	return strings.CutPrefix(path+"/", root+"/")
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

// holdsPath reports whether a path lies in the image.
func (t Tree) holdsPath(path string) bool {
	_, inside := t.below(path)
	return inside
}

// walk goes to a directory, and stays in the image if it lies there.
func (t Tree) walk(w *walk, path string) error {
	if t.holdsPath(path) {
		rel, err := t.enterImage(w, path)
		if err != nil {
			return err
		}
		return w.down(rel)
	}
	return w.from(path)
}

// from goes along a path of the machine. A path from the working directory begins
// there, whoever owns what is above it, unless that matters.
func (w *walk) from(path string) error {
	path = filepath.Clean(path)
	if filepath.IsLocal(path) && !w.policy.secret {
		if err := w.push(unix.AT_FDCWD, ".", ".", 0); err != nil {
			return err
		}
		return w.down(path)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := w.restart(); err != nil {
		return err
	}
	return w.down(full)
}

// enterImage goes to the image, and returns a path as it is seen there. Whatever
// follows stays in the image.
func (t Tree) enterImage(w *walk, path string) (rel string, err error) {
	rel, _ = t.below(path)
	if w.follow { // the root folder of another process may be no path at all
		err = w.push(unix.AT_FDCWD, t.root, t.root, 0)
	} else {
		err = w.from(t.root)
	}
	if err == nil {
		w.confine()
	}
	return rel, err
}
