package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// WriteFile writes data to a file of the host, with mode, and makes the directories above it.
// The owner is root.
func (h *Host) WriteFile(ctx context.Context, name string, data []byte, mode os.FileMode) error {
	cmd := h.Command(ctx, "sh", "-c", `mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"`,
		"sh", name, fmt.Sprintf("%o", mode.Perm()))
	cmd.Stdin = bytes.NewReader(data)
	_, err := run(cmd, "writing "+name)
	return err
}

// ReadFile reads a file of the host.
func (h *Host) ReadFile(ctx context.Context, name string) ([]byte, error) {
	return h.Output(ctx, "cat", name)
}

// Put copies a file of the machine into the host as target, or the contents of a directory into
// the directory target, beside its contents. Modes are kept, the owner is root.
func (h *Host) Put(ctx context.Context, source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return h.putTree(ctx, source, target)
	}
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	return h.WriteFile(ctx, target, data, info.Mode())
}

// putTree keeps the modes of directories that the host has already: a tree laid over / must not
// change /.
func (h *Host) putTree(ctx context.Context, source, target string) error {
	r, w := io.Pipe()
	pack := exec.CommandContext(ctx, "tar", "-C", source, "-c", ".")
	pack.Stdout = w
	go func() { w.CloseWithError(pack.Run()) }()
	unpack := h.Command(ctx, "sh", "-c", `mkdir -p "$1" && tar -x -p --no-same-owner --no-overwrite-dir -C "$1"`, "sh", target)
	unpack.Stdin = r
	_, err := run(unpack, "copying to "+target)
	return err
}

// Get copies a file of the host to the machine as target, with mode 0600, or the contents of a
// directory into the directory target, with modes and owners.
func (h *Host) Get(ctx context.Context, source, target string) error {
	if err := h.Command(ctx, "test", "-d", source).Run(); err == nil {
		return h.getTree(ctx, source, target)
	}
	data, err := h.ReadFile(ctx, source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return err
	}
	return os.WriteFile(target, data, 0o600)
}

func (h *Host) getTree(ctx context.Context, source, target string) error {
	if err := os.MkdirAll(target, 0o777); err != nil {
		return err
	}
	data, err := h.Output(ctx, "tar", "-C", path.Clean(source), "-c", ".")
	if err != nil {
		return err
	}
	unpack := exec.CommandContext(ctx, "tar", "-C", target, "-x", "-p", "--no-overwrite-dir")
	unpack.Stdin = bytes.NewReader(data)
	_, err = run(unpack, "copying from "+source)
	return err
}
