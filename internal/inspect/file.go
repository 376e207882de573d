package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// maxCertFile is the largest file in which check reads certificates, in bytes: libvirt itself reads
// 64 KiB of one.
const maxCertFile = 1 << 20

// readLimit returns the size of the largest file to read.
func readLimit(path string) int64 {
	switch name := filepath.Base(path); {
	case filepath.Ext(name) != ".pem":
		return conf.MaxSize
	case strings.Contains(name, "crl"), strings.Contains(name, "key"): // only GnuTLS reads these, whole
		return store.MaxPEM
	}
	return maxCertFile
}

// Spot looks at a path without opening anything.
func Spot(t store.Tree, path string) judge.Spot {
	s := judge.Spot{Path: path}
	info, err := t.Stat(path)
	if errors.Is(err, syscall.ENOTDIR) {
		err = fs.ErrNotExist // the path above it is not a directory, which is reported elsewhere
	}
	if err != nil {
		s.Err = err
		s.Target, _ = t.Readlink(path)
		return s
	}
	s.Mode = info.Mode()
	if link, err := t.Lstat(path); err == nil {
		s.Link = link.Mode()&fs.ModeSymlink != 0
		s.Target, _ = t.Readlink(path)
	}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.UID, s.GID = int(sys.Uid), int(sys.Gid)
	}
	if t == (store.Tree{}) { // an image gets its labels when it starts
		s.Label = machine.Label(path)
	}
	return s
}

// File reads a file, if it is a regular one: a device is never opened.
func File(t store.Tree, path string) judge.File {
	f := judge.File{Path: path}
	s := Spot(t, path)
	switch {
	case s.Err != nil:
		f.Err = s.Err
	case s.Mode.IsDir():
		f.Err = &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case !s.Mode.IsRegular():
		f.Err = fmt.Errorf("%s: not a regular file", path)
	default:
		f.Data, f.Err = t.ReadFile(path, readLimit(path))
	}
	return f
}

// Priorities returns the names of TLS priorities that GnuTLS's own configuration, or the
// distribution's policy for it, defines.
func Priorities(m *machine.Machine) []string {
	var names []string
	for _, path := range []string{"/etc/gnutls/config", "/etc/crypto-policies/back-ends/gnutls.config"} {
		section := ""
		for line := range strings.Lines(string(File(m.Tree(), m.Path(path)).Data)) {
			line = strings.TrimSpace(line)
			if name, _, ok := strings.Cut(line, "="); ok && section == "[priorities]" {
				names = append(names, strings.TrimSpace(name))
			}
			if strings.HasPrefix(line, "[") {
				section = line
			}
		}
	}
	return names
}
