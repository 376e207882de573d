package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// snapshot is a tree: for each path its mode, owner and contents.
type snapshot map[string]string

func snap(t *testing.T, root string) snapshot {
	t.Helper()
	s := make(snapshot)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		s[rel], err = snapOne(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// snapOne returns the entry of a path in a snapshot.
func snapOne(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	text := fmt.Sprint(info.Mode(), ownerText(info))
	if !info.Mode().IsRegular() {
		return text, nil
	}
	data, err := os.ReadFile(path)
	return text + "\n" + string(data), err
}

func ownerText(info fs.FileInfo) string {
	sys := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf(" %d:%d", sys.Uid, sys.Gid)
}

// diff returns the differences between two trees; empty when they are equal.
func (s snapshot) diff(now snapshot) string {
	var lines []string
	for path, was := range s {
		if is, ok := now[path]; !ok {
			lines = append(lines, "gone: "+path)
		} else if is != was {
			lines = append(lines, fmt.Sprintf("changed: %s\n%s\nwas\n%s", path, is, was))
		}
	}
	for path := range now {
		if _, ok := s[path]; !ok {
			lines = append(lines, "new: "+path)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

var serialName = regexp.MustCompile(`[0-9A-F]{20,}\.pem`)

// shape returns a tree without contents and serials: two runs make the same shape.
func (s snapshot) shape() snapshot {
	out := make(snapshot)
	seen := make(map[string]int)
	for path, text := range s {
		mode, _, _ := strings.Cut(text, "\n")
		path = serialName.ReplaceAllString(path, "SERIAL.pem")
		seen[path]++
		out[fmt.Sprintf("%s (%d)", path, seen[path])] = mode
	}
	return out
}

func (s snapshot) withoutLeavings() snapshot {
	out := make(snapshot)
	for path, text := range s {
		if !isLeaving(path) {
			out[path] = text
		}
	}
	return out
}

// changing matches the parts of a text that differ from run to run.
var changing = regexp.MustCompile(`[0-9A-Fa-f]{8,}|[0-9]+`)

// likeness describes a tree without the bytes that differ from run to run: names, owners, modes, the
// files that are as they were before, those that are equal to each other, and the kind of the others.
// Of two trees with the same likeness the next run makes the same.
func (s snapshot) likeness(before snapshot) string {
	known := make(map[string]string) // contents, and a name for them
	for _, path := range slices.Sorted(maps.Keys(before)) {
		_, data, _ := strings.Cut(before[path], "\n")
		known[data] = "as was " + path
	}
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(s)) {
		mode, data, _ := strings.Cut(s[path], "\n")
		if known[data] == "" {
			known[data] = fmt.Sprintf("new %d %s", len(known), kindOf(data))
		}
		lines = append(lines, mode+" "+differing.ReplaceAllString(path, "${1}${2}N")+" "+known[data])
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// kindOf describes the contents of a file: the blocks of PEM, or the text without its numbers.
func kindOf(data string) string {
	if !strings.Contains(data, "-----BEGIN ") {
		return changing.ReplaceAllString(data, "N")
	}
	kind := ""
	for line := range strings.Lines(data) {
		if strings.HasPrefix(line, "-----") {
			kind += line
		}
	}
	return kind
}

// withInode matches the names of directories that are built beside their place. Their number is the
// inode of one of the two.
var withInode = regexp.MustCompile(`^(\..+\.swap-)(\d+)(\..+)$`)

// copyTree copies a tree to a path where nothing is, with owners, modes, the times of files, files
// that have two names, and inodes in the names of directories.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	names := make(map[uint64]string) // the copies, by inode
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		place := to + strings.TrimPrefix(path, from)
		sys := info.Sys().(*syscall.Stat_t)
		if first := names[sys.Ino]; first != "" && !info.IsDir() {
			return os.Link(first, place)
		}
		names[sys.Ino] = place
		return copyOne(path, place, info)
	})
	for _, place := range names {
		err = errors.Join(err, renumber(place, names))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// renumber gives a copy the name with the inode of the copy that it stands for. copies are the paths
// of the copies, by the inodes of the originals.
func renumber(place string, copies map[uint64]string) error {
	name := withInode.FindStringSubmatch(filepath.Base(place))
	if name == nil {
		return nil
	}
	was, _ := strconv.ParseUint(name[2], 10, 64)
	meant, known := copies[was]
	if !known {
		return nil
	}
	info, err := os.Lstat(meant)
	if err != nil {
		return err
	}
	now := info.Sys().(*syscall.Stat_t).Ino
	return os.Rename(place, filepath.Join(filepath.Dir(place), fmt.Sprint(name[1], now, name[3])))
}

// copyOne copies a file, a link, or a directory without its files.
func copyOne(path, place string, info fs.FileInfo) error {
	sys := info.Sys().(*syscall.Stat_t)
	switch info.Mode().Type() {
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		return errors.Join(err, os.Symlink(target, place), os.Lchown(place, int(sys.Uid), int(sys.Gid)))
	case fs.ModeDir:
		return errors.Join(os.Mkdir(place, 0o700), os.Chown(place, int(sys.Uid), int(sys.Gid)), os.Chmod(place, info.Mode()))
	case 0:
		data, err := os.ReadFile(path)
		if err := errors.Join(err, os.WriteFile(place, data, 0o600)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s: cannot copy %s", path, info.Mode())
	}
	return errors.Join(os.Chown(place, int(sys.Uid), int(sys.Gid)), os.Chmod(place, info.Mode()), os.Chtimes(place, info.ModTime(), info.ModTime()))
}
