package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func folderNames(t *testing.T, out string) []string {
	t.Helper()
	entries, err := os.ReadDir(out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return names
}

// bundleFiles reads the files of a bundle by their paths in it.
type bundleFiles func(path string) ([]byte, error)

func openFolder(t *testing.T, out, name string) bundleFiles {
	return folderFiles(filepath.Join(out, name))
}

func folderFiles(folder string) bundleFiles {
	return func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(folder, path)) }
}

func openOwnTar(t *testing.T, out, name string) bundleFiles {
	t.Helper()
	return archiveFiles(untar(t, filepath.Join(out, name)), strings.TrimSuffix(name, ".tar"))
}

func openArchived(t *testing.T, out, name string) bundleFiles {
	t.Helper()
	return archiveFiles(untar(t, out), name)
}

// archiveFiles reads the files of an archive, those below a directory in it.
func archiveFiles(files []tarFile, below string) bundleFiles {
	return func(path string) ([]byte, error) {
		for _, f := range files {
			if f.name == filepath.Join(below, path) {
				return f.data, nil
			}
		}
		return nil, fs.ErrNotExist
	}
}

// tarFile is a file of an archive.
type tarFile struct {
	name string
	data []byte
}

// untar reads the files of an archive.
func untar(t *testing.T, path string) []tarFile {
	t.Helper()
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	noError(t, err)
	defer file.Close()
	var files []tarFile
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		noError(t, err)
		data, err := io.ReadAll(archive)
		noError(t, err)
		if header.Typeflag == tar.TypeReg {
			files = append(files, tarFile{strings.TrimPrefix(header.Name, "./"), data})
		}
	}
}

func archivedNames(t *testing.T, out string) []string {
	t.Helper()
	var names []string
	for _, f := range untar(t, out) {
		host, _, _ := strings.Cut(f.name, "/")
		names = append(names, host)
	}
	return slices.Compact(names)
}
