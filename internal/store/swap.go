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

// A swap replaces several files of a folder in one instant. The folder is built
// anew beside itself, out of links to the files that stay and of the new ones,
// and the two exchange their names in one system call. Whatever is killed when,
// a daemon that starts then finds the files of before or those of after, and
// never a key beside another key's certificate. The folder of before stays,
// under the name that [Previous] gives.
//
// While it is built, the new folder is called .NAME.swap-INODE.RANDOM, INODE being
// that of the folder in use. After the exchange it is the old folder that has this
// name, and its own inode in it: so a run that finds one after a kill knows on
// which side of the exchange that was. A folder that is not there yet has the inode
// 0. Until it is whole the new folder is closed to everybody else, whoever it will
// belong to; and a swap is made only where nobody else can exchange its names.
type swap struct {
	folder string       // in use
	parent *safedir.Dir // of both
	name   string       // of the one in use
	staged string       // of the one beside it, "" before it is made
	live   *safedir.Dir // nil when there is none
	fresh  *shape
}

// shape is a folder under construction with the folders in it.
type shape struct {
	*safedir.Dir
	owner  *Owner
	mode   fs.FileMode
	inside map[string]*shape
}

// swapInfix stands between the name of a folder and an inode.
const swapInfix = ".swap-"

// newSwap builds the folder of after.
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

// openSwap opens the folder in use and the one in which it stands. Both have to be
// as closed as the policy of the files wants it. A link in the place of a folder
// cannot be exchanged together with what it leads to.
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

// build makes the folder of after, closed and not yet of its owner.
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

// drop removes the folder under construction.
func (s *swap) drop() error {
	if s.staged == "" {
		return nil
	}
	return s.parent.RemoveAll(s.staged)
}

// stage makes one change in the folder of after.
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

// put writes a file, or gives one that stays another mode or owner: as a copy, for
// the file itself is in use.
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

// Add makes a folder inside.
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

// wants notes the mode and owner that a folder is to have.
func (f *shape) wants(c Change) {
	f.mode = c.Mode
	if c.Owner != nil {
		f.owner = c.Owner
	}
}

// find returns a folder inside.
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

// noFolder says why there is none of a name. Behind a link there may be one, which
// the exchange would not reach.
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

// copy makes the folder like another one, with links to its files.
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

// copyFolder makes a folder inside like one of another folder.
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

// settleAll gives the folders their owners and modes, the innermost first, and makes
// them last.
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

// commit exchanges the two folders, or gives the new one its name.
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

// appear gives a folder that was not there its name, with all that is in it: for
// some folders it matters that they exist.
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

// finish keeps the folder of before as the previous generation. What others put
// into it while the new one was built is brought over.
func (s *swap) finish() error {
	if s.live == nil {
		return nil
	}
	return keepPrevious(s.parent, s.staged, s.name)
}

// isLeaving reports whether a file is virtpki's own and no part of the contents.
func isLeaving(name string) bool {
	return safedir.Unfinished(name) || name == lockName
}
