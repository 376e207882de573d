//go:build linux

package trace

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// Call is one system call that is about to be carried out.
type Call struct {
	Name string
	// Path is the file of the call, as the kernel would find it: absolute, and for a call with
	// two names "OLD -> NEW". A file without a name has one like "pipe:[1]".
	Path string
	// FD is the descriptor of a call that has one in the place of a name, else -1.
	FD int
	// Changes is set for a call that can change a file or a directory.
	Changes bool
}

// Exit is the name of the call that ends a program.
const Exit = "exit_group"

// form says which arguments of a call name its file.
type form int

const (
	none    form = iota
	byFD         // a descriptor
	byName       // a directory's descriptor and a name
	between      // two of these
	linked       // a text, then a directory's descriptor and a name
)

// rule describes a system call.
type rule struct {
	name    string
	form    form
	changes bool
}

// rules are the calls that are reported. Old ones that Go does not make, such as rename, are
// not among them.
func rules() map[int]rule {
	return map[int]rule{
		unix.SYS_EXIT_GROUP: {Exit, none, false},

		unix.SYS_OPENAT:     {"openat", byName, false}, // see changes
		unix.SYS_OPENAT2:    {"openat2", byName, false},
		unix.SYS_READ:       {"read", byFD, false},
		unix.SYS_PREAD64:    {"pread64", byFD, false},
		unix.SYS_GETDENTS64: {"getdents64", byFD, false},
		unix.SYS_FSTAT:      {"fstat", byFD, false},
		fstatat:             {"fstatat", byName, false},
		unix.SYS_STATX:      {"statx", byName, false},
		unix.SYS_READLINKAT: {"readlinkat", byName, false},
		unix.SYS_FACCESSAT:  {"faccessat", byName, false},
		unix.SYS_FACCESSAT2: {"faccessat2", byName, false},
		unix.SYS_FLOCK:      {"flock", byFD, true},
		unix.SYS_FGETXATTR:  {"fgetxattr", byFD, false},
		unix.SYS_FSETXATTR:  {"fsetxattr", byFD, true},
		unix.SYS_WRITE:      {"write", byFD, true},
		unix.SYS_PWRITE64:   {"pwrite64", byFD, true},
		unix.SYS_WRITEV:     {"writev", byFD, true},
		unix.SYS_FTRUNCATE:  {"ftruncate", byFD, true},
		unix.SYS_FALLOCATE:  {"fallocate", byFD, true},
		unix.SYS_FSYNC:      {"fsync", byFD, true},
		unix.SYS_FDATASYNC:  {"fdatasync", byFD, true},
		unix.SYS_SYNCFS:     {"syncfs", byFD, true},
		unix.SYS_FCHMOD:     {"fchmod", byFD, true},
		unix.SYS_FCHMODAT:   {"fchmodat", byName, true},
		unix.SYS_FCHMODAT2:  {"fchmodat2", byName, true},
		unix.SYS_FCHOWN:     {"fchown", byFD, true},
		unix.SYS_FCHOWNAT:   {"fchownat", byName, true},
		unix.SYS_UTIMENSAT:  {"utimensat", byName, true},
		unix.SYS_MKDIRAT:    {"mkdirat", byName, true},
		unix.SYS_UNLINKAT:   {"unlinkat", byName, true},
		unix.SYS_RENAMEAT:   {"renameat", between, true},
		unix.SYS_RENAMEAT2:  {"renameat2", between, true},
		unix.SYS_LINKAT:     {"linkat", between, true},
		unix.SYS_SYMLINKAT:  {"symlinkat", linked, true},
		unix.SYS_MKNODAT:    {"mknodat", byName, true},
	}
}

// describe returns the call that a thread makes, with its path. r is the rule of the call.
func describe(n *notification, r rule) Call {
	c := Call{Name: r.name, FD: -1, Changes: r.changes}
	p := process(n.pid)
	args := n.data.args
	switch r.form {
	case byFD:
		c.FD = int(int32(args[0]))
		c.Path = p.open(args[0])
	case byName:
		c.Path = p.find(args[0], args[1])
	case between:
		c.Path = p.find(args[0], args[1]) + " -> " + p.find(args[2], args[3])
	case linked:
		c.Path = p.find(args[1], args[2])
	}
	if r.name == "openat" {
		c.Changes = args[2]&(unix.O_CREAT|unix.O_TRUNC) != 0
	}
	return c
}

// numbers are the numbers of the system calls with these names, in order; of all that can be
// reported, if there are no names.
func numbers(names []string) ([]int, error) {
	all := rules()
	if len(names) > 0 {
		maps.DeleteFunc(all, func(_ int, r rule) bool { return !slices.Contains(names, r.name) })
		if len(all) != len(names) {
			return nil, fmt.Errorf("the calls %q are not known, each once", names)
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}
