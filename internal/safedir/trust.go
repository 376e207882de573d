package safedir

import (
	"fmt"
	"io/fs"
	"os"
	"slices"

	"virtpki/internal/termtext"

	"golang.org/x/sys/unix"
)

// Owner is the numeric owner of a file.
type Owner struct{ UID, GID int }

// Policy says how far the directories on the way to a file are trusted. The zero value is for
// contents that anyone may know: the owner of the directory may read and exchange them. Even
// then links of strangers are not followed.
type Policy struct {
	Secret bool   // refuse a directory in which strangers can exchange entries
	Owner  *Owner // may read the secret, and so is not a stranger in the last directory
}

// Check returns an error unless the policy trusts a directory for a new file.
func (p Policy) Check(path string, n Node) error {
	if !p.Secret {
		return nil
	}
	var known []int
	if p.Owner != nil {
		known = append(known, p.Owner.UID)
	}
	return RefuseDirectory(path, n, known...)
}

// A Refusal says that a file is not written because a stranger could exchange a directory or
// link on its path.
type Refusal struct {
	Path string
	Why  string
	fix  string
}

// Refuse returns a Refusal of a path, with the reason and the fix.
func Refuse(path, why, fix string) *Refusal { return &Refusal{path, why, fix} }

// Error names the path and its fault.
func (r *Refusal) Error() string { return fmt.Sprintf("%s %s", r.Path, r.Why) }

// Hint returns the fix.
func (r *Refusal) Hint() string { return r.fix }

// Node holds the attributes that a trust decision needs.
type Node struct {
	UID, GID int
	Mode     fs.FileMode // with the type and the sticky bit
}

// RefuseDirectory returns an error if a user besides root, this process's user and the known
// users can exchange the entries of a directory.
func RefuseDirectory(path string, n Node, known ...int) error {
	switch trusted := append(known, 0, os.Geteuid()); {
	case !slices.Contains(trusted, n.UID):
		return Refuse(path, fmt.Sprintf("belongs to another user (uid %d), who could replace the files there", n.UID),
			"name a directory that belongs to you")
	case n.Mode&fs.ModeSticky != 0:
		return nil // each user can exchange only their own entries there
	case n.Mode&0o002 != 0:
		return Refuse(path, "can be written by every user, who could replace the files there", "chmod o-w "+termtext.ShellWord(path))
	case n.Mode&0o020 != 0 && !n.ownGroup():
		return Refuse(path, fmt.Sprintf("can be written by its group (gid %d), which could replace the files there", n.GID), "chmod g-w "+termtext.ShellWord(path))
	}
	return nil
}

// ownGroup reports whether the group is its user's alone: adduser makes one with the user's
// number. Root's group has members. For a file with an access list the group bits are its mask.
func (n Node) ownGroup() bool { return n.GID == n.UID && n.UID != 0 }

// RefuseLink returns an error unless root or this process's user has made the link and no other
// user can exchange it.
func RefuseLink(path, target string, folder, link Node) error {
	if !slices.Contains([]int{0, os.Geteuid()}, link.UID) || RefuseDirectory(path, folder) != nil {
		return Refuse(path, fmt.Sprintf("is a link to %q that another user can replace", target), "name the directory itself, without a link")
	}
	return nil
}

// RefuseFile returns an error if a user besides root and this process's user can write to an
// opened file.
func RefuseFile(path string, file *os.File) error {
	var stat unix.Stat_t
	if err := UntilDone(func() error { return unix.Fstat(int(file.Fd()), &stat) }); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if why := Foreign(NodeOf(&stat)); why != "" {
		return Refuse(path, why, fmt.Sprintf("chown %d: %[2]s && chmod go-w %[2]s", os.Geteuid(), termtext.ShellWord(path)))
	}
	return nil
}

// RefuseReadable returns an error if a user besides the owner of an opened file can read it.
func RefuseReadable(path string, file *os.File) error {
	var stat unix.Stat_t
	if err := UntilDone(func() error { return unix.Fstat(int(file.Fd()), &stat) }); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if mode := ModeFrom(&stat).Perm(); mode&0o077 != 0 {
		return Refuse(path, fmt.Sprintf("can be read by others (mode %04o, want 0600)", mode), "chmod 600 "+termtext.ShellWord(path))
	}
	return nil
}

// Foreign says how a user besides root and this process's user can have written a file or a
// directory. It returns an empty string if no other user can have.
func Foreign(n Node) string {
	switch {
	case !slices.Contains([]int{0, os.Geteuid()}, n.UID):
		return fmt.Sprintf("belongs to another user (uid %d), who could have written it", n.UID)
	case n.Mode&0o002 != 0, n.Mode&0o020 != 0 && !n.ownGroup():
		return fmt.Sprintf("can be written by others than its owner (mode %04o)", n.Mode.Perm())
	}
	return ""
}
