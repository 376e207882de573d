package store

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

// policy says how far the directories on the way to a file are trusted. The zero
// value is for contents that anyone may know: whoever owns the directory may have
// them and may exchange them. Links of strangers are not followed even then.
type policy struct {
	secret bool   // refuse a directory in which strangers can exchange entries
	owner  *Owner // who is given the secret, and so is not a stranger in the last directory
}

// check returns an error unless the policy trusts a directory that a file is put into.
func (p policy) check(path string, n node) error {
	if !p.secret {
		return nil
	}
	var known []int
	if p.owner != nil {
		known = append(known, p.owner.UID)
	}
	return refuseDirectory(path, n, known...)
}

// A Refusal says that a file is not written because a stranger could exchange what
// lies on the way to it.
type Refusal struct {
	Path string
	Why  string
	fix  string
}

// Error names the path and what is wrong with it.
func (r *Refusal) Error() string { return fmt.Sprintf("%s %s", r.Path, r.Why) }

// Hint returns what to do about it.
func (r *Refusal) Hint() string { return r.fix }

// node is what a trust decision looks at.
type node struct {
	uid, gid int
	mode     fs.FileMode // with the type and the sticky bit
}

// refuseDirectory returns an error when somebody besides root, this process's user
// and the known users can exchange the entries of a directory.
func refuseDirectory(path string, n node, known ...int) error {
	switch trusted := append(known, 0, os.Geteuid()); {
	case !slices.Contains(trusted, n.uid):
		return &Refusal{path, fmt.Sprintf("belongs to another user (uid %d), who could exchange what is written there", n.uid),
			"name a directory that belongs to you"}
	case n.mode&fs.ModeSticky != 0:
		return nil // of the entries there everyone can exchange only their own
	case n.mode&0o002 != 0:
		return &Refusal{path, "can be written by every user, who could exchange what is written there", "chmod o-w " + quote(path)}
	case n.mode&0o020 != 0 && !n.ownGroup():
		return &Refusal{path, fmt.Sprintf("can be written by its group (gid %d), which could exchange what is written there", n.gid), "chmod g-w " + quote(path)}
	}
	return nil
}

// ownGroup reports whether the group is its user's alone: adduser makes one with the
// user's number. Root's group has members, and of an access list the mask stands in its
// place.
func (n node) ownGroup() bool { return n.gid == n.uid && n.uid != 0 }

// refuseLink returns an error unless root or this process's user has made the link,
// and nobody else can exchange it.
func refuseLink(path, target string, folder, link node) error {
	if !slices.Contains([]int{0, os.Geteuid()}, link.uid) || refuseDirectory(path, folder) != nil {
		return &Refusal{path, fmt.Sprintf("is a link to %q that another user can exchange", target), "name the directory that is meant, without a link"}
	}
	return nil
}

// plain is what a shell takes as it stands.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// quote words a path for a command that is typed.
func quote(path string) string {
	if plain.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
