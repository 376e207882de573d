package judge

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A user exchanges a file for a link before root types the fix: root gives away the link alone.
func TestChownFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	loot, key := filepath.Join(dir, "loot"), filepath.Join(dir, "clientkey.pem")
	if err := os.WriteFile(loot, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loot", key); err != nil {
		t.Fatal(err)
	}
	for _, fix := range []string{chown(12345, 12345, key), chown(12345, 0, key)} {
		if out, err := exec.Command("sh", "-c", fix).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v, %s", fix, err, out)
		}
		info, err := os.Stat(loot)
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != uint32(os.Geteuid()) {
			t.Errorf("%s: user %d got the file that the link leads to", fix, uid)
		}
	}
}
