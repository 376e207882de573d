package adopt

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The notifier hears that a secret mount's link is replaced, and that the directory as a whole
// is.
func TestNotifier(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "tls")
	s := Source{Dirs: []string{dir}}
	n, err := newNotifier(s.watched())
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"it comes", func() error { return os.Mkdir(dir, 0o700) }},
		{"a link", func() error { return os.Symlink("..1", filepath.Join(dir, "..tmp")) }},
		{"the exchange", func() error { return os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, dataLink)) }},
		{"a file", func() error { return os.WriteFile(filepath.Join(dir, "tls.key"), []byte("x"), 0o600) }},
		{"it goes", func() error { return os.Rename(dir, dir+".old") }},
		{"another one", func() error { return os.Mkdir(dir, 0o700) }},
		{"a file in that", func() error { return os.WriteFile(filepath.Join(dir, "tls.key"), []byte("x"), 0o600) }},
	} {
		n.arm()
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		select {
		case <-n.events:
		case <-ctx.Done():
			t.Errorf("%s: nothing was heard", c.name)
		}
		settle(ctx, n.events)
		cancel()
	}
	number, err := unix.InotifyAddWatch(n.fd, top, heard)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"beside": false, "tls": true, "": true} {
		event := binary.NativeEndian.AppendUint32(nil, uint32(number))
		event = append(event, 0, 0, 0, 0, 0, 0, 0, 0)
		event = binary.NativeEndian.AppendUint32(event, 16)
		event = append(append(event, name...), make([]byte, 16-len(name))...)
		if got := n.matters(event); got != want {
			t.Errorf("an event of %q matters: %v", name, got)
		}
	}
}
