package safedir

import (
	"io/fs"
	"os"

	"virtpki/internal/termtext"

	"golang.org/x/sys/unix"
)

// isNew returns an error unless the directory belongs to this process's user, is empty, and is
// not more open than mode.
func (d *Dir) isNew(mode fs.FileMode) error {
	stat, err := d.Self()
	if err != nil {
		return err
	}
	names, err := d.Names()
	if err != nil {
		return err
	}
	if n := NodeOf(&stat); n.UID != os.Geteuid() || n.Mode.Perm()&^mode != 0 || len(names) > 0 {
		return Refuse(d.Path, "was replaced while virtpki made it", "name a directory in which nobody else can write")
	}
	return nil
}

// WasMade returns an error unless the directory belongs to this process's user.
func (d *Dir) WasMade() error {
	stat, err := d.Self()
	if err == nil && int(stat.Uid) != os.Geteuid() {
		err = Refuse(d.Path, "was replaced while virtpki made it", "name a directory in which nobody else can write")
	}
	return err
}

// Allows returns an error unless the policy trusts the directory.
func (d *Dir) Allows(p Policy) error {
	stat, err := d.Self()
	if err != nil {
		return err
	}
	return p.Check(d.Path, NodeOf(&stat))
}

// IsPrivate returns an error unless the directory belongs to this process's user and no other
// user can enter it.
func (d *Dir) IsPrivate() error {
	stat, err := d.Self()
	if err != nil {
		return err
	}
	if n := NodeOf(&stat); n.UID != os.Geteuid() || n.Mode&0o077 != 0 {
		return Refuse(d.Path, "is not a private directory of the user who runs this", "rm -r "+termtext.ShellWord(d.Path))
	}
	return nil
}

// IsNamed reports whether a name is that of an opened file.
func (d *Dir) IsNamed(name string, file *os.File) bool {
	var opened unix.Stat_t
	named, err1 := d.Stat(name)
	err2 := unix.Fstat(int(file.Fd()), &opened)
	return err1 == nil && err2 == nil && opened.Dev == named.Dev && opened.Ino == named.Ino
}

// MayTake reports whether an entry that looks like virtpki's own really is. Either no other user
// can make entries here, or it belongs to this process's user and no other user can have moved
// it here.
func (d *Dir) MayTake(stat *unix.Stat_t) bool {
	if d.Exclusive() == nil {
		return true
	}
	self, err := d.Self()
	return err == nil && RefuseDirectory(d.Path, NodeOf(&self)) == nil && int(stat.Uid) == os.Geteuid()
}

// Exclusive returns an error unless only root and this process's user can make entries in the
// directory.
func (d *Dir) Exclusive() error {
	stat, err := d.Self()
	if err != nil {
		return err
	}
	n := NodeOf(&stat)
	n.Mode &^= fs.ModeSticky
	return RefuseDirectory(d.Path, n)
}
