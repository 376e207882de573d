package store

import (
	"path/filepath"
	"strings"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// Tree is the file system that a run works in. The zero value is the machine's own; others are
// the image below a directory. A path below the directory never leads out of it: links are
// resolved in it, as in a chroot. Other paths, those that the user has typed, are the machine's.
type Tree struct{ root string }

// At returns the tree below a directory; "/" is the machine's own.
func At(root string) Tree {
	if filepath.Clean(root) == "/" {
		return Tree{}
	}
	return Tree{root}
}

// below returns a path as it is seen inside the image. inside reports whether the path lies
// there.
func (t Tree) below(path string) (rel string, inside bool) {
	if t.root == "" {
		return "", false
	}
	root, path := filepath.Clean(t.root), filepath.Clean(path)
	if root == "." || !filepath.IsLocal(root) || !filepath.IsLocal(path) { // two local paths begin at the same directory
		var err1, err2 error
		root, err1 = filepath.Abs(root)
		path, err2 = filepath.Abs(path)
		if err1 != nil || err2 != nil {
			return "", true // it is not known: the image's own directory then, and no other
		}
	}
	return strings.CutPrefix(path+"/", root+"/")
}

// OpenDir opens a directory, if the policy trusts the way to it.
func (t Tree) OpenDir(path string, p safedir.Policy) (*safedir.Dir, error) {
	if !p.Secret { // then the path only has to be free of links
		file, done, err := safedir.OpenStraight(filepath.Clean(path), unix.O_RDONLY|unix.O_DIRECTORY)
		switch {
		case done && err == nil:
			return &safedir.Dir{File: file, Path: path}, nil
		case done:
			return nil, err
		}
	}
	w := &safedir.Walk{Policy: p}
	defer w.Close()
	if err := t.walk(w, path); err != nil {
		return nil, err
	}
	return w.Last(path)
}

// holdsPath reports whether a path lies in the image.
func (t Tree) holdsPath(path string) bool {
	_, inside := t.below(path)
	return inside
}

// Walk goes to a directory, and stays in the image if it lies there.
func (t Tree) walk(w *safedir.Walk, path string) error {
	if t.holdsPath(path) {
		rel, err := t.enterImage(w, path)
		if err != nil {
			return err
		}
		return w.Down(rel)
	}
	return w.From(path)
}

// OpenDir opens a directory, if the policy trusts the way to it. The path may be
// relative, and may lead over links of root and of this process's user.
func openDir(path string, p safedir.Policy) (*safedir.Dir, error) { return Tree{}.OpenDir(path, p) }

// enterImage goes to the image, and returns a path as it is seen there. All further steps stay
// in the image.
func (t Tree) enterImage(w *safedir.Walk, path string) (rel string, err error) {
	rel, _ = t.below(path)
	return rel, w.EnterRoot(t.root)
}
