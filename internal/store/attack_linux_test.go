package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"virtpki/internal/lab/labfiles"
	"virtpki/internal/store"
)

// mallory is a local user who owns a directory in which root works.
const mallory = 12345

// rounds counts how often root walks into the same trap: 300 times, but for some seconds
// at most. Before directories were used by their descriptors a dozen was enough.
func rounds(yield func(int) bool) {
	end := time.Now().Add(4 * time.Second)
	for n := 0; n < 300 && (n < 20 || time.Now().Before(end)); n++ {
		if !yield(n) {
			return
		}
	}
}

const secretKey = "-----BEGIN PRIVATE KEY-----\n"

// spin does something as mallory again and again, until the test ends: one thread has
// her identity, as a process of hers would.
func spin(t *testing.T, do func()) {
	t.Helper()
	var stop atomic.Bool
	var done sync.WaitGroup
	turned := make(chan struct{})
	done.Go(func() {
		runtime.LockOSThread() // for ever: the thread ends with its identity
		for _, id := range []uintptr{syscall.SYS_SETRESGID, syscall.SYS_SETRESUID} {
			if _, _, e := syscall.RawSyscall(id, mallory, mallory, mallory); e != 0 {
				panic(e)
			}
		}
		do()
		close(turned)
		for !stop.Load() {
			do()
		}
	})
	<-turned
	t.Cleanup(func() {
		stop.Store(true)
		done.Wait()
	})
}

// hers makes a directory of mallory's in a place that everyone can reach.
func hers(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	top := t.TempDir()
	folder := filepath.Join(top, "hers")
	check(t, os.Chmod(filepath.Dir(top), 0o755))
	check(t, os.Chmod(top, 0o755))
	check(t, os.Mkdir(folder, 0o755))
	check(t, os.Chown(folder, mallory, mallory))
	return folder
}

// victim is a file of root's.
func victim(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shadow")
	check(t, os.WriteFile(path, []byte("secret"), 0o600))
	return path
}

// unharmed fails the test unless the victim is as it was.
func unharmed(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	check(t, err)
	if sys := info.Sys().(*syscall.Stat_t); sys.Uid != 0 || info.Mode().Perm() != 0o600 || info.Size() != 6 {
		t.Fatalf("a file of root's is now %v, of uid %d, with %d bytes", info.Mode(), sys.Uid, info.Size())
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// giveTo hands a tree to mallory.
func giveTo(t *testing.T, folder string) {
	t.Helper()
	check(t, filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, mallory, mallory))
	}))
}

// A link takes the place of a new directory before its chmod.
func TestMkdirIsNotLedAstray(t *testing.T) {
	folder, shadow := hers(t), victim(t)
	made := filepath.Join(folder, "made")
	spin(t, func() {
		os.Rename(made, made+".aside")
		os.Symlink(shadow, made)
		os.Remove(made)
		os.Remove(made + ".aside")
	})
	for range rounds {
		var p store.Plan
		if err := p.Dir(made, 0o755, &store.Owner{UID: mallory, GID: mallory}); err == nil {
			_ = p.Apply() // it may well fail
		}
		unharmed(t, shadow)
		os.RemoveAll(made)
	}
}

// The file is exchanged for a link while Apply sets its mode.
func TestAdjustIsNotLedAstray(t *testing.T) {
	folder, shadow := hers(t), victim(t)
	file := filepath.Join(folder, "cert")
	check(t, os.WriteFile(file, []byte("c"), 0o600))
	check(t, os.Symlink(shadow, file+".link"))
	giveTo(t, folder)
	spin(t, func() {
		unix.Renameat2(unix.AT_FDCWD, file, unix.AT_FDCWD, file+".link", unix.RENAME_EXCHANGE)
	})
	for range rounds {
		var p store.Plan
		if err := p.File(file, []byte("c"), 0o644, &store.Owner{UID: mallory, GID: mallory}); err == nil {
			_ = p.Apply()
		}
		unharmed(t, shadow)
		os.Lchown(file, mallory, mallory)
		if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() {
			os.Chmod(file, 0o600)
		}
		unharmed(t, shadow)
	}
}

