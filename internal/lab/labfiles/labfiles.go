// Package labfiles writes and lists the files of tests.
//
// It is for a test's own directories. [virtpki/internal/lab.Host] writes the files of a host.
package labfiles

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Write writes a file with exactly this mode, and makes the directories above it.
func Write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// Tree returns one line for each file below a directory: its path, mode and contents.
func Tree(t *testing.T, folder string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		line, err := describe(folder, path, entry)
		b.WriteString(line)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func describe(folder, path string, entry fs.DirEntry) (string, error) {
	info, err := entry.Info()
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(folder, path)
	line := rel + " " + info.Mode().String()
	if err == nil && info.Mode().IsRegular() {
		var data []byte
		data, err = os.ReadFile(path)
		line += " " + string(data)
	}
	return line + "\n", err
}
