//go:build linux

package trace

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// process is a thread that waits in a system call.
type process int

// open is the path of an open file; empty when the descriptor is not open.
func (p process) open(fd uint64) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p, int32(fd)))
	return path
}

// find is the path of a name below an open directory. It does not follow links in the name.
func (p process) find(folder, name uint64) string {
	path := p.text(name)
	switch {
	case filepath.IsAbs(path):
		return filepath.Clean(path)
	case int32(folder) == unix.AT_FDCWD:
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p))
		return filepath.Join(cwd, path)
	}
	return filepath.Join(p.open(folder), path)
}

// text is the C string at an address. The string may end with its page: the bytes after it need
// not be there.
func (p process) text(address uint64) string {
	var text []byte
	for len(text) < unix.PathMax {
		part := make([]byte, 256-address%256)
		local := []unix.Iovec{{Base: &part[0], Len: uint64(len(part))}}
		n, err := unix.ProcessVMReadv(int(p), local, []unix.RemoteIovec{{Base: uintptr(address), Len: len(part)}}, 0)
		if err != nil {
			return string(text)
		}
		if end := bytes.IndexByte(part[:n], 0); end >= 0 {
			return string(append(text, part[:end]...))
		}
		text, address = append(text, part[:n]...), address+uint64(n)
	}
	return string(text)
}
