package packaging_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// apk checks of each package for Alpine what apk checks when it installs one: Debian does not have
// that program. A package is two compressed archives, one after the other: .PKGINFO, which has
// the hash of the second one, and the files, each with its own (wiki.alpinelinux.org/wiki/Apk_spec).
func apk(t *testing.T, made string) {
	version := strings.TrimSpace(read(t, "../internal/program", "VERSION"))
	for _, file := range files(t, made, ".apk") {
		data := []byte(read(t, made, filepath.Base(file)))
		control, size := member(t, data)
		info := string(control[".PKGINFO"].content)
		sum := sha256.Sum256(data[size:])
		for _, want := range []string{"pkgname = virtpki\n", "pkgver = " + version, "datahash = " + hex.EncodeToString(sum[:]) + "\n"} {
			if !strings.Contains(info, want) {
				t.Errorf("%s: .PKGINFO lacks %q:\n%s", filepath.Base(file), want, info)
			}
		}
		all, more := member(t, data[size:])
		if size+more != len(data) {
			t.Errorf("%s: %d bytes after the files", filepath.Base(file), len(data)-size-more)
		}
		for name, one := range all {
			if sum := sha1.Sum(one.content); one.checksum != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: %s has the checksum %q", filepath.Base(file), name, one.checksum)
			}
		}
		runs(t, all["usr/bin/virtpki"].content, strings.Contains(info, "arch = "+rpmArch[runtime.GOARCH]+"\n"), version)
	}
}

// runs checks that a program needs no C library, since Alpine's is not Debian's, and that it runs
// if it is one for this machine.
func runs(t *testing.T, program []byte, here bool, version string) {
	binary, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range binary.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("the program is not static")
		}
	}
	if !here {
		return
	}
	path := filepath.Join(t.TempDir(), "virtpki")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, "version").CombinedOutput(); err != nil || !strings.Contains(string(out), version) {
		t.Errorf("virtpki version: %v\n%s", err, out)
	}
}

// packed is a plain file of an archive.
type packed struct {
	content  []byte
	checksum string // SHA-1 in hex, as the archive has it
}

// member reads the first of several compressed archives, and returns its length.
func member(t *testing.T, data []byte) (map[string]packed, int) {
	t.Helper()
	rest := bytes.NewReader(data) // gzip reads no byte beyond the end of what it unpacks
	unpacked, err := gzip.NewReader(rest)
	if err != nil {
		t.Fatal(err)
	}
	unpacked.Multistream(false)
	archive, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]packed)
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if err == io.EOF {
			return all, len(data) - rest.Len()
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			all[header.Name] = packed{content, header.PAXRecords["APK-TOOLS.checksum.SHA1"]}
		}
	}
}
