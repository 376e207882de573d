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

	"virtpki/internal/safedir"
	"virtpki/internal/termtext"

	"golang.org/x/sys/unix"
)

// lockName is the file that keeps two runs apart. It exists only while one runs.
const lockName = ".virtpki.lock"

// lockPoll is how often a waiting run looks whether the other has ended.
const lockPoll = 50 * time.Millisecond

// Lock is held by one run at a time.
type Lock struct {
	tree   Tree
	folder string
	file   *os.File
	made   []string // directories that did not exist before, outermost first
}

// Acquire takes the lock of a directory, and makes the directory (mode 0755) if it does not
// exist. If another run holds the lock, Acquire calls waiting once, and waits until the other
// ends or ctx is done. A caller that has waited must look again whether there is still something
// to do. Acquire sweeps the unfinished files that a killed run has left in the directory and
// below it. A file with the name of the lock that a run of this user has not made is a
// [Refusal]: its owner could hold it for ever.
func (t Tree) Acquire(ctx context.Context, folder string, waiting func()) (*Lock, error) {
	lock := &Lock{tree: t, folder: folder}
	for first := true; ; first = false {
		made, err := t.makeParents(folder)
		lock.made = append(lock.made, made...)
		held := false
		if err == nil {
			held, err = lock.try()
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
			lock.removeFolders()
			return nil, fmt.Errorf("waiting for the lock %s: %w", filepath.Join(folder, lockName), ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// try takes the lock without waiting. Its last holder may have removed the file between open and
// flock. Then the lock is on a name that is gone, and does not count.
func (l *Lock) try() (held bool, err error) {
	d, err := l.tree.OpenDir(l.folder, safedir.Policy{})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the last holder has removed the directory it had made
	}
	if err != nil {
		return false, err
	}
	defer d.Close()
	file, made, err := openLock(d)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if held, err = holdLock(d, file, made); !held {
		return false, errors.Join(err, file.Close())
	}
	l.file = file
	if !made {
		sweepBelow(d)
	}
	return true, nil
}

// holdLock locks an opened lock file.
func holdLock(d *safedir.Dir, file *os.File, made bool) (held bool, err error) {
	err = safedir.UntilDone(func() error { return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		if made {
			d.Remove(lockName)
		}
		return false, d.Fail("lock", lockName, err)
	}
	return d.IsNamed(lockName, file), nil
}

// openLock opens the lock file and reports whether it has made it. If the file was there and no
// run holds it, it belonged to a run that was killed.
func openLock(d *safedir.Dir) (file *os.File, made bool, err error) {
	file, err = d.Create(lockName)
	if !errors.Is(err, fs.ErrExist) {
		return file, true, err
	}
	stat, err := d.Stat(lockName)
	if err != nil {
		return nil, false, err
	}
	if why := strangeLock(d, &stat); why != "" {
		return nil, false, safedir.Refuse(d.In(lockName), why, "rm -r "+termtext.ShellWord(d.In(lockName)))
	}
	file, err = d.Open(lockName, unix.O_RDWR)
	return file, false, err
}

// strangeLock says why a run of this user cannot have made the lock file. If no other user can
// make files in the directory, any regular file is a lock.
func strangeLock(d *safedir.Dir, stat *unix.Stat_t) string {
	switch n := safedir.NodeOf(stat); {
	case stat.Mode&unix.S_IFMT == unix.S_IFREG && d.Exclusive() == nil:
		return ""
	case n.UID != os.Geteuid() && n.UID != 0:
		return fmt.Sprintf("is not the lock of one of your runs: it belongs to uid %d, who could hold it forever", n.UID)
	case stat.Mode&unix.S_IFMT != unix.S_IFREG, stat.Size > 0:
		return "is not the lock of one of your runs: it is not an empty file"
	case n.Mode&0o077 != 0:
		return fmt.Sprintf("is not the lock of one of your runs: its mode is %04o, so others could hold it forever", n.Mode)
	}
	return ""
}

// Interrupted reports whether one of the directories has a lock file: a run was killed there and
// has left something to sweep, or one is at work.
func (t Tree) Interrupted(folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return t.Exists(filepath.Join(folder, lockName)) })
}

// Release gives the lock up and removes its file. It also removes the directories that Acquire
// made, if they are empty. A swap may have replaced the directory by now: then the lock has come
// along into the new one.
func (l *Lock) Release() error {
	err := l.remove()
	l.removeFolders()
	return errors.Join(err, l.file.Close())
}

func (l *Lock) remove() error {
	d, err := l.tree.OpenDir(l.folder, safedir.Policy{})
	if err != nil {
		return err
	}
	defer d.Close()
	if !d.IsNamed(lockName, l.file) {
		return d.Fail("remove", lockName, fs.ErrNotExist)
	}
	return d.Remove(lockName)
}

func (l *Lock) removeFolders() {
	for i := len(l.made) - 1; i >= 0; i-- {
		if d, err := l.tree.OpenDir(filepath.Dir(l.made[i]), safedir.Policy{}); err == nil {
			d.RemoveDir(filepath.Base(l.made[i])) // fails, as it should, when something is in it
			d.Close()
		}
	}
}

// makeParents makes a directory and its parents, and lists the ones it made.
func (t Tree) makeParents(folder string) (made []string, err error) {
	d, err := t.OpenDir(folder, safedir.Policy{})
	if err == nil {
		return nil, d.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	parent := filepath.Dir(folder)
	if parent == folder {
		return nil, err
	}
	if made, err = t.makeParents(parent); err != nil {
		return made, err
	}
	err = t.makeIn(parent, filepath.Base(folder))
	if errors.Is(err, fs.ErrExist) {
		d, err := t.OpenDir(folder, safedir.Policy{}) // another run was quicker, or a link leads nowhere
		if err != nil {
			return made, t.missing(folder, err)
		}
		return made, d.Close()
	}
	if err != nil {
		return made, err
	}
	return append(made, folder), nil
}

func (t Tree) makeIn(parent, name string) error {
	d, err := t.OpenDir(parent, safedir.Policy{})
	if err != nil {
		return err
	}
	defer d.Close()
	return d.MakeDir(name, 0o755)
}

// Marks returns a text that changes when another run takes the lock of one of the directories.
// Taking a lock changes the directory.
func (t Tree) Marks(folders ...string) string {
	var marks strings.Builder
	for _, folder := range folders {
		if info, err := t.Stat(folder); err == nil {
			fmt.Fprintf(&marks, "%d ", info.ModTime().UnixNano())
		}
		fmt.Fprintln(&marks, t.Exists(filepath.Join(folder, lockName)))
	}
	return marks.String()
}
