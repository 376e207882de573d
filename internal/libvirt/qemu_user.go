package libvirt

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"virtpki/internal/libvirt/conf"
)

// QEMUUser is the user that libvirt's system daemon runs QEMU as. QEMU opens the keys, not the
// daemon.
type QEMUUser struct {
	User   string // by name, or the number where it has none
	UID    int
	Group  string // the group for keys: QEMU is in it, and as few others as possible
	GID    int
	groups []int  // all groups of a QEMU process
	From   string // the source: "qemu.conf", or "the distribution's default"
}

// ErrNoQEMUUser says that no known user can be the one that runs QEMU.
var ErrNoQEMUUser = errors.New("virtpki does not know QEMU's user on this machine")

// qemuDefaults are the users that distributions build into libvirt: Debian, Ubuntu
// and Arch; then Fedora, RHEL and SUSE.
var qemuDefaults = []string{"libvirt-qemu", "qemu"}

// FindQEMUUser finds the user by qemu.conf, which may be empty, and by the contents of
// /etc/passwd and /etc/group: the user that qemu.conf names, else the one that libvirt was
// built with. The error is [ErrNoQEMUUser] when none has that name.
func FindQEMUUser(file *conf.File, passwd, group []byte) (QEMUUser, error) {
	users, groups := parseAccounts(passwd), parseAccounts(group)
	u := QEMUUser{From: "the distribution's default"}
	if v, ok := file.Lookup("user"); ok {
		u.From = "qemu.conf"
		account, err := lookup(users, v.Str())
		if err != nil {
			return u, fmt.Errorf("user %q of qemu.conf: %w", v.Str(), ErrNoQEMUUser)
		}
		u.User, u.UID = account.name, account.id
	} else if i := slices.IndexFunc(users, isDefaultUser); i >= 0 {
		u.User, u.UID = users[i].name, users[i].id
	} else {
		return u, ErrNoQEMUUser
	}
	u.findGroups(users, groups)
	if v, ok := file.Lookup("group"); ok {
		account, err := lookup(groups, v.Str())
		if err != nil {
			return u, fmt.Errorf("group %q of qemu.conf: %w", v.Str(), err)
		}
		u.Group, u.GID = account.name, account.id
		u.groups = append(u.groups, account.id)
	}
	return u, nil
}

func isDefaultUser(a account) bool { return slices.Contains(qemuDefaults, a.name) }

// findGroups collects the user's groups, and picks the one for keys: the group of the user's
// own name, since people are put into kvm, else the first.
func (u *QEMUUser) findGroups(users, groups []account) {
	for _, a := range users {
		if a.id == u.UID && a.name == u.User {
			u.groups = append(u.groups, a.gid)
		}
	}
	for _, g := range groups {
		if slices.Contains(g.members, u.User) {
			u.groups = append(u.groups, g.id)
		}
	}
	for _, g := range groups {
		mine := slices.Contains(u.groups, g.id)
		if mine && (g.name == u.User || u.Group == "" && g.id == u.groups[0]) {
			u.Group, u.GID = g.name, g.id
		}
	}
	if u.Group == "" && len(u.groups) > 0 {
		u.Group, u.GID = strconv.Itoa(u.groups[0]), u.groups[0]
	}
}

// MayRead reports whether QEMU may read a file of this owner, group and mode. Root may read
// only its own files: libvirt takes QEMU's capabilities away.
func (u QEMUUser) MayRead(uid, gid int, mode fs.FileMode) bool {
	return u.may(0o4, uid, gid, mode)
}

// MayEnter reports whether QEMU may go through a directory.
func (u QEMUUser) MayEnter(uid, gid int, mode fs.FileMode) bool {
	return u.may(0o1, uid, gid, mode)
}

// may checks the one set of bits that counts: the owner's, else the group's, else the others'.
func (u QEMUUser) may(bit fs.FileMode, uid, gid int, mode fs.FileMode) bool {
	switch {
	case uid == u.UID:
		bit <<= 6
	case slices.Contains(u.groups, gid):
		bit <<= 3
	}
	return mode&bit != 0
}

// ParseGroup finds a group by name or number in the contents of /etc/group. A number need not
// be listed there.
func ParseGroup(group []byte, text string) (name string, gid int, err error) {
	a, err := lookup(parseAccounts(group), text)
	if err != nil {
		return "", 0, fmt.Errorf("group %q: %w", text, err)
	}
	return a.name, a.id, nil
}

// account is a line of /etc/passwd or /etc/group.
type account struct {
	name    string
	id, gid int      // gid: of a user
	members []string // of a group
}

// parseAccounts reads the lines that have a name and a number; others are skipped,
// as the C library does.
func parseAccounts(data []byte) []account {
	var all []account
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(fields) < 4 || fields[0] == "" {
			continue
		}
		id, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil || id == math.MaxUint32 { // to chown the last number means no change
			continue
		}
		a := account{name: fields[0], id: int(id), gid: -1}
		if len(fields) == 4 {
			a.members = strings.FieldsFunc(fields[3], func(r rune) bool { return r == ',' })
		} else if gid, err := strconv.ParseUint(fields[3], 10, 32); err == nil && gid != math.MaxUint32 {
			a.gid = int(gid)
		}
		all = append(all, a)
	}
	return all
}

var errNoAccount = errors.New("there is none of this name")

// lookup finds an account as libvirt reads one: a name first, then a number; a plus sign before
// a number says that it is not a name (libvirt, src/util/virutil.c).
func lookup(accounts []account, text string) (account, error) {
	digits, numeric := strings.CutPrefix(text, "+")
	for _, a := range accounts {
		if !numeric && a.name == text {
			return a, nil
		}
	}
	id, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || id == math.MaxUint32 {
		return account{}, errNoAccount
	}
	for _, a := range accounts {
		if a.id == int(id) {
			return a, nil
		}
	}
	return account{name: digits, id: int(id), gid: -1}, nil
}
