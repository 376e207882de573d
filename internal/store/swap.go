package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"virtpki/internal/safedir"

	"golang.org/x/sys/unix"
)

// A swap replaces several files of a directory in one instant. The new directory is built beside
// the one in use, from links to the files that stay and from the new files. Then the two
// exchange their names in one system call. Even if something is killed meanwhile, a daemon that
// starts then finds all the old files or all the new ones, and never a key beside another key's
// certificate. The old directory stays, under the name that [Previous] returns.
//
// While it is built, the new directory is called .NAME.swap-INODE.RANDOM. INODE is that of the
// directory in use, or 0 if there is none yet. After the exchange the old directory has this
// name, and so its own inode in it. A run that finds one after a kill therefore knows on which
// side of the exchange that was.
//
// Until it is whole the new directory is closed to all other users, even its future owner. A
// swap is made only where no other user can exchange its names.
type swap struct {
	folder string       // in use
	parent *safedir.Dir // of both
	name   string       // of the one in use
	staged string       // of the one beside it, "" before it is made
	live   *safedir.Dir // nil when there is none
	fresh  *shape
}

// shape is a directory under construction with the directories in it.
type shape struct {
	*safedir.Dir
	owner  *Owner
	mode   fs.FileMode
	inside map[string]*shape
}

// swapInfix stands between the name of a directory and an inode.
const swapInfix = ".swap-"

// newSwap builds the new directory.
func (w *work) newSwap(folder string, changes []Change) (*swap, error) {
	s := &swap{folder: folder, name: filepath.Base(folder)}
	if err := w.openSwap(s, w.plan.policyOfSwap(folder)); err != nil {
		return s, err
	}
	inode := "0"
	if s.live != nil {
		stat, err := s.live.Self()
		if err != nil {
			return s, err
		}
		inode = strconv.FormatUint(stat.Ino, 10)
	}
	if err := s.build(inode, changes, &w.done); err != nil {
		return s, err
	}
	return s, s.fresh.settleAll()
}

// openSwap opens the directory in use and its parent. Both have to be as closed as the policy of
// the files demands. A link in the place of a directory cannot be exchanged together with its
// target.
func (w *work) openSwap(s *swap, p safedir.Policy) (err error) {
	s.parent, err = w.plan.tree.OpenDir(filepath.Dir(s.folder), safedir.Policy{Secret: true})
	if r := (*Refusal)(nil); errors.As(err, &r) && !p.Secret {
		return fmt.Errorf("%w (%w)", safedir.ErrNoExchange, err)
	}
	if err != nil {
		return err
	}
	w.done.AtEnd(func() { s.parent.Close() })
	if w.plan.makes(s.folder) {
		return nil
	}
	s.live, err = s.parent.OpenDir(s.name)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%w (%s is a link)", safedir.ErrNoExchange, s.folder)
	}
	if err != nil {
		return err
	}
	w.done.AtEnd(func() { s.live.Close() })
	return s.live.Allows(p)
}

// build makes the new directory, closed and without its final owner.
func (s *swap) build(inode string, changes []Change, done *safedir.UndoList) (err error) {
	done.Add(func() error { return s.drop() })
	s.staged = swapPrefix(s.name) + inode + "." + safedir.Unpredictable()
	top, err := s.parent.Mkdir(s.staged)
	if err != nil {
		return err
	}
	s.fresh = &shape{Dir: top}
	done.AtEnd(func() { s.fresh.closeAll() })
	if s.live != nil {
		if err := s.fresh.copy(s.live); err != nil {
			return err
		}
	}
	for _, change := range changes {
		if err := s.stage(change); err != nil {
			return err
		}
	}
	return nil
}

// drop removes the directory under construction.
func (s *swap) drop() error {
	if s.staged == "" {
		return nil
	}
	return s.parent.RemoveAll(s.staged)
}

// stage makes one change in the new directory.
func (s *swap) stage(c Change) error {
	rel, err := filepath.Rel(s.folder, c.Path)
	if err != nil {
		return err
	}
	if rel == "." {
		s.fresh.wants(c)
		return nil
	}
	in, err := s.fresh.find(filepath.Dir(rel))
	if err != nil {
		return err
	}
	switch {
	case c.Dir && c.Action == Create:
		return in.add(c)
	case c.Dir:
		child, err := in.find(c.base())
		if err == nil {
			child.wants(c)
		}
		return err
	case c.Action == Remove:
		return in.Remove(c.base())
	}
	if err := in.allows(c); err != nil {
		return err
	}
	return in.put(c)
}

// Allows refuses a private key where a stranger could exchange it afterwards.
func (f *shape) allows(c Change) error {
	if !c.secret() {
		return nil
	}
	n := safedir.Node{UID: os.Geteuid(), GID: os.Getegid(), Mode: f.mode}
	if f.owner != nil {
		n.UID, n.GID = f.owner.UID, f.owner.GID
	}
	return safedir.Policy{Secret: true, Owner: c.Owner}.Check(filepath.Dir(c.Path), n)
}

