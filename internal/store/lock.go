package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// lockName is the file that keeps two runs apart. It exists only while one runs.
const lockName = ".virtpki.lock"

// lockPoll is how often a waiting run looks whether the other has ended.
const lockPoll = 50 * time.Millisecond

// Lock is held by one run at a time.
type Lock struct {
	file *os.File
	made []string // folders that did not exist before, outermost first
}

// Acquire takes the lock of a folder, and makes the folder (mode 0755) when it
// is not there. When another run holds the lock, waiting is called once and
// Acquire waits until the other ends or ctx is done. Whoever has waited must
// look again whether there is still something to do. What a killed run has left
// under construction in the folder and those below it is swept.
func Acquire(ctx context.Context, folder string, waiting func()) (*Lock, error) {
	lock := &Lock{}
	path := filepath.Join(folder, lockName)
	for first := true; ; first = false {
		made, err := makeParents(folder)
		lock.made = append(lock.made, made...)
		held := false
		if err == nil {
			held, err = lock.try(path)
		}
		if err != nil {
			lock.removeFolders()
			return nil, fmt.Errorf("locking: %w", err)
		}
		if held {
			return lock, nil
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock %s: %w", path, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// try takes the lock without waiting. The file may have been removed by its
// last holder between open and flock: then the lock is one on a name that is
// gone, and does not count.
func (l *Lock) try(path string) (held bool, err error) {
	file, made, err := openLock(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the last holder has removed the folder it had made
	}
	if err != nil {
		return false, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, file.Close()
	}
	if err != nil {
		if made {
			os.Remove(path)
		}
		return false, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	if !sameFile(file, path) {
		return false, file.Close()
	}
	l.file = file
	if !made {
		sweepBelow(filepath.Dir(path))
	}
	return true, nil
}

// openLock opens the lock file and tells whether it has made it. One that was
// there and that nobody holds belonged to a run that was killed.
func openLock(path string) (file *os.File, made bool, err error) {
	const flags = os.O_RDWR | syscall.O_NOFOLLOW
	file, err = os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, 0o600)
	if !errors.Is(err, fs.ErrExist) {
		return file, true, err
	}
	file, err = os.OpenFile(path, flags, 0)
	return file, false, err
}

// sweepBelow removes what a killed run has left under construction in a folder
// that is locked, and below it but for folders with a lock of their own. What
// cannot be read or removed is no reason to stop: nothing reads such a file.
func sweepBelow(folder string) {
	filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir
		case entry.IsDir() && path != folder && Exists(filepath.Join(path, lockName)):
			return fs.SkipDir
		case !entry.IsDir() && unfinished(entry.Name()):
			os.Remove(path)
		}
		return nil
	})
}

// Interrupted reports whether one of the folders has a lock file: a run was
// killed there and has left something to sweep, or one is at work.
func Interrupted(folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return Exists(filepath.Join(folder, lockName)) })
}

func sameFile(file *os.File, path string) bool {
	opened, err1 := file.Stat()
	named, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(opened, named)
}

// Release gives the lock up and removes its file, and the folders that Acquire
// made if nothing else was put there.
func (l *Lock) Release() error {
	err := os.Remove(l.file.Name())
	l.removeFolders()
	return errors.Join(err, l.file.Close())
}

func (l *Lock) removeFolders() {
	for i := len(l.made) - 1; i >= 0; i-- {
		os.Remove(l.made[i]) // fails, as it should, when something is in it
	}
}

// makeParents makes a folder and those above it, and lists the ones it made.
func makeParents(folder string) (made []string, err error) {
	if _, err := os.Stat(folder); err == nil {
		return nil, nil
	}
	if parent := filepath.Dir(folder); parent != folder {
		if made, err = makeParents(parent); err != nil {
			return made, err
		}
	}
	err = os.Mkdir(folder, 0o755)
	if errors.Is(err, fs.ErrExist) {
		_, err = os.Stat(folder) // another run was quicker, or a link leads nowhere
		return made, err
	}
	if err != nil {
		return made, err
	}
	return append(made, folder), nil
}

// Marks tells whether a run has come by: it differs before and after one that
// took the lock of a folder in between. Taking a lock changes the folder.
func Marks(folders ...string) string {
	var marks strings.Builder
	for _, folder := range folders {
		if info, err := os.Stat(folder); err == nil {
			fmt.Fprintf(&marks, "%d ", info.ModTime().UnixNano())
		}
		fmt.Fprintln(&marks, Exists(filepath.Join(folder, lockName)))
	}
	return marks.String()
}