// A directory of hers is exchanged as a whole: she can know the name under which the new one is
// built, and its contents are given to her.
func TestSwapIsNotLedAstray(t *testing.T) {
	for _, contents := range []string{secretKey, "public"} {
		folder, shadow := hers(t), victim(t)
		pki := filepath.Join(folder, "pki")
		writePair(t, pki)
		giveTo(t, pki)
		spin(t, func() {
			for _, staged := range glob(folder, ".pki.swap-") {
				private := filepath.Join(staged, "private")
				if os.Rename(private, private+".aside") == nil {
					os.Symlink(shadow, private)
				}
			}
		})
		for n := range rounds {
			var p store.Plan
			p.Together(pki)
			err := errors.Join(
				p.Keep(filepath.Join(pki, "private", "key"), fmt.Append(nil, contents, n), 0o600, nil),
				p.Keep(filepath.Join(pki, "cert"), fmt.Append(nil, n), 0o644, nil))
			if err == nil {
				err = p.Apply()
			}
			if refused := (*store.Refusal)(nil); contents == secretKey && !errors.As(err, &refused) {
				t.Fatalf("a private key in a directory of another user: %v", err)
			}
			unharmed(t, shadow)
		}
	}
}

// glob lists the entries of a directory that begin with something.
func glob(folder, prefix string) (paths []string) {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) {
			paths = append(paths, filepath.Join(folder, entry.Name()))
		}
	}
	return paths
}