// put writes a file, or gives one that stays another mode or owner. It does so in a copy,
// because the file itself is in use.
func (f *shape) put(c Change) error {
	if c.was == nil {
		return replaceFile(f.Dir, c.base(), c, nil)
	}
	there, err := f.Open(c.base(), unix.O_RDONLY)
	if err != nil && c.Action == Adjust {
		return err
	}
	if err != nil {
		return replaceFile(f.Dir, c.base(), c, nil) // it cannot be read, and is to be replaced
	}
	defer there.Close()
	if c.Action == Adjust {
		if c.data, err = safedir.ReadOpen(there, MaxPEM); err != nil {
			return err
		}
		if c.Owner == nil {
			c.Owner = &c.was.owner
		}
	}
	return replaceFile(f.Dir, c.base(), c, there)
}

// Add makes a directory inside.
func (f *shape) add(c Change) error {
	d, err := f.Mkdir(c.base())
	if err != nil {
		return err
	}
	f.keepShape(c.base(), &shape{Dir: d, owner: c.Owner, mode: c.Mode})
	return nil
}

func (f *shape) keepShape(name string, inside *shape) {
	if f.inside == nil {
		f.inside = make(map[string]*shape)
	}
	f.inside[name] = inside
}

// wants notes the future mode and owner of a directory.
func (f *shape) wants(c Change) {
	f.mode = c.Mode
	if c.Owner != nil {
		f.owner = c.Owner
	}
}

// find returns a directory inside.
func (f *shape) find(rel string) (*shape, error) {
	for name := range strings.SplitSeq(rel, "/") {
		if name == "." {
			continue
		}
		inside, ok := f.inside[name]
		if !ok {
			return nil, f.noFolder(name)
		}
		f = inside
	}
	return f, nil
}

// noFolder says why a directory does not exist inside. Behind a link there may be one, which the
// exchange would not reach.
func (f *shape) noFolder(name string) error {
	stat, err := f.Stat(name)
	if err == nil && stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		return fmt.Errorf("%w (%s in it is a link)", safedir.ErrNoExchange, name)
	}
	if err == nil {
		err = f.Fail("open", name, unix.ENOTDIR)
	}
	return err
}

// copy makes the directory like another one, with links to its files.
func (f *shape) copy(like *safedir.Dir) error {
	stat, err := like.Self()
	if err != nil {
		return err
	}
	f.owner, f.mode = &Owner{UID: int(stat.Uid), GID: int(stat.Gid)}, safedir.ModeFrom(&stat)
	safedir.CopyLabel(like.File, f.File)
	names, err := like.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := f.copyEntry(like, name); err != nil {
			return err
		}
	}
	return nil
}

func (f *shape) copyEntry(like *safedir.Dir, name string) error {
	stat, err := like.Stat(name)
	switch {
	case err != nil:
		return err
	case stat.Mode&unix.S_IFMT == unix.S_IFDIR:
		return f.copyFolder(like, name)
	case isLeaving(name) && name != lockName:
		return nil
	}
	return like.Link(name, f.Dir, name)
}

// copyFolder makes a copy of a directory inside, with links to its files.
func (f *shape) copyFolder(like *safedir.Dir, name string) error {
	from, err := like.OpenDir(name)
	if err != nil {
		return err
	}
	defer from.Close()
	d, err := f.Mkdir(name)
	if err != nil {
		return err
	}
	inside := &shape{Dir: d}
	f.keepShape(name, inside)
	return inside.copy(from)
}

// settleAll gives the directories their owners and modes, the innermost first, and syncs them.
func (f *shape) settleAll() error {
	for _, inside := range f.inside {
		if err := inside.settleAll(); err != nil {
			return err
		}
	}
	if err := f.Settle(f.owner, f.mode); err != nil {
		return err
	}
	return f.Sync()
}

func (f *shape) closeAll() {
	for _, inside := range f.inside {
		inside.closeAll()
	}
	f.Close()
}

// commit exchanges the two directories, or gives the new one its name.
func (s *swap) commit(done *safedir.UndoList) error {
	if s.live == nil {
		return s.appear(done)
	}
	if err := safedir.Exchange(s.parent, s.staged, s.name); err != nil {
		return err
	}
	done.Add(func() error { return safedir.Exchange(s.parent, s.staged, s.name) })
	return s.parent.Sync()
}

// appear gives a new directory its name, with all its contents: some directories matter by their
// existence.
func (s *swap) appear(done *safedir.UndoList) error {
	if s.parent.Exists(s.name) {
		return s.parent.Fail("mkdir", s.name, fs.ErrExist)
	}
	if err := s.parent.Rename(s.staged, s.parent, s.name); err != nil {
		return err
	}
	done.Add(func() error { return s.parent.Rename(s.name, s.parent, s.staged) })
	return s.parent.Sync()
}

// finish keeps the old directory as the previous generation. It brings over the files that
// others put into it while the new one was built.
func (s *swap) finish() error {
	if s.live == nil {
		return nil
	}
	return keepPrevious(s.parent, s.staged, s.name)
}

// isLeaving reports whether a file is virtpki's own and not part of the contents.
func isLeaving(name string) bool {
	return safedir.Unfinished(name) || name == lockName
}