// The directory of QEMU's user stands in one of root's. While it is copied for the previous
// generation, a file in it is exchanged for a link to a file that she may not read.
func TestPreviousHasNothingOfOthers(t *testing.T) {
	shadow := victim(t)
	pki := hers(t)
	writePair(t, pki)
	for i := range 50 {
		check(t, os.WriteFile(fmt.Sprintf("%s/of-others%d", pki, i), nil, 0o644))
	}
	check(t, os.Symlink(shadow, filepath.Join(pki, "link.link")))
	giveTo(t, pki)
	spin(t, func() {
		for _, folder := range glob(filepath.Dir(pki), ".hers.swap") {
			for i := range 50 {
				file := fmt.Sprintf("%s/of-others%d", folder, i)
				link := filepath.Join(folder, "link.link")
				unix.Renameat2(unix.AT_FDCWD, file, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
				unix.Renameat2(unix.AT_FDCWD, file, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
			}
		}
	})
	for n := range rounds {
		var p store.Plan
		p.Together(pki)
		owner := &store.Owner{UID: mallory, GID: mallory}
		if err := errors.Join(
			p.File(filepath.Join(pki, "private", "key"), fmt.Append(nil, secretKey, n), 0o600, owner),
			p.File(filepath.Join(pki, "cert"), fmt.Append(nil, n), 0o644, owner)); err == nil {
			_ = p.Apply()
		}
		unharmed(t, shadow)
		for _, file := range append(glob(store.Previous(pki), "of-others"), glob(pki, "of-others")...) {
			if data, _ := os.ReadFile(file); string(data) == "secret" && isRegular(file) {
				t.Fatalf("%s is a copy of a file that its owner may not read", file)
			}
		}
	}
}

func isRegular(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// A directory of an image is exchanged for a link to the host.
func TestImageIsNotLeft(t *testing.T) {
	image, host := hers(t), t.TempDir()
	check(t, os.Chmod(host, 0o777))
	etc := filepath.Join(image, "etc")
	check(t, os.MkdirAll(filepath.Join(etc, "pki"), 0o755))
	check(t, os.WriteFile(filepath.Join(etc, "pki", "cert"), []byte("the image's"), 0o644))
	check(t, os.Mkdir(filepath.Join(host, "pki"), 0o755))
	check(t, os.WriteFile(filepath.Join(host, "pki", "cert"), []byte("the host's"), 0o644))
	check(t, os.Symlink(host, etc+".link"))
	giveTo(t, image)
	spin(t, func() {
		unix.Renameat2(unix.AT_FDCWD, etc, unix.AT_FDCWD, etc+".link", unix.RENAME_EXCHANGE)
	})
	tree := store.At(image)
	before := contents(t, host)
	for n := range rounds {
		if data, err := tree.ReadFile(filepath.Join(etc, "pki", "cert"), 100); string(data) == "the host's" {
			t.Fatal("a file of the host was read", err)
		}
		var p store.Plan
		p.In(tree)
		if p.File(filepath.Join(etc, "pki", "new"), fmt.Append(nil, n), 0o644, nil) == nil {
			_ = p.Apply()
		}
		if lock, err := tree.Acquire(t.Context(), filepath.Join(etc, "pki"), func() {}); err == nil {
			_ = lock.Release()
		}
		if after := contents(t, host); after != before {
			t.Fatalf("the host has changed:\n%swas\n%s", after, before)
		}
	}
}

// contents is tree with the times of directories, in which a file may have come and gone.
func contents(t *testing.T, folder string) string {
	t.Helper()
	info, err := os.Stat(filepath.Join(folder, "pki"))
	check(t, err)
	return labfiles.Tree(t, folder) + info.ModTime().String()
}

// A file that another user has planted under the name of the lock does not hang a run.
func TestPlantedLock(t *testing.T) {
	folder := hers(t)
	lock := filepath.Join(folder, ".virtpki.lock")
	for name, plant := range map[string]func() error{
		"a FIFO":      func() error { return syscall.Mkfifo(lock, 0o666) },
		"a directory": func() error { return os.Mkdir(lock, 0o755) },
		"a link":      func() error { return os.Symlink("elsewhere", lock) },
		"a file":      func() error { return os.WriteFile(lock, nil, 0o666) },
	} {
		check(t, plant())
		check(t, os.Lchown(lock, mallory, mallory))
		if held, err := os.OpenFile(lock, os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
			check(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))
			defer held.Close()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := store.At("/").Acquire(ctx, folder, func() {})
		cancel()
		if refused := (*store.Refusal)(nil); !errors.As(err, &refused) || refused.Hint() != "rm -r "+lock {
			t.Errorf("%s: %v", name, err)
		}
		check(t, os.RemoveAll(lock))
	}
}

// Planted names that look like leavings, in a shared directory and in one of hers, do not block
// a run, and it does not remove files of others.
func TestPlantedLeavings(t *testing.T) {
	shared := filepath.Join(t.TempDir(), "shared")
	check(t, os.Mkdir(shared, 0o700))
	check(t, os.Chmod(shared, 0o777|fs.ModeSticky))
	for _, folder := range []string{shared, hers(t)} {
		planted := []string{".virtpki-1.tmp", ".virtpki-x.tmp/file", ".made.swap-0/file", ".made.swap-1", ".made.previous/file", ".virtpki-gone-f.tmp/file"}
		for _, name := range planted {
			labfiles.Write(t, filepath.Join(folder, name), "hers", 0o644)
		}
		check(t, os.Symlink("/etc", filepath.Join(folder, ".made.swap-2")))
		giveTo(t, folder)
		check(t, os.Chown(shared, 0, 0))
		made := filepath.Join(folder, "made")
		for n := range 4 {
			var p store.Plan
			p.Together(made)
			check(t, errors.Join(p.Dir(made, 0o755, nil), p.File(filepath.Join(made, "cert"), fmt.Append(nil, n), 0o644, nil)))
			check(t, p.Apply())
		}
		for _, name := range planted {
			if data, err := os.ReadFile(filepath.Join(folder, name)); string(data) != "hers" {
				t.Errorf("%s in %s: %q, %v", name, folder, data, err)
			}
		}
	}
}

// A previous generation that somebody has planted never comes back.
func TestPlantedPrevious(t *testing.T) {
	folder := hers(t)
	check(t, os.Chown(folder, 0, 0))
	check(t, os.Chmod(folder, 0o777|fs.ModeSticky))
	pki := filepath.Join(folder, "pki")
	writePair(t, pki)
	writePair(t, store.Previous(pki))
	giveTo(t, store.Previous(pki))
	if refused := (*store.Refusal)(nil); !errors.As(store.At("/").Rollback(pki), &refused) {
		t.Error("a directory of another user has become the live one")
	}
}

// A guarded file, like a key, is not put where others can exchange it.
func TestGuardedIsRefused(t *testing.T) {
	folder := hers(t)
	for _, guarded := range []bool{false, true} {
		var p store.Plan
		if guarded {
			p.Guard(filepath.Dir(folder))
		}
		err := p.File(filepath.Join(folder, "record"), nil, 0o644, nil)
		if refused := (*store.Refusal)(nil); errors.As(err, &refused) != guarded {
			t.Errorf("guarded %t: %v", guarded, err)
		}
	}
}
